/* admission - see admission.h. */
#include "chatd/op/admission.h"

#include "chatd/session/session.h"

#include <stddef.h>

static void join_queue(struct admission *g, struct session *s) {
    if (s->queued)
        return;
    s->queued = true;
    s->queue_next = NULL;
    *(g->first ? &g->last->queue_next : &g->first) = s;
    g->last = s;
}

bool admission_enter(struct admission *g, struct session *s) {
    if (g->inside >= ADMISSION_PLACES) {
        join_queue(g, s);
        return false;
    }
    g->inside++;
    return true;
}

void admission_leave(struct admission *g) {
    g->inside--;
}

struct session *admission_next(struct admission *g) {
    struct session *s = g->inside < ADMISSION_PLACES ? g->first : NULL;
    if (s) {
        g->first = s->queue_next;
        s->queued = false;
    }
    return s;
}
