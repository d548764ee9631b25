/* update_outbox - lines on their way: see outbox.h for how an entry goes. */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

#define INTERNAL_TRIES 5 /* after so many internal errors it isn't a passing one */
#define DISCARD_MAX 400  /* at once: each is an effect */
#define CHECK_PAGES 50   /* of history, to find out whether an old line was stored */

/* --- Entering --- */

static void write_journal(struct effects *fx, const struct channel *c,
                          const struct outbox_line *line) {
    struct saved_line *s = c ? effects_room(fx, sizeof *s) : NULL;
    if (!s)
        return;
    *s = (struct saved_line){
        .uuid = line->uuid,
        .to = line->to,
        .peer = effects_copy(fx, c->name, strlen(c->name)),
        .created_ms = line->created_ms,
        .was_sent = line->was_sent,
        .from = line->from,
        .refused = line->state == OUT_FAILED ? effects_copy(fx, line->why, strlen(line->why)) : "",
        .text = effects_copy(fx, line->text, line->len),
        .len = line->len};
    effects_add(fx, EFFECT_OUTBOX_ADD)->line = s;
}

/* From here on it may be stored, behind where the channel stands. */
static void mark_sent(struct outbox_line *line, const struct channel *c) {
    line->was_sent = true;
    line->from = c->timeline.at;
}

static const char *what_is_wrong(const struct model *m, const char *text, size_t len) {
    if (!utf8_valid(text, len) || memchr(text, '\0', len))
        return "this is not text";
    if (len > m->net.limits.message_bytes || utf8_count(text, len) > m->net.limits.message_chars)
        return "too long for one message";
    return NULL;
}

bool outbox_enter(struct model *m, struct effects *fx, struct channel *c, const struct uuid *uuid,
                  const char *text, size_t len) {
    const char *wrong = what_is_wrong(m, text, len);
    if (wrong) {
        model_say(m, true, "%s (%zu of %u characters)", wrong, utf8_count(text, len),
                  m->net.limits.message_chars);
        return false;
    }
    struct outbox_line *line =
        outbox_find(&m->outbox, uuid) ? NULL : outbox_add(&m->outbox, uuid, &c->to, text, len);
    if (!line) {
        model_say(m, true, "too many messages wait to be sent");
        return false;
    }
    line->created_ms = m->wall_ms;
    if (c->join == JOIN_DONE)
        mark_sent(line, c);
    write_journal(fx, c, line);
    return true;
}

static void show(struct model *m, struct channel *c, const struct outbox_line *line) {
    struct timeline_message row = {.uuid = line->uuid,
                                   .sender = m->me,
                                   .seq = line->order,
                                   .time_ms = line->created_ms,
                                   .name = m->user,
                                   .name_len = strlen(m->user),
                                   .text = line->text,
                                   .text_len = line->len};
    timeline_add_pending(&c->timeline, &row);
    m->version++;
}

void outbox_loaded(struct model *m, const struct saved_line *lines, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct saved_line *s = &lines[i];
        struct channel *c = model_open(m, &s->to, s->peer);
        struct outbox_line *line = !c || outbox_find(&m->outbox, &s->uuid)
                                       ? NULL
                                       : outbox_add(&m->outbox, &s->uuid, &s->to, s->text, s->len);
        if (!line)
            continue;
        line->created_ms = s->created_ms;
        line->was_sent = s->was_sent;
        line->from = s->from;
        line->is_old = true;
        line->state = *s->refused ? OUT_FAILED : OUT_READY;
        line->is_refused = line->state == OUT_FAILED;
        snprintf(line->why, sizeof line->why, "%s", s->refused);
        if (c->join == JOIN_NONE && line->state == OUT_READY)
            c->join = JOIN_WANTED;
        show(m, c, line);
    }
}

/* Now that it can't be lost it is shown. */
void outbox_persisted(struct model *m, const struct event *e) {
    struct outbox_line *line = outbox_find(&m->outbox, &e->u.line.uuid);
    if (!line || line->state != OUT_SAVING)
        return;
    line->state = OUT_READY;
    struct channel *c = model_channel(m, &line->to);
    if (!e->u.line.yes)
        model_say(m, true, "could not be saved on disk (%s); it is sent all the same",
                  e->u.line.text);
    if (!c)
        return;
    show(m, c, line);
    c->scroll = (struct scroll){.edge = SCROLL_FOLLOW};
    c->line = PLACE_NONE;
    channel_seen(m, c);
}

/* --- Ending --- */

void outbox_stored(struct model *m, const struct uuid *uuid, struct effects *fx) {
    struct outbox_line *line = m->outbox.n > 0 ? outbox_find(&m->outbox, uuid) : NULL;
    if (!line)
        return;
    struct channel *c = model_channel(m, &line->to);
    if (c)
        timeline_drop_pending(&c->timeline, uuid);
    effects_add(fx, EFFECT_OUTBOX_DROP)->uuid = *uuid;
    outbox_drop(&m->outbox, line);
    m->version++;
}

static void set_state(struct model *m, struct outbox_line *line, enum outbox_state state) {
    struct channel *c = model_channel(m, &line->to);
    line->state = state;
    if (c)
        c->timeline.version++;
    m->version++;
}

/* What was refused for good stays so over restarts, until the user decides. */
static void fail(struct model *m, struct effects *fx, struct outbox_line *line, unsigned code,
                 const char *why) {
    line->error = code;
    snprintf(line->why, sizeof line->why, "%s", *why ? why : "refused");
    set_state(m, line, OUT_FAILED);
    line->is_refused = true;
    if (m->is_plain && !line->is_old)
        effects_add(fx, EFFECT_OUTBOX_DROP)->uuid = line->uuid; /* the exit status tells */
    else
        write_journal(fx, model_channel(m, &line->to), line);
    model_say(m, true, "a message was not sent: %s", why);
}

/* --- Errors --- */

/* 0: the line is refused for good. */
static uint32_t retry_delay(struct model *m, const struct outbox_line *line,
                            const struct response *a) {
    if (a->u.error.code == ERR_INTERNAL && line->tries >= INTERNAL_TRIES)
        return 0;
    return ask_retry_delay(m, a, line->tries);
}

void ask_refused_send(struct model *m, const struct response *a, const struct ask *ask,
                      struct effects *fx) {
    struct outbox_line *line = outbox_find(&m->outbox, &ask->uuid);
    unsigned code = a->u.error.code;
    if (!line)
        return;
    struct channel *c = model_channel(m, &line->to);
    uint32_t wait = retry_delay(m, line, a);
    if (code == ERR_NOT_JOINED || code == ERR_NOT_AUTHORIZED || code == ERR_BAD_KEY) {
        if (c && c->join == JOIN_DONE)
            c->join = JOIN_WANTED;
        set_state(m, line, OUT_READY);
    } else if (wait > 0) {
        line->retry_ms = m->now_ms + wait;
        snprintf(line->why, sizeof line->why, "%s", a->u.error.message);
        set_state(m, line, OUT_WAIT);
    } else {
        fail(m, fx, line, code, a->u.error.message);
    }
}

void outbox_lost_connection(struct model *m) {
    for (size_t i = 0; i < m->outbox.n; i++) {
        struct outbox_line *line = m->outbox.lines[i];
        if (line->state == OUT_SENT || line->state == OUT_WAIT || line->state == OUT_CHECK)
            set_state(m, line, OUT_READY);
    }
}

size_t outbox_retry(struct model *m, const struct channel *c) {
    size_t n = 0;
    for (size_t i = 0; i < m->outbox.n; i++) {
        struct outbox_line *line = m->outbox.lines[i];
        if (line->state != OUT_FAILED || (c && !recipient_eq(&line->to, &c->to)))
            continue;
        line->is_sure = true; /* whatever its fate: the user has decided */
        line->tries = 0;
        *line->why = '\0';
        set_state(m, line, OUT_READY);
        n++;
    }
    return n;
}

size_t outbox_discard(struct model *m, struct effects *fx, const struct channel *c) {
    size_t n = 0;
    for (size_t i = m->outbox.n; i > 0 && n < DISCARD_MAX; i--) {
        struct outbox_line *line = m->outbox.lines[i - 1];
        if (line->state == OUT_FAILED && (!c || recipient_eq(&line->to, &c->to))) {
            struct uuid uuid = line->uuid;
            outbox_stored(m, &uuid, fx);
            n++;
        }
    }
    return n;
}

/* --- Sending --- */

static void send(struct model *m, struct channel *c, struct outbox_line *line, struct effects *fx) {
    if (!line->was_sent || line->is_refused) {
        line->is_refused = false;
        if (!line->was_sent)
            mark_sent(line, c);
        write_journal(fx, c, line);
    }
    struct request *r;
    struct ask *ask = ask_begin(m, fx, ASK_SEND, &c->to, &r);
    if (!ask)
        return;
    ask->uuid = line->uuid;
    r->to = c->to;
    r->u.message.has_uuid = true;
    r->u.message.uuid = line->uuid;
    r->u.message.text = effects_copy(fx, line->text, line->len);
    r->u.message.text_len = line->len;
    if (line->tried_ms == 0 || line->is_sure)
        line->tried_ms = m->now_ms;
    line->is_old &= !line->is_sure;
    line->is_sure = false;
    line->tries++;
    set_state(m, line, OUT_SENT);
}

/* Whether a line of old and unknown fate may be sent. Else it is being found out, or has failed.
 * The channel is joined anew first: what a connection that was asleep has told may be old. */
static bool is_cleared(struct model *m, struct channel *c, struct outbox_line *line,
                       struct effects *fx) {
    const struct timeline *t = &c->timeline;
    if (line->is_sure || !outbox_doubtful(line, m->now_ms, m->wall_ms))
        return true;
    if (line->state != OUT_CHECK) {
        line->checks = CHECK_PAGES;
        set_state(m, line, OUT_CHECK);
        c->join = JOIN_WANTED;
        return false;
    }
    bool same = uuid_is_nil(&line->from.epoch) || uuid_eq(&line->from.epoch, &t->at.epoch);
    if (same && timeline_covers(t, line->from.seq)) {
        line->is_sure = true; /* it would be here */
        return true;
    }
    unsigned *pages = t->holes > 0 ? &c->hole_pages : &c->pages_wanted;
    if (*pages > 0)
        return false; /* they are being loaded */
    if (same && line->checks > 0 && timeline_top(t) != TOP_FULL) {
        line->checks--;
        *pages = 1;
        return false;
    }
    fail(m, fx, line, ERR_OK,
         "nobody can tell whether it was stored: look, then /retry or /discard");
    return false;
}

void outbox_pump(struct model *m, struct channel *c, struct effects *fx) {
    struct outbox_line *line = outbox_next(&m->outbox, &c->to);
    if (!line || line->state == OUT_SAVING || line->state == OUT_SENT ||
        (line->state == OUT_WAIT && m->now_ms < line->retry_ms))
        return;
    if (is_cleared(m, c, line, fx))
        send(m, c, line, fx);
}
