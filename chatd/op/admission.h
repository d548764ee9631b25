/* admission - only so many requests that cost Redis many times what a message does (joins, history,
 * users) are carried out at once, on all connections together; the others' sessions queue. So when
 * thousands of clients come back at once, a message passes their joins by, instead of standing
 * behind all of them on the link to Redis. Loop thread only. */
#ifndef CHATD_OP_ADMISSION_H
#define CHATD_OP_ADMISSION_H

#include <stdbool.h>

#define ADMISSION_PLACES 64 /* some milliseconds of Redis' time */

struct session;

struct admission {
    unsigned inside;
    struct session *first, *last; /* the queue: their next request is to go in */
    bool opening;                 /* op.c is letting them in; see op.h */
};

/* True: the session's next request is inside, until admission_leave. False: there is no room; the
 * session is queued, once, until admission_next gives it back. It must not be freed there, and
 * isn't: its request waits. */
bool admission_enter(struct admission *a, struct session *s);
void admission_leave(struct admission *a);
/* If there is room, the first of the queue, taken out of it, to try again; else NULL. */
struct session *admission_next(struct admission *a);

#endif
