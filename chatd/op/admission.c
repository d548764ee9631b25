/* admission - see admission.h. */
#include "chatd/op/admission.h"

#include "chatd/session/session.h"

#include <stddef.h>

static void join_queue(struct admission *a, struct session *s) {
    if (s->queued)
        return;
    s->queued = true;
    s->queue_next = NULL;
    *(a->first ? &a->last->queue_next : &a->first) = s;
    a->last = s;
}

bool admission_enter(struct admission *a, struct session *s) {
    if (a->inside >= ADMISSION_PLACES) {
        join_queue(a, s);
        return false;
    }
    a->inside++;
    return true;
}

void admission_leave(struct admission *a) {
    a->inside--;
}

struct session *admission_next(struct admission *a) {
    struct session *s = a->inside < ADMISSION_PLACES ? a->first : NULL;
    if (s) {
        a->first = s->queue_next;
        s->queued = false;
    }
    return s;
}
