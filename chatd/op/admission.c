/* gate - see gate.h. */
#include "chatd/op/admission.h"

#include "chatd/session/session.h"

#include <stddef.h>

static void stand_in_line(struct gate *g, struct session *s) {
    if (s->in_line)
        return;
    s->in_line = true;
    s->line_next = NULL;
    *(g->first ? &g->last->line_next : &g->first) = s;
    g->last = s;
}

bool gate_enter(struct gate *g, struct session *s) {
    if (g->inside >= GATE_PLACES) {
        stand_in_line(g, s);
        return false;
    }
    g->inside++;
    return true;
}

void gate_leave(struct gate *g) {
    g->inside--;
}

struct session *gate_next(struct gate *g) {
    struct session *s = g->inside < GATE_PLACES ? g->first : NULL;
    if (s) {
        g->first = s->line_next;
        s->in_line = false;
    }
    return s;
}
