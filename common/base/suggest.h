/* suggest - the word that was probably meant by one that is unknown: the candidate with the least
 * Levenshtein distance, if that is small for a word of this length.
 *
 *     struct suggest s = suggest_begin(word, len);
 *     for (…) suggest_try(&s, candidate);
 *     if (s.best) …
 */
#ifndef COMMON_BASE_SUGGEST_H
#define COMMON_BASE_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *word;
    size_t len, least; /* a candidate must be nearer than `least` */
    const char *best;  /* the nearest so far, as it was given; NULL = none is near */
};

struct suggest suggest_begin(const char *word, size_t len); /* word is borrowed */
void suggest_try(struct suggest *s, const char *candidate);

#endif
