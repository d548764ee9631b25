/* internal - what the files of view share; see view.h. */
#ifndef CHATTUI_VIEW_INTERNAL_H
#define CHATTUI_VIEW_INTERNAL_H

#include "chattui/base/grid.h"
#include "chattui/model/model.h"
#include "chattui/model/theme.h"
#include "chattui/view/layout.h"
#include "chattui/view/view.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define VIEW_TEXT_MAX (1u << 20) /* of one message or help, sanitized */

/* --- foreign.c --- */

/* Sanitized, cut with an ellipsis at column `end`. Returns the column behind. */
int foreign_put(struct grid *g, int row, int col, int end, uint8_t style, const char *s,
                size_t len);
/* Appends the sanitized form; returns its columns. */
int foreign_add(struct buf *out, const char *s, size_t len);

/* --- view_rows.c: a row of the timeline as lines --- */

/* How the rows of a channel are set in a window of some width. */
struct rows {
    const struct model *m;
    const struct conversation *c;
    int col, cols; /* of the window */
    int time_cols, nick_cols, text_col, text_cols;
    struct buf text; /* of the row at hand */
};

void view_rows_init(struct rows *r, const struct model *m, const struct conversation *c,
                    const struct layout *l);
void view_rows_free(struct rows *r);
/* Lines that row `i` takes, with the lines that stand before it: day, unread, the top. At least 1.
 */
int view_rows_height(struct rows *r, size_t i);
/* Draws its lines from `first` on into the screen's rows `row` to `end` - 1; returns how many. */
int view_rows_draw(struct rows *r, struct grid *g, size_t i, int first, int row, int end);

/* --- The other files --- */

/* Returns whether there is more below what is seen. */
bool view_timeline(struct grid *g, const struct model *m, const struct layout *l);
void view_channels(struct grid *g, const struct model *m, struct area a);
void view_members(struct grid *g, const struct model *m, struct area a);
void view_title(struct grid *g, const struct model *m, struct area a);
/* The lines that the status takes, of at most so many. */
int view_status_rows(const struct model *m, int cols, int most);
void view_status(struct grid *g, const struct model *m, struct area a, bool more_below);
void view_dialog(struct grid *g, const struct model *m, struct area a);
void view_help(struct grid *g, struct area a, struct view_state *state);
/* The lines that a question would take. */
int view_question_rows(const struct model *m, int cols);
void view_question(struct grid *g, const struct model *m, struct area a);

#endif
