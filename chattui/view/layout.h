/* layout - the panes of a screen of a given size. Pure arithmetic.
 *
 *   title ───────────────────────────
 *   channels │ timeline   │ members     side panes go when the screen is narrow
 *   status ──────────────────────────     grows with what is said
 *   input                               grows with the draft, up to a third of the screen
 */
#ifndef CHATTUI_VIEW_LAYOUT_H
#define CHATTUI_VIEW_LAYOUT_H

#include "chattui/base/grid.h"

#include <stdbool.h>

#define LAYOUT_MIN_ROWS 8
#define LAYOUT_MIN_COLS 40

struct layout {
    bool too_small; /* then nothing else is set */
    struct area title, channels, timeline, members, status, input;
    int nick_cols; /* of the timeline, for nicks */
};

/* A pane that is not shown has no columns. `input_rows`: as many as the draft would take;
 * `status_rows` likewise, at most layout_status_rows_max. */
struct layout layout_make(int rows, int cols, bool members, int input_rows, int status_rows);

/* The rows that the input line may take. */
int layout_input_rows_max(int rows);
/* … and the status. */
int layout_status_rows_max(int rows);

#endif
