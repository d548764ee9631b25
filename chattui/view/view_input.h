/* view_input - the draft, as cells: wrapped where the row is full, since an editor shows each
 * space; scrolled so that the cursor is on the screen. Pure.
 *
 * A draft is the user's own text, yet may hold what was pasted: it passes sanitize() like all else.
 */
#ifndef CHATTUI_VIEW_VIEW_INPUT_H
#define CHATTUI_VIEW_VIEW_INPUT_H

#include "chattui/base/grid.h"
#include "chattui/term/input.h"

/* The rows that the draft takes, at most `most`. `prompt` stands before the first row. */
int view_input_rows(const struct input_look *look, const char *prompt, int cols, int most);
/* Draws it into `a` and sets the cursor. */
void view_input(struct grid *g, struct area a, const struct input_look *look, const char *prompt);

#endif
