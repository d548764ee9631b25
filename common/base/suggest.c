/* suggest - see suggest.h. */
#include "common/base/suggest.h"

#define WORD_MAX 64 /* nobody means anything by a longer one */

/* Levenshtein's distance between `a` and the `len` bytes of `b`, in one row of his matrix. */
static size_t distance(const char *a, const char *b, size_t len) {
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j + 1] + 1)
                best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[len];
}

struct suggest suggest_begin(const char *word, size_t len) {
    return (struct suggest){.word = word, .len = len, .least = 2u + (len >= 4) + (len >= 8)};
}

void suggest_try(struct suggest *s, const char *candidate) {
    size_t n = s->len <= WORD_MAX ? distance(candidate, s->word, s->len) : s->least;
    if (n >= s->least)
        return;
    s->least = n;
    s->best = candidate;
}
