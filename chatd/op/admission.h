/* gate - only so many requests that cost Redis many times what a message does (joins, history,
 * users) are carried out at once, on all connections together; the others' sessions stand in line.
 * So when thousands of clients come back at once, a message passes their joins by, instead of
 * standing behind all of them on the link to Redis. Loop thread only. */
#ifndef CHATD_OP_ADMISSION_H
#define CHATD_OP_ADMISSION_H

#include <stdbool.h>

#define GATE_PLACES 64 /* some milliseconds of Redis' time */

struct session;

struct gate {
    unsigned inside;
    struct session *first, *last; /* in line: their next request is to go in */
    bool opening;                 /* gate_leave's caller is letting them in */
};

/* True: the session's next request is inside, until gate_leave. False: there is no room; the session
 * stands in line, once, until gate_next gives it back. It must not be freed there, and isn't: its
 * request waits. */
bool gate_enter(struct gate *g, struct session *s);
void gate_leave(struct gate *g);
/* If there is room, the first in line, taken out of it, to try again; else NULL. */
struct session *gate_next(struct gate *g);

#endif
