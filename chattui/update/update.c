/* update - see update.h: which event goes where, and when to wake up next. */
#include "chattui/update/internal.h"

#include "chattui/update/complete.h"

#include <string.h>

/* --- Waking --- */

/* Timers due by now were looked at in this very event: to wake up for them again would be in vain.
 */
static void sooner(const struct model *m, uint64_t *at, uint64_t when) {
    if (when > m->now_ms && (*at == 0 || when < *at))
        *at = when;
}

static uint64_t next_wake(const struct model *m) {
    uint64_t at = 0;
    sooner(m, &at, m->conn.deadline_ms);
    sooner(m, &at, m->save_ms);
    sooner(m, &at, m->status_until_ms);
    if (m->conn.state == CONN_WAITING) { /* the countdown goes by seconds */
        uint64_t left = m->conn.retry_ms > m->now_ms ? m->conn.retry_ms - m->now_ms : 0;
        sooner(m, &at, left > 0 ? m->now_ms + (left - 1) % 1000 + 1 : m->now_ms + 1);
    }
    if (m->conn.state != CONN_ONLINE)
        return at;
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (m->asks[i].kind != ASK_NONE)
            sooner(m, &at, m->asks[i].sent_ms + ASK_TIMEOUT_MS);
    for (size_t i = 0; i < m->outbox.n; i++)
        if (m->outbox.entries[i]->state == OUT_WAIT)
            sooner(m, &at, m->outbox.entries[i]->retry_ms);
    for (size_t i = 0; i < m->nconversations; i++)
        sooner(m, &at, m->conversations[i]->pause_ms);
    return at;
}

/* A wake-up that comes too early does no harm, so only an earlier one is asked for, unless the one
 * that was asked for has come: the loop's clock may be behind ours, and a tick so come before its
 * time. */
static void ask_to_wake(struct model *m, bool tick, struct effects *fx) {
    uint64_t at = next_wake(m);
    if (tick || m->wake_ms <= m->now_ms)
        m->wake_ms = 0;
    if (at == 0 || (m->wake_ms > 0 && m->wake_ms <= at))
        return;
    m->wake_ms = at;
    effects_add(fx, EFFECT_WAKE)->at_ms = at;
}

static void look_at_the_clock(struct model *m, struct effects *fx) {
    if (m->status_until_ms > 0 && m->now_ms >= m->status_until_ms) {
        *m->status = '\0';
        m->status_until_ms = 0;
        m->version++;
    }
    if (m->save_ms > 0 && m->now_ms >= m->save_ms)
        conversation_save(m, fx);
    conn_tick(m, fx);
}

/* --- Events --- */

static void take_loaded(struct model *m, const struct event *e, struct effects *fx) {
    bool first = m->nconversations == 0;
    struct recipient all = {.public = true};
    struct conversation *c = model_open(m, &all, "public");
    if (!c)
        return; /* no memory: the frontend finds no channel and gives up */
    if (first) {
        c->join = JOIN_WANTED;
        conn_loaded(m, e, fx);
    } else if (!uuid_eq(&e->u.loaded.user, &m->me)) {
        return; /* of somebody else: signed in anew meanwhile */
    }
    conversation_loaded(m, e->u.loaded.conversations, e->u.loaded.nconversations);
    outbox_loaded(m, e->u.loaded.entries, e->u.loaded.nentries);
    const char *draft = model_current(m)->draft;
    if (draft)
        effects_set_input(fx, draft, strlen(draft), strlen(draft));
}

static void take_draft(struct model *m, const struct event *e) {
    struct conversation *c = model_current(m);
    complete_end(m, e->u.input.text, e->u.input.len);
    if (m->status_error && e->u.input.len == 0)
        *m->status = '\0'; /* the draft's fault went with it */
    if (c)
        conversation_set_draft(m, c, e->u.input.text, e->u.input.len, e->u.input.cursor);
}

static void take_focus(struct model *m, bool has_focus) {
    struct conversation *c = model_current(m);
    m->has_focus = has_focus;
    if (c && has_focus && conversation_is_seen(m, c))
        conversation_seen(m, c);
    m->version++;
}

static void dispatch(struct model *m, const struct event *e, struct effects *fx) {
    switch (e->kind) {
    case EV_ENTER:
        update_enter(m, e, fx);
        break;
    case EV_DRAFT:
        take_draft(m, e);
        break;
    case EV_COMPLETE:
        complete_next(m, e, fx);
        break;
    case EV_ACTION:
        update_action(m, e->u.action, fx);
        break;
    case EV_SCROLL:
        update_scroll(m, &e->u.scroll);
        break;
    case EV_REPLY:
        update_reply(m, e, fx);
        break;
    case EV_FIELD:
        update_field(m, e, fx);
        break;
    case EV_FOCUS:
        take_focus(m, e->u.yes);
        break;
    case EV_TROUBLE:
        model_say(m, true, "%.*s", (int)e->u.input.len, e->u.input.text);
        break;
    case EV_QUIT:
        model_quit(m, 0);
        break;
    case EV_RESIZE:
        m->rows = e->u.size.rows;
        m->cols = e->u.size.cols;
        m->version++;
        break;
    case EV_NET_OPEN:
        conn_opened(m);
        break;
    case EV_NET_CLOSED:
        conn_closed(m, e);
        break;
    case EV_RESPONSE:
        update_response(m, e->u.response, fx);
        break;
    case EV_LOADED:
        take_loaded(m, e, fx);
        break;
    case EV_PERSISTED:
        outbox_persisted(m, e);
        break;
    case EV_PASSWORD:
        conn_password(m, e, fx);
        break;
    case EV_TICK:
        break;
    }
}

/* In good order: drafts are saved, and the server hears a goodbye. */
static void wind_up(struct model *m, struct effects *fx) {
    conversation_save(m, fx);
    if (m->conn.state >= CONN_CONNECTING)
        effects_add(fx, EFFECT_CLOSE);
    effects_add(fx, EFFECT_QUIT)->status = m->exit_status;
}

void update(struct model *m, const struct event *e, struct effects *fx) {
    if (m->quitting)
        return;
    m->now_ms = e->now_ms;
    m->wall_ms = e->wall_ms;
    dispatch(m, e, fx);
    if (!m->quitting)
        look_at_the_clock(m, fx);
    if (m->quitting) {
        wind_up(m, fx);
        return;
    }
    update_pump(m, fx);
    ask_to_wake(m, e->kind == EV_TICK, fx);
}
