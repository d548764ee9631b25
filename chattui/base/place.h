/* place - where something is in a timeline, by what it is and not by its index, so that it stays
 * right when rows come in before it or go.
 */
#ifndef CHATTUI_BASE_PLACE_H
#define CHATTUI_BASE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* Orders the rows of a timeline. Two rows never have the same. */
struct place {
    uint64_t seq;   /* of the message; of rows between messages: of the message before */
    uint32_t sub;   /* 0 = the message itself; more: a row behind it */
    uint16_t epoch; /* which numbering, counted from 1; PLACE_PENDING is behind all */
};

#define PLACE_PENDING UINT16_MAX /* seq is the order in which they were entered */
#define PLACE_NONE ((struct place){0})

int place_cmp(struct place a, struct place b); /* < 0, 0, > 0 */

/* The window on a channel. Zeroed: the newest rows, and it follows. */
enum scroll_edge {
    SCROLL_FOLLOW, /* the newest row is at the bottom, also when others come */
    SCROLL_BOTTOM, /* the row `at` is at the bottom; `skip` of its lines are below the window */
    SCROLL_TOP     /* the row `at` is at the top; `skip` of its lines are above the window */
};

struct scroll {
    enum scroll_edge edge;
    struct place at; /* if the row has gone: the next one that is there */
    int skip;        /* lines, when wrapped to the window's width; clamp it */
    bool at_top;     /* EV_SCROLL: the window shows the first row, or nearly: time to load more */
};

#endif
