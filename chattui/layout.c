/* layout - see layout.h. */
#include "chattui/layout.h"

#define CHANNELS_FROM 64 /* columns from which on the channel list is shown */
#define MEMBERS_FROM 64
#define WIDE 120 /* columns from which on the panes get more */
#define PANE 16
#define PANE_WIDE 22
#define NICK 12
#define NICK_WIDE 16
#define NICK_NARROW 8
#define INPUT_ROWS_MAX 10

static int pane_cols(int cols) {
    return cols >= WIDE ? PANE_WIDE : PANE;
}

static int nick_cols(int timeline_cols) {
    return timeline_cols >= 90 ? NICK_WIDE : timeline_cols >= 60 ? NICK : NICK_NARROW;
}

int layout_input_rows_max(int rows) {
    int third = rows / 3;
    return third < 1 ? 1 : third > INPUT_ROWS_MAX ? INPUT_ROWS_MAX : third;
}

struct layout layout_make(int rows, int cols, bool members, int input_rows) {
    struct layout l = {.too_small = rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS};
    if (l.too_small)
        return l;
    int most = layout_input_rows_max(rows);
    int below = input_rows < 1 ? 1 : input_rows > most ? most : input_rows;
    int height = rows - 2 - below, left = 0, right = cols;
    l.title = (struct area){0, 0, 1, cols};
    l.status = (struct area){rows - below - 1, 0, 1, cols};
    l.input = (struct area){rows - below, 0, below, cols};
    if (cols >= CHANNELS_FROM) {
        l.channels = (struct area){1, 0, height, pane_cols(cols)};
        left = l.channels.cols + 1; /* and the border */
    }
    if (members && cols >= MEMBERS_FROM) {
        right = cols - pane_cols(cols) - 1;
        l.members = (struct area){1, right + 1, height, pane_cols(cols)};
    }
    l.timeline = (struct area){1, left, height, right - left};
    l.nick_cols = nick_cols(l.timeline.cols);
    return l;
}
