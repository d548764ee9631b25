/* layout - see layout.h. */
#include "chattui/view/layout.h"

#include <stddef.h>

#define CHANNELS_FROM 60 /* columns from which on the channel list is shown */
#define MEMBERS_FROM 76
#define NICK 12
#define NICK_WIDE 16
#define NICK_NARROW 8
#define INPUT_ROWS_MAX 10
#define STATUS_ROWS_MAX 8

/* The panes' columns on a screen of so many. */
static const struct {
    int from, channels, members;
} PANES[] = {{140, 24, 22}, {100, 18, 16}, {0, 14, 12}};

static int pane_cols(int cols, bool members) {
    size_t i = 0;
    while (cols < PANES[i].from)
        i++;
    return members ? PANES[i].members : PANES[i].channels;
}

static int nick_cols(int timeline_cols) {
    if (timeline_cols >= 90)
        return NICK_WIDE;
    return timeline_cols >= 56 ? NICK : NICK_NARROW;
}

static int clamp_rows(int rows, int most) {
    if (rows > most)
        rows = most;
    return rows < 1 ? 1 : rows;
}

int layout_input_rows_max(int rows) {
    return clamp_rows(rows / 3, INPUT_ROWS_MAX);
}

int layout_status_rows_max(int rows) {
    return clamp_rows(rows / 3, STATUS_ROWS_MAX);
}

struct layout layout_make(int rows, int cols, bool members, int input_rows, int status_rows) {
    struct layout l = {.too_small = rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS};
    if (l.too_small)
        return l;
    int below = clamp_rows(input_rows, layout_input_rows_max(rows));
    int said = clamp_rows(status_rows, layout_status_rows_max(rows));
    int height = rows - 1 - said - below, left = 0, right = cols;
    l.title = (struct area){0, 0, 1, cols};
    l.status = (struct area){rows - below - said, 0, said, cols};
    l.input = (struct area){rows - below, 0, below, cols};
    if (cols >= CHANNELS_FROM) {
        l.channels = (struct area){1, 0, height, pane_cols(cols, false)};
        left = l.channels.cols + 1; /* and the border */
    }
    if (members && cols >= MEMBERS_FROM) {
        right = cols - pane_cols(cols, true) - 1;
        l.members = (struct area){1, right + 1, height, cols - right - 1};
    }
    l.timeline = (struct area){1, left, height, right - left};
    l.nick_cols = nick_cols(l.timeline.cols);
    return l;
}
