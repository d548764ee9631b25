/* update_send - requests: what is due, and what is under way. Nothing is sent from anywhere else,
 * so that the bound on requests under way holds and the order of things after a (re)connect is
 * written down once.
 */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

/* --- Under way --- */

static struct ask *free_ask(struct model *m) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (m->asks[i].kind == ASK_NONE)
            return &m->asks[i];
    return NULL;
}

struct ask *ask_find(struct model *m, uint64_t id) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (m->asks[i].kind != ASK_NONE && m->asks[i].id == id)
            return &m->asks[i];
    return NULL;
}

bool ask_is_under_way(const struct model *m, enum ask_kind kind, const struct recipient *to) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (m->asks[i].kind == kind && (!to || recipient_eq(&m->asks[i].to, to)))
            return true;
    return false;
}

void ask_end(struct ask *ask) {
    memset(ask, 0, sizeof *ask);
}

static enum request_kind request_of(enum ask_kind kind) {
    static const enum request_kind KINDS[] = {
        [ASK_SIGN] = REQ_SIGN_IN,
        [ASK_SIGN_OUT] = REQ_SIGN_OUT,
        [ASK_JOIN] = REQ_CHANNEL_JOIN,
        [ASK_LEAVE] = REQ_CHANNEL_LEAVE,
        [ASK_SEND] = REQ_CHANNEL_MESSAGE,
        [ASK_HISTORY] = REQ_CHANNEL_MESSAGES,
        [ASK_HOLE] = REQ_CHANNEL_MESSAGES,
        [ASK_USERS] = REQ_USERS,
        [ASK_LIST] = REQ_USERS,
        [ASK_LOOKUP] = REQ_USERS,
    };
    return KINDS[kind];
}

/* The first frame of a connection says who we are, if a key does. */
static void add_key(struct model *m, struct effects *fx, struct ask *ask, struct request *r) {
    if (m->net.key_is_sent || !*m->key || ask->kind == ASK_SIGN)
        return;
    m->net.key_is_sent = ask->has_key = true;
    r->user = m->me;
    r->key = effects_copy(fx, m->key, strlen(m->key));
    r->key_len = strlen(m->key);
}

struct ask *ask_begin(struct model *m, struct effects *fx, enum ask_kind kind,
                      const struct recipient *to, struct request **out) {
    struct ask *ask = free_ask(m);
    struct request *r = ask ? effects_room(fx, sizeof *r) : NULL;
    if (!r)
        return NULL;
    *ask = (struct ask){.kind = kind, .id = ++m->last_id, .sent_ms = m->now_ms};
    if (to)
        ask->to = *to;
    char id[24];
    r->kind = request_of(kind);
    r->id.len = (uint16_t)snprintf(id, sizeof id, "%llu", (unsigned long long)ask->id);
    r->id.json = effects_copy(fx, id, r->id.len);
    add_key(m, fx, ask, r);
    effects_add(fx, EFFECT_SEND)->request = r;
    *out = r;
    return ask;
}

bool ask_users(struct model *m, struct effects *fx, enum ask_kind kind, uint32_t offset) {
    struct request *r;
    if (!ask_begin(m, fx, kind, NULL, &r))
        return false;
    r->u.users.offset = offset;
    r->u.users.limit = m->net.limits.users_page;
    return true;
}

uint32_t back_off(struct model *m, unsigned n) {
    uint32_t most = 1000u << (n < 5 ? n : 5);
    if (most > 30000)
        most = 30000;
    return most / 2 + model_random(m, most / 2 + 1);
}

/* What was under way is to be asked again; what was asked by the user is not. */
void asks_lost(struct model *m) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        ask_end(&m->asks[i]);
    for (size_t i = 0; i < m->nchannels; i++) {
        struct channel *c = m->channels[i];
        if (c->join == JOIN_DONE || c->join == JOIN_ASKED)
            c->join = JOIN_WANTED;
        c->pause_ms = 0;
        timeline_forget_asks(&c->timeline);
    }
    outbox_lost_connection(m);
    lookup_end(m);
}

/* --- What is due --- */

static bool may_ask(const struct model *m) {
    return m->net.state == NET_ONLINE || (m->net.state == NET_SIGNING_IN && *m->key);
}

static void join(struct model *m, struct channel *c, struct effects *fx) {
    struct request *r;
    struct ask *ask = ask_begin(m, fx, ASK_JOIN, &c->to, &r);
    if (!ask)
        return;
    const struct timeline *t = &c->timeline;
    r->u.join.to = c->to;
    if (t->bottom > 0 && !uuid_is_nil(&t->at.epoch)) {
        r->u.join.has_since = true;
        r->u.join.since = ask->since = t->at;
    }
    c->join = JOIN_ASKED;
    m->version++;
}

static void read_before(struct model *m, struct channel *c, struct effects *fx, enum ask_kind kind,
                        uint64_t low, uint64_t high) {
    struct request *r;
    struct ask *ask = ask_begin(m, fx, kind, &c->to, &r);
    if (!ask)
        return;
    ask->epoch = c->timeline.epoch;
    ask->low = low;
    ask->high = high;
    r->u.read.to = c->to;
    r->u.read.before = high;
    r->u.read.limit = m->net.limits.history_page;
    if (kind == ASK_HISTORY) {
        timeline_ask_top(&c->timeline, true);
    } else {
        struct place at = timeline_place(&c->timeline, low);
        at.sub = TIMELINE_SUB_GAP;
        timeline_ask_hole(&c->timeline, at, true);
    }
    m->version++;
}

static void load_history(struct model *m, struct channel *c, struct effects *fx) {
    uint64_t before = timeline_before(&c->timeline);
    if (before == 0 && timeline_top(&c->timeline) != TOP_LOADING)
        c->pages_wanted = 0;
    if (c->pages_wanted > 0 && before > 0)
        read_before(m, c, fx, ASK_HISTORY, 0, before);
}

static void load_holes(struct model *m, struct channel *c, struct effects *fx) {
    if (c->hole_pages == 0 || ask_is_under_way(m, ASK_HOLE, &c->to))
        return;
    const struct row *hole = timeline_hole(&c->timeline);
    if (hole)
        read_before(m, c, fx, ASK_HOLE, hole->place.seq, hole->u.gap.to);
}

static void pump_channel(struct model *m, struct channel *c, struct effects *fx) {
    if (m->now_ms < c->pause_ms)
        return;
    if (c->join == JOIN_WANTED)
        join(m, c, fx);
    if (c->join != JOIN_DONE || m->net.state != NET_ONLINE)
        return;
    outbox_pump(m, c, fx);
    if (c->timeline.holes > 0)
        load_holes(m, c, fx);
    if (c->pages_wanted > 0)
        load_history(m, c, fx);
}

/* The public channel is first in the list, so its join is what carries the key. */
void pump(struct model *m, struct effects *fx) {
    if (!may_ask(m))
        return;
    for (size_t i = 0; i < m->nchannels; i++)
        pump_channel(m, m->channels[i], fx);
    if (m->net.state == NET_ONLINE && !m->net.has_users)
        m->net.has_users = ask_users(m, fx, ASK_USERS, 0);
}
