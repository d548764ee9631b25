/* grid - what the screen shall show: rows of cells, each a character with its marks and a style,
 * and the cursor. The view draws into it, the screen and the tests read it. Knows nothing of
 * curses.
 *
 * It takes text that `sanitize` has passed, and trusts nobody: a character that would act on a
 * terminal becomes U+FFFD here too.
 */
#ifndef CHATTUI_BASE_GRID_H
#define CHATTUI_BASE_GRID_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CELL_CHARS 5  /* a character and four marks: as many as curses keeps */
#define GRID_MAX 1000 /* rows, columns */

struct cell {
    uint32_t ch[CELL_CHARS]; /* ended by 0 when there are fewer */
    uint8_t width;           /* 1 or 2; 0 = the right half of the character before */
    uint8_t style;           /* an enum style, see theme.h */
    uint16_t unused;         /* no padding: rows are compared as bytes */
};

struct grid {
    struct cell *cells;
    int rows, cols;
    int cursor_row, cursor_col;
    bool cursor_on;
};

/* Makes it rows x cols (clamped to 1 … GRID_MAX) and clear. False: no memory, nothing changed. A
 * zeroed grid is 0 x 0. */
bool grid_resize(struct grid *g, int rows, int cols);
void grid_free(struct grid *g);
void grid_clear(struct grid *g); /* spaces in style 0, no cursor */

struct cell *grid_row(const struct grid *g, int row); /* its first cell; row must be in range */
bool grid_row_eq(const struct grid *a, const struct grid *b, int row); /* of equal size */

/* A rectangle, clipped to the grid by the functions that draw into it. */
struct area {
    int row, col, rows, cols;
};

/* Writes text into row `row`, from column `col` on, up to but not including column `end`. Text
 * that does not fit is left out; a line feed ends it. Rows and columns out of range draw nothing.
 * Returns the column behind. */
int grid_put(struct grid *g, int row, int col, int end, uint8_t style, const char *text,
             size_t len);
int grid_str(struct grid *g, int row, int col, int end, uint8_t style, const char *text);
/* The same; a cut text ends in an ellipsis. */
int grid_put_cut(struct grid *g, int row, int col, int end, uint8_t style, const char *text,
                 size_t len);
/* Fills columns `col` to `end` - 1 with a character of width 1. */
void grid_fill(struct grid *g, int row, int col, int end, uint8_t style, uint32_t c);

/* Appends row by row what is seen, spaces at the ends of rows left out, each row ended by a line
 * feed. */
void grid_text(const struct grid *g, struct buf *out);

#endif
