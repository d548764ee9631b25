/* ask - requests under way. Nothing is sent from anywhere else, so that the bound on them holds and
 * each response finds what it answers.
 */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

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

bool ask_pending(const struct model *m, enum ask_kind kind, const struct recipient *to) {
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
#define X(sym, request, refused) [ASK_##sym] = REQ_##request,
        ASK_TABLE(X)
#undef X
    };
    return KINDS[kind];
}

/* The first frame of a connection says who we are, if a key does. */
static void add_key(struct model *m, struct effects *fx, struct ask *ask, struct request *r) {
    if (m->conn.key_sent || !*m->key || ask->kind == ASK_SIGN)
        return;
    m->conn.key_sent = ask->has_key = true;
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
    r->u.users.limit = m->conn.limits.users_page;
    return true;
}

uint32_t ask_retry_delay(struct model *m, const struct response *a, unsigned n) {
    if (err_retry((enum err_code)a->u.error.code) == RETRY_NEVER)
        return 0;
    uint32_t wait = ask_back_off(m, n), least = a->u.error.retry_after_ms;
    return wait > least ? wait : least;
}

uint32_t ask_back_off(struct model *m, unsigned n) {
    uint32_t most = 1000u << (n < 5 ? n : 5);
    if (most > 30000)
        most = 30000;
    return most / 2 + model_random(m, most / 2 + 1);
}
