/* update_pump - what is due to be sent, looked at behind each event, so that the order of things
 * after a (re)connect is written down once.
 */
#include "chattui/update/internal.h"

/* --- What is due --- */

static bool may_ask(const struct model *m) {
    return m->conn.state == CONN_ONLINE || (m->conn.state == CONN_SIGNING_IN && *m->key);
}

static void join(struct model *m, struct conversation *c, struct effects *fx) {
    struct request *r;
    struct ask *ask = ask_begin(m, fx, ASK_JOIN, &c->to, &r);
    if (!ask)
        return;
    const struct timeline *t = &c->timeline;
    r->to = c->to;
    bool trace = !c->was_loaded && t->bottom > 0; /* see must_trace */
    if (t->bottom > 0 && !uuid_is_nil(&t->at.epoch)) {
        r->u.join.has_since = true;
        r->u.join.since = ask->since = trace ? c->saved_read : t->at;
        const struct row *newest = timeline_at(t);
        if (newest && !trace)
            r->u.join.since_uuid = newest->u.message.uuid;
    }
    c->join = JOIN_ASKED;
    m->version++;
}

static void read_before(struct model *m, struct conversation *c, struct effects *fx,
                        enum ask_kind kind, uint64_t low, uint64_t high) {
    struct request *r;
    struct ask *ask = ask_begin(m, fx, kind, &c->to, &r);
    if (!ask)
        return;
    ask->epoch = c->timeline.epoch;
    ask->low = low;
    ask->high = high;
    r->to = c->to;
    r->u.history.before = high;
    r->u.history.limit = m->conn.limits.history_page;
    if (kind == ASK_HISTORY) {
        timeline_ask_top(&c->timeline, true);
    } else {
        struct place at = timeline_place(&c->timeline, low);
        at.sub = TIMELINE_SUB_GAP;
        timeline_ask_hole(&c->timeline, at, true);
    }
    m->version++;
}

static void load_history(struct model *m, struct conversation *c, struct effects *fx) {
    uint64_t before = timeline_before(&c->timeline);
    if (before == 0 && timeline_top(&c->timeline) != TOP_LOADING)
        c->pages_wanted = 0;
    if (c->pages_wanted > 0 && before > 0)
        read_before(m, c, fx, ASK_HISTORY, 0, before);
}

static void load_holes(struct model *m, struct conversation *c, struct effects *fx) {
    if (c->hole_pages == 0 || ask_pending(m, ASK_HOLE, &c->to))
        return;
    const struct row *hole = timeline_hole(&c->timeline);
    if (hole)
        read_before(m, c, fx, ASK_HOLE, hole->place.seq, hole->u.gap.to);
}

static void pump_channel(struct model *m, struct conversation *c, struct effects *fx) {
    if (m->now_ms < c->pause_ms)
        return;
    if (c->join == JOIN_WANTED)
        join(m, c, fx);
    if (c->join != JOIN_DONE || m->conn.state != CONN_ONLINE)
        return;
    outbox_pump(m, c, fx);
    if (!uuid_is_nil(&c->awaited))
        return; /* until its event is here, its pages are of no use */
    if (c->timeline.holes > 0)
        load_holes(m, c, fx);
    if (c->pages_wanted > 0)
        load_history(m, c, fx);
}

/* The public channel is first in the list, so its join is what carries the key. */
void update_pump(struct model *m, struct effects *fx) {
    if (!may_ask(m))
        return;
    for (size_t i = 0; i < m->nconversations; i++)
        pump_channel(m, m->conversations[i], fx);
    if (m->conn.state == CONN_ONLINE && !m->conn.has_users)
        m->conn.has_users = ask_users(m, fx, ASK_USERS, 0);
}
