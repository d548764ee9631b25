/* update_response - responses of the server, each handed to the function that its row names. An
 * answer finds its request by the requestID; one that answers nothing of ours, or makes no sense,
 * is counted and ignored.
 */
#include "chattui/update/internal.h"

#include <string.h>

#define PAUSE_MS 1000

/* --- Errors --- */

static bool is_about_us(unsigned code) {
    return code == ERR_BAD_KEY || code == ERR_WRONG_USER || code == ERR_NOT_AUTHORIZED;
}

/* A channel's request was refused for now: it is due again later. False: it was refused for good.
 */
static bool pause_channel(struct model *m, struct conversation *c, const struct response *a) {
    uint32_t wait = ask_retry_delay(m, a, c->tries);
    if (wait == 0)
        return false;
    c->tries++;
    c->pause_ms = m->now_ms + wait + PAUSE_MS / 2;
    return true;
}

void ask_refused_join(struct model *m, const struct response *a, const struct ask *ask,
                      struct effects *fx) {
    (void)fx;
    struct conversation *c = model_conversation(m, &ask->to);
    if (!c || c->join != JOIN_ASKED)
        return;
    bool again = pause_channel(m, c, a) || is_about_us(a->u.error.code);
    c->join = again ? JOIN_WANTED : JOIN_REFUSED;
    if (!again)
        model_notice(m, c, NOTICE_ERROR, "can't be joined: %s", a->u.error.message);
    m->version++;
}

void ask_refused_history(struct model *m, const struct response *a, const struct ask *ask,
                         struct effects *fx) {
    (void)fx;
    struct conversation *c = model_conversation(m, &ask->to);
    if (!c)
        return;
    timeline_forget_asks(&c->timeline);
    if (!pause_channel(m, c, a))
        c->pages_wanted = c->hole_pages = 0;
}

void ask_refused_sign_out(struct model *m, const struct response *a, const struct ask *ask,
                          struct effects *fx) {
    take_unauthorized(m, a, ask, fx);
}

void ask_refused_users(struct model *m, const struct response *a, const struct ask *ask,
                       struct effects *fx) {
    (void)m, (void)a, (void)ask, (void)fx; /* asked for again on the next connection */
}

void ask_refused_lookup(struct model *m, const struct response *a, const struct ask *ask,
                        struct effects *fx) {
    lookup_end(m);
    ask_refused_say(m, a, ask, fx);
}

void ask_refused_say(struct model *m, const struct response *a, const struct ask *ask,
                     struct effects *fx) {
    (void)ask, (void)fx;
    model_say(m, true, "%s", a->u.error.message);
}

/* The request may have been forgotten since, with its connection or key. */
static void refused_unasked(struct model *m, const struct response *a, const struct ask *ask,
                            struct effects *fx) {
    if (!a->has_id)
        ask_refused_say(m, a, ask, fx);
}

void take_error(struct model *m, const struct response *a, const struct ask *ask,
                struct effects *fx) {
    static take_fn *const REFUSED[] = {[ASK_NONE] = refused_unasked,
#define X(sym, request, refused) [ASK_##sym] = ask_refused_##refused,
                                       ASK_TABLE(X)
#undef X
    };
    bool sign = ask->kind == ASK_SIGN || ask->kind == ASK_SIGN_OUT;
    if (ask->has_key && !is_about_us(a->u.error.code) && a->u.error.code != ERR_BANNED)
        m->conn.key_sent = false; /* it may not have been looked at: the next frame has it */
    REFUSED[ask->kind](m, a, ask, fx);
    if (a->u.error.code == ERR_NOT_AUTHORIZED)
        m->conn.key_sent = false;
    else if (!sign && is_about_us(a->u.error.code))
        conn_key_refused(m, fx, "the server no longer accepts the saved key: sign in again");
}

/* --- The others --- */

void take_sys_epoch(struct model *m, const struct response *a, const struct ask *ask,
                    struct effects *fx) {
    (void)ask, (void)fx;
    struct conversation *c = model_conversation(m, &a->u.sys.to);
    if (!c || c->timeline.epoch == 0 || a->u.sys.at.seq >= TIMELINE_SEQ_MAX) {
        m->strange++;
        return;
    }
    if (a->u.sys.follows) /* what is missing here can be asked for, as before */
        timeline_follow_epoch(&c->timeline, &a->u.sys.at.epoch);
    else if (!timeline_set_epoch(&c->timeline, &a->u.sys.at, m->wall_ms))
        return;
    c->awaited = (struct uuid){{0}};
    c->hole_pages = HOLE_PAGES;
    m->version++;
}

void take_sys_purge(struct model *m, const struct response *a, const struct ask *ask,
                    struct effects *fx) {
    (void)ask, (void)fx;
    struct conversation *c = model_conversation(m, &a->u.sys.to);
    if (!c)
        return;
    if (a->u.sys.one)
        timeline_purge_one(&c->timeline, &a->u.sys.uuid);
    else
        timeline_purge(&c->timeline, &a->u.sys.at.epoch, a->u.sys.at.seq);
    conversation_recount(m, c);
}

void take_sys_purge_from(struct model *m, const struct response *a, const struct ask *ask,
                         struct effects *fx) {
    (void)ask, (void)fx;
    struct conversation *c = model_conversation(m, &a->u.sys.to);
    if (!c)
        return;
    timeline_purge_from(&c->timeline, &a->u.sys.at.epoch, a->u.sys.at.seq, &a->u.sys.user);
    conversation_recount(m, c);
}

void take_users(struct model *m, const struct response *a, const struct ask *ask,
                struct effects *fx) {
    for (size_t i = 0; i < a->u.users.n; i++) {
        const struct user_item *u = &a->u.users.users[i];
        struct person *p = roster_put(&m->roster, &u->uuid, u->name, u->name_len);
        if (p)
            p->online = u->online;
    }
    m->roster.total = a->u.users.total;
    for (size_t i = 0; i < m->nconversations; i++)
        members_sort(&m->conversations[i]->members);
    if (ask->kind == ASK_LIST)
        slash_list_users(m, a);
    else if (ask->kind == ASK_LOOKUP)
        lookup_users(m, a, fx);
    m->version++;
}

void take_leave(struct model *m, const struct response *a, const struct ask *ask,
                struct effects *fx) {
    (void)a;
    struct conversation *c = ask->kind == ASK_LEAVE ? model_conversation(m, &ask->to) : NULL;
    if (c && outbox_count(&m->outbox, &c->to, false) > 0)
        c->join = JOIN_WANTED; /* something was entered meanwhile, and nobody would send it */
    else if (c)
        conversation_leave(m, fx, c);
}

void take_sys_go_away(struct model *m, const struct response *a, const struct ask *ask,
                      struct effects *fx) {
    (void)ask, (void)fx;
    m->conn.go_away_ms = a->u.sys.retry_after_ms > 0 ? a->u.sys.retry_after_ms : 1;
}

void take_sys(struct model *m, const struct response *a, const struct ask *ask,
              struct effects *fx) {
    static take_fn *const TAKE[] = {
#define X(sym, type, codec) [SYS_##sym] = take_sys_##codec,
        SYS_TABLE(X)
#undef X
    };
    TAKE[a->u.sys.event](m, a, ask, fx);
}

void update_response(struct model *m, const struct response *a, struct effects *fx) {
    static take_fn *const TAKE[] = {
#define X(sym, type, body, codec) [RESPONSE_##sym] = take_##codec,
        RESPONSE_TABLE(X)
#undef X
    };
    struct ask *under_way = a->has_id ? ask_find(m, a->id) : NULL;
    struct ask ask = {.kind = ASK_NONE};
    if (m->conn.state < CONN_GREETING || a->kind == RESPONSE_UNKNOWN) {
        m->strange++;
        return;
    }
    if (under_way) {
        ask = *under_way;
        ask_end(under_way);
    }
    if (ask.has_key && a->kind != RESPONSE_ERROR)
        conn_signed_in(m);
    TAKE[a->kind](m, a, &ask, fx);
}
