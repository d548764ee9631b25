/* outbox_send - entries on their way: see outbox.h for how one goes. */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

#define INTERNAL_TRIES 5 /* after so many internal errors it isn't a passing one */
#define DISCARD_MAX 400  /* at once: each is an effect */
#define CHECK_PAGES 50   /* of history, to find out whether an old entry was stored */

/* --- Entering --- */

static void write_journal(struct effects *fx, const struct conversation *c,
                          const struct outbox_entry *entry) {
    struct saved_entry *s = c ? effects_room(fx, sizeof *s) : NULL;
    if (!s)
        return;
    *s = (struct saved_entry){.uuid = entry->uuid,
                              .to = entry->to,
                              .peer = effects_copy(fx, c->name, strlen(c->name)),
                              .created_ms = entry->created_ms,
                              .was_sent = entry->was_sent,
                              .from = entry->from,
                              .refused = entry->state == OUT_FAILED
                                             ? effects_copy(fx, entry->why, strlen(entry->why))
                                             : "",
                              .text = effects_copy(fx, entry->text, entry->len),
                              .len = entry->len};
    effects_add(fx, EFFECT_OUTBOX_ADD)->entry = s;
}

/* From here on it may be stored, behind where the channel stands. */
static void mark_sent(struct outbox_entry *entry, const struct conversation *c) {
    entry->was_sent = true;
    entry->from = c->timeline.at;
}

static const char *what_is_wrong(const struct model *m, const char *text, size_t len) {
    if (!utf8_valid(text, len) || memchr(text, '\0', len))
        return "this is not text";
    if (len > m->conn.limits.message_bytes || utf8_count(text, len) > m->conn.limits.message_chars)
        return "too long for one message";
    return NULL;
}

bool outbox_enter(struct model *m, struct effects *fx, struct conversation *c,
                  const struct uuid *uuid, const char *text, size_t len) {
    const char *wrong = what_is_wrong(m, text, len);
    if (wrong) {
        model_say(m, true, "%s (%zu of %u characters)", wrong, utf8_count(text, len),
                  m->conn.limits.message_chars);
        return false;
    }
    struct outbox_entry *entry =
        outbox_find(&m->outbox, uuid) ? NULL : outbox_add(&m->outbox, uuid, &c->to, text, len);
    if (!entry) {
        model_say(m, true, "too many messages wait to be sent");
        return false;
    }
    entry->created_ms = m->wall_ms;
    if (c->join == JOIN_DONE)
        mark_sent(entry, c);
    write_journal(fx, c, entry);
    return true;
}

static void show_pending(struct model *m, struct conversation *c,
                         const struct outbox_entry *entry) {
    struct timeline_message row = {.uuid = entry->uuid,
                                   .sender = m->me,
                                   .seq = entry->order,
                                   .time_ms = entry->created_ms,
                                   .name = m->user,
                                   .name_len = strlen(m->user),
                                   .text = entry->text,
                                   .text_len = entry->len};
    timeline_add_pending(&c->timeline, &row);
    m->version++;
}

void outbox_loaded(struct model *m, const struct saved_entry *entries, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct saved_entry *s = &entries[i];
        struct conversation *c = model_open(m, &s->to, s->peer);
        struct outbox_entry *entry =
            !c || outbox_find(&m->outbox, &s->uuid)
                ? NULL
                : outbox_add(&m->outbox, &s->uuid, &s->to, s->text, s->len);
        if (!entry)
            continue;
        entry->created_ms = s->created_ms;
        entry->was_sent = s->was_sent;
        entry->from = s->from;
        entry->old = true;
        entry->state = *s->refused ? OUT_FAILED : OUT_READY;
        entry->refused = entry->state == OUT_FAILED;
        snprintf(entry->why, sizeof entry->why, "%s", s->refused);
        if (c->join == JOIN_NONE && entry->state == OUT_READY)
            c->join = JOIN_WANTED;
        show_pending(m, c, entry);
    }
}

/* Now that it can't be lost it is shown. */
void outbox_persisted(struct model *m, const struct event *e) {
    struct outbox_entry *entry = outbox_find(&m->outbox, &e->u.input.uuid);
    if (!entry || entry->state != OUT_SAVING)
        return;
    entry->state = OUT_READY;
    struct conversation *c = model_conversation(m, &entry->to);
    if (!e->u.input.yes)
        model_say(m, true, "could not be saved on disk (%s); it is sent all the same",
                  e->u.input.text);
    if (!c)
        return;
    show_pending(m, c, entry);
    c->scroll = (struct scroll){.edge = SCROLL_FOLLOW};
    c->unread_after = PLACE_NONE;
    conversation_seen(m, c);
}

/* --- Ending --- */

void outbox_stored(struct model *m, const struct uuid *uuid, struct effects *fx) {
    struct outbox_entry *entry = m->outbox.n > 0 ? outbox_find(&m->outbox, uuid) : NULL;
    if (!entry)
        return;
    struct conversation *c = model_conversation(m, &entry->to);
    if (c)
        timeline_drop_pending(&c->timeline, uuid);
    effects_add(fx, EFFECT_OUTBOX_DROP)->uuid = *uuid;
    outbox_drop(&m->outbox, entry);
    m->version++;
}

static void set_entry_state(struct model *m, struct outbox_entry *entry, enum outbox_state state) {
    struct conversation *c = model_conversation(m, &entry->to);
    entry->state = state;
    if (c)
        c->timeline.version++;
    m->version++;
}

/* An entry refused for good stays so over restarts, until the user decides. */
static void fail(struct model *m, struct effects *fx, struct outbox_entry *entry, unsigned code,
                 const char *why) {
    entry->error = code;
    snprintf(entry->why, sizeof entry->why, "%s", *why ? why : "refused");
    set_entry_state(m, entry, OUT_FAILED);
    entry->refused = true;
    if (m->plain && !entry->old)
        effects_add(fx, EFFECT_OUTBOX_DROP)->uuid = entry->uuid; /* the exit status tells */
    else
        write_journal(fx, model_conversation(m, &entry->to), entry);
    model_say(m, true, "a message was not sent: %s", why);
}

/* --- Errors --- */

/* 0: the entry is refused for good. */
static uint32_t retry_delay(struct model *m, const struct outbox_entry *entry,
                            const struct response *a) {
    if (a->u.error.code == ERR_INTERNAL && entry->tries >= INTERNAL_TRIES)
        return 0;
    return ask_retry_delay(m, a, entry->tries);
}

void ask_refused_send(struct model *m, const struct response *a, const struct ask *ask,
                      struct effects *fx) {
    struct outbox_entry *entry = outbox_find(&m->outbox, &ask->uuid);
    unsigned code = a->u.error.code;
    if (!entry)
        return;
    struct conversation *c = model_conversation(m, &entry->to);
    uint32_t wait = retry_delay(m, entry, a);
    if (code == ERR_NOT_JOINED || code == ERR_NOT_AUTHORIZED || code == ERR_BAD_KEY) {
        if (c && c->join == JOIN_DONE)
            c->join = JOIN_WANTED;
        set_entry_state(m, entry, OUT_READY);
    } else if (wait > 0) {
        entry->retry_ms = m->now_ms + wait;
        snprintf(entry->why, sizeof entry->why, "%s", a->u.error.message);
        set_entry_state(m, entry, OUT_WAIT);
    } else {
        fail(m, fx, entry, code, a->u.error.message);
    }
}

void outbox_lost_connection(struct model *m) {
    for (size_t i = 0; i < m->outbox.n; i++) {
        struct outbox_entry *entry = m->outbox.entries[i];
        if (entry->state == OUT_SENT || entry->state == OUT_WAIT || entry->state == OUT_CHECK)
            set_entry_state(m, entry, OUT_READY);
    }
}

size_t outbox_retry(struct model *m, const struct conversation *c) {
    size_t n = 0;
    for (size_t i = 0; i < m->outbox.n; i++) {
        struct outbox_entry *entry = m->outbox.entries[i];
        if (entry->state != OUT_FAILED || (c && !recipient_eq(&entry->to, &c->to)))
            continue;
        entry->sure = true; /* whatever its fate: the user has decided */
        entry->tries = 0;
        *entry->why = '\0';
        set_entry_state(m, entry, OUT_READY);
        n++;
    }
    return n;
}

size_t outbox_discard(struct model *m, struct effects *fx, const struct conversation *c) {
    size_t n = 0;
    for (size_t i = m->outbox.n; i > 0 && n < DISCARD_MAX; i--) {
        struct outbox_entry *entry = m->outbox.entries[i - 1];
        if (entry->state == OUT_FAILED && (!c || recipient_eq(&entry->to, &c->to))) {
            struct uuid uuid = entry->uuid;
            outbox_stored(m, &uuid, fx);
            n++;
        }
    }
    return n;
}

/* --- Sending --- */

static void send_entry(struct model *m, struct conversation *c, struct outbox_entry *entry,
                       struct effects *fx) {
    if (!entry->was_sent || entry->refused) {
        entry->refused = false;
        if (!entry->was_sent)
            mark_sent(entry, c);
        write_journal(fx, c, entry);
    }
    struct request *r;
    struct ask *ask = ask_begin(m, fx, ASK_SEND, &c->to, &r);
    if (!ask)
        return;
    ask->uuid = entry->uuid;
    r->to = c->to;
    r->u.message.has_uuid = true;
    r->u.message.uuid = entry->uuid;
    r->u.message.text = effects_copy(fx, entry->text, entry->len);
    r->u.message.text_len = entry->len;
    if (entry->tried_ms == 0 || entry->sure)
        entry->tried_ms = m->now_ms;
    entry->old &= !entry->sure;
    entry->sure = false;
    entry->tries++;
    set_entry_state(m, entry, OUT_SENT);
}

/* Whether an entry of old and unknown fate may be sent. Else it is being found out, or has failed.
 * The channel is joined anew first: a connection that was asleep may have told old things. */
static bool is_cleared(struct model *m, struct conversation *c, struct outbox_entry *entry,
                       struct effects *fx) {
    const struct timeline *t = &c->timeline;
    if (entry->sure || !outbox_doubtful(entry, m->now_ms, m->wall_ms))
        return true;
    if (entry->state != OUT_CHECK) {
        entry->checks = CHECK_PAGES;
        set_entry_state(m, entry, OUT_CHECK);
        c->join = JOIN_WANTED;
        return false;
    }
    bool same =
        uuid_is_nil(&entry->from.epoch) || timeline_epoch_number(t, &entry->from.epoch) == t->epoch;
    if (same && timeline_covers(t, entry->from.seq)) {
        entry->sure = true; /* it would be here */
        return true;
    }
    unsigned *pages = t->holes > 0 ? &c->hole_pages : &c->pages_wanted;
    if (*pages > 0)
        return false; /* they are being loaded */
    if (same && entry->checks > 0 && timeline_top(t) != TOP_FULL) {
        entry->checks--;
        *pages = 1;
        return false;
    }
    fail(m, fx, entry, ERR_OK,
         "nobody can tell whether it was stored: look, then /retry or /discard");
    return false;
}

void outbox_pump(struct model *m, struct conversation *c, struct effects *fx) {
    struct outbox_entry *entry = outbox_next(&m->outbox, &c->to);
    if (!entry || entry->state == OUT_SAVING || entry->state == OUT_SENT ||
        (entry->state == OUT_WAIT && m->now_ms < entry->retry_ms))
        return;
    if (is_cleared(m, c, entry, fx))
        send_entry(m, c, entry, fx);
}
