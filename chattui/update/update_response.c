/* update_response - what the server says, handed to those whom it concerns. An answer finds its
 * request by the requestID; what answers nothing of ours, or makes no sense, is counted and
 * ignored.
 */
#include "chattui/update/internal.h"

#include <string.h>

#define PAUSE_MS 1000

/* --- Errors --- */

static bool is_about_us(unsigned code) {
    return code == ERR_BAD_KEY || code == ERR_WRONG_USER || code == ERR_NOT_AUTHORIZED;
}

static bool may_pass(unsigned code) {
    return code == ERR_BUSY || code == ERR_RATE_LIMITED || code == ERR_UNAVAILABLE ||
           code == ERR_INTERNAL || code == ERR_FLOOD;
}

/* A channel's request was refused for now: it is due again later. */
static void pause_channel(struct model *m, struct channel *c, const struct response *a) {
    uint32_t wait = ask_back_off(m, c->tries++), least = a->u.error.retry_after_ms;
    c->pause_ms = m->now_ms + (wait > least ? wait : least) + PAUSE_MS / 2;
}

static void join_refused(struct model *m, const struct ask *ask, const struct response *a) {
    struct channel *c = model_channel(m, &ask->to);
    if (!c || c->join != JOIN_ASKED)
        return;
    bool again = may_pass(a->u.error.code) || is_about_us(a->u.error.code);
    c->join = again ? JOIN_WANTED : JOIN_REFUSED;
    if (may_pass(a->u.error.code))
        pause_channel(m, c, a);
    if (!again)
        model_notice(m, c, NOTICE_ERROR, "can't be joined: %s", a->u.error.message);
    m->version++;
}

static void read_refused(struct model *m, const struct ask *ask, const struct response *a) {
    struct channel *c = model_channel(m, &ask->to);
    if (!c)
        return;
    timeline_forget_asks(&c->timeline);
    if (may_pass(a->u.error.code))
        pause_channel(m, c, a);
    else
        c->pages_wanted = c->hole_pages = 0;
}

static void request_refused(struct model *m, const struct ask *ask, const struct response *a,
                            struct effects *fx) {
    switch (ask->kind) {
    case ASK_SIGN:
        conn_sign_failed(m, a, fx);
        break;
    case ASK_JOIN:
        join_refused(m, ask, a);
        break;
    case ASK_SEND:
        outbox_refused(m, ask, a, fx);
        break;
    case ASK_HISTORY:
    case ASK_HOLE:
        read_refused(m, ask, a);
        break;
    case ASK_USERS:
        break;
    case ASK_LOOKUP:
        lookup_end(m);
        model_say(m, true, "%s", a->u.error.message);
        break;
    case ASK_SIGN_OUT:
        conn_unauthorized(m, fx, true);
        break;
    case ASK_NONE: /* what was asked may have been forgotten since, with its connection or key */
        if (!a->has_id)
            model_say(m, true, "%s", a->u.error.message);
        break;
    case ASK_LEAVE:
    case ASK_LIST:
        model_say(m, true, "%s", a->u.error.message);
        break;
    }
}

/* `ask` is a copy: the request is over. */
static void take_error(struct model *m, const struct response *a, const struct ask *ask,
                       struct effects *fx) {
    bool is_sign = ask->kind == ASK_SIGN || ask->kind == ASK_SIGN_OUT;
    if (ask->has_key && (may_pass(a->u.error.code) || !is_about_us(a->u.error.code)) &&
        a->u.error.code != ERR_BANNED)
        m->net.key_is_sent = false; /* it may not have been looked at: the next frame has it */
    request_refused(m, ask, a, fx);
    if (a->u.error.code == ERR_NOT_AUTHORIZED)
        m->net.key_is_sent = false;
    else if (!is_sign && is_about_us(a->u.error.code))
        conn_key_refused(m, fx, "the server no longer accepts the saved key: sign in again");
}

/* --- The others --- */

static void take_epoch(struct model *m, const struct response *a) {
    struct channel *c = model_channel(m, &a->u.sys.to);
    if (!c || c->timeline.epoch == 0 || a->u.sys.at.seq >= TIMELINE_SEQ_MAX) {
        m->strange++;
        return;
    }
    if (timeline_set_epoch(&c->timeline, &a->u.sys.at, m->wall_ms))
        c->hole_pages = 10;
    m->version++;
}

static void take_purge(struct model *m, const struct response *a) {
    struct channel *c = model_channel(m, &a->u.sys.to);
    if (!c)
        return;
    if (a->u.sys.one)
        timeline_purge_one(&c->timeline, &a->u.sys.uuid);
    else
        timeline_purge(&c->timeline, &a->u.sys.at.epoch, a->u.sys.at.seq);
    channel_recount(m, c);
}

static void take_users(struct model *m, const struct response *a, const struct ask *ask,
                       struct effects *fx) {
    for (size_t i = 0; i < a->u.users.n; i++) {
        const struct user_item *u = &a->u.users.users[i];
        struct person *p = roster_put(&m->roster, &u->uuid, u->name, u->name_len);
        if (p)
            p->online = u->online;
    }
    m->roster.total = a->u.users.total;
    for (size_t i = 0; i < m->nchannels; i++)
        members_sort(&m->channels[i]->members);
    if (ask->kind == ASK_LIST)
        slash_list_users(m, a);
    else if (ask->kind == ASK_LOOKUP)
        lookup_users(m, a, fx);
    m->version++;
}

static void take_leave(struct model *m, const struct ask *ask, struct effects *fx) {
    struct channel *c = ask->kind == ASK_LEAVE ? model_channel(m, &ask->to) : NULL;
    if (c && outbox_count(&m->outbox, &c->to, false) > 0)
        c->join = JOIN_WANTED; /* a line was entered meanwhile, and nobody would send it */
    else if (c)
        channel_leave(m, fx, c);
}

static void take_sys(struct model *m, const struct response *a, struct effects *fx) {
    switch (a->u.sys.event) {
    case SYS_SIGN_IN:
    case SYS_SIGN_OUT:
    case SYS_CHANNEL_JOIN:
    case SYS_CHANNEL_LEAVE:
        take_sys_user(m, a);
        break;
    case SYS_UNREAD:
        take_unread(m, a, fx);
        break;
    case SYS_PURGE:
        take_purge(m, a);
        break;
    case SYS_EPOCH:
        take_epoch(m, a);
        break;
    case SYS_GO_AWAY:
        m->net.go_away_ms = a->u.sys.retry_after_ms > 0 ? a->u.sys.retry_after_ms : 1;
        break;
    case SYS_EVENTS:
        break;
    }
}

/* `ask` is what it answers, of kind ASK_NONE if nobody asked. */
static void take_success(struct model *m, const struct response *a, const struct ask *ask,
                         struct effects *fx) {
    switch (a->kind) {
    case RESPONSE_READY:
        conn_ready(m, a, fx);
        break;
    case RESPONSE_AUTHORIZED:
        conn_authorized(m, a, fx);
        break;
    case RESPONSE_UNAUTHORIZED:
        conn_unauthorized(m, fx, ask->kind == ASK_SIGN_OUT);
        break;
    case RESPONSE_USERS:
        take_users(m, a, ask, fx);
        break;
    case RESPONSE_CHANNEL_JOIN:
        if (ask->kind == ASK_JOIN)
            take_join(m, a, ask, fx);
        break;
    case RESPONSE_CHANNEL_READ:
        if (ask->kind == ASK_HISTORY || ask->kind == ASK_HOLE)
            take_read(m, a, ask, fx);
        break;
    case RESPONSE_CHANNEL_MESSAGE:
        take_message(m, a, fx);
        break;
    case RESPONSE_CHANNEL_LEAVE:
        take_leave(m, ask, fx);
        break;
    case RESPONSE_SYS:
        take_sys(m, a, fx);
        break;
    case RESPONSE_UNKNOWN:
    case RESPONSE_ERROR:
    case RESPONSE_KINDS:
        break;
    }
}

void take_answer(struct model *m, const struct response *a, struct effects *fx) {
    struct ask *under_way = a->has_id ? ask_find(m, a->id) : NULL;
    struct ask ask = {.kind = ASK_NONE};
    if (m->net.state < NET_GREETING || a->kind == RESPONSE_UNKNOWN) {
        m->strange++;
        return;
    }
    if (under_way) {
        ask = *under_way;
        ask_end(under_way);
    }
    if (a->kind == RESPONSE_ERROR) {
        take_error(m, a, &ask, fx);
        return;
    }
    if (ask.has_key)
        conn_signed_in(m);
    take_success(m, a, &ask, fx);
}
