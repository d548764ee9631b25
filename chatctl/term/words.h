/* words - a line of the shell taken apart: words between spaces; '…' as it stands, "…" with \" and
 * \\, \x outside of quotes; # at the beginning of a word is a comment to the end of the line. */
#ifndef CHATCTL_TERM_WORDS_H
#define CHATCTL_TERM_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
    char **v;
    size_t n;
    char open;  /* the quote that is not closed, or 0 */
    bool ended; /* nothing of a further word has begun: the line ends with a space, or is empty */
    char *text; /* holds the words */
};

/* False: out of memory. An open quote is closed by the end; `open` tells. */
bool words_split(struct words *w, const char *line);
void words_free(struct words *w);

#endif
