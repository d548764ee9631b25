/* wrap - text in lines of at most so many columns. Pure: `for (wrap_init(…); wrap_next(…);)`.
 *
 * Lines end at a line feed, else behind the last word that fits (the spaces at the break belong to
 * no line), or between wide characters, which Chinese and Japanese have no spaces between; a word
 * longer than a line is cut where the line is full. Never inside a character with its marks. Spaces
 * at the beginning of a line of the text itself stay.
 */
#ifndef CHATTUI_BASE_WRAP_H
#define CHATTUI_BASE_WRAP_H

#include <stdbool.h>
#include <stddef.h>

struct wrap {
    const char *text; /* borrowed */
    size_t len, at;
    int width;
    bool done;
};

struct wrap_line {
    size_t start, len; /* of the text, in bytes */
    int columns;
};

/* width < 1 counts as 1; then a wide character is a line of 2 columns, which nobody can show. */
void wrap_init(struct wrap *w, const char *text, size_t len, int width);
/* False: there are no more. A text has at least one line, if an empty one. */
bool wrap_next(struct wrap *w, struct wrap_line *line);
int wrap_count(const char *text, size_t len, int width);

#endif
