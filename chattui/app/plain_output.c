/* plain_output - see plain_output.h. */
#include "chattui/app/plain_output.h"

#include "chattui/update/describe.h"
#include "common/base/clock.h"
#include "common/base/sanitize.h"
#include "common/proto/json_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES (1u << 20)

void plain_output_init(struct plain_output *o, bool jsonl) {
    memset(o, 0, sizeof *o);
    o->jsonl = jsonl;
    buf_init(&o->out, LINE_BYTES);
}

void plain_output_free(struct plain_output *o) {
    buf_free(&o->out);
}

void plain_output_talk(const char *text, size_t len) {
    struct buf clean;
    buf_init(&clean, LINE_BYTES);
    sanitize(&clean, text, len, true);
    fprintf(stderr, "chattui: %s\n", buf_cstr(&clean));
    buf_free(&clean);
}

/* --- A line of output --- */

/* Whoever has closed the pipe knows, as with head(1). */
static void close_output(struct plain_output *o) {
    if (!o->closed && errno != EPIPE)
        fprintf(stderr, "chattui: can't write to stdout: %s\n", strerror(errno));
    o->closed = true;
}

static void print_line(struct plain_output *o) {
    buf_char(&o->out, '\n');
    bool written = !o->out.failed && fwrite(o->out.data, 1, o->out.len, stdout) == o->out.len;
    if (!written)
        close_output(o);
    buf_reset(&o->out);
}

static void put_clean(struct buf *b, const char *s, size_t len) {
    sanitize(b, s, len, false);
}

/* Further lines of a message are set in, so that none can pass for another's. */
static void put_body(struct buf *b, const char *s, size_t len) {
    const char *end;
    while ((end = memchr(s, '\n', len))) {
        put_clean(b, s, (size_t)(end - s));
        buf_str(b, "\n    ");
        len -= (size_t)(end - s) + 1;
        s = end + 1;
    }
    put_clean(b, s, len);
}

static void put_head(struct buf *b, const struct conversation *c, int64_t time_ms) {
    char hour[8];
    struct tm tm;
    time_t seconds = (time_t)(time_ms / 1000);
    localtime_r(&seconds, &tm);
    strftime(hour, sizeof hour, "%H:%M", &tm);
    if (!c->to.public) {
        buf_char(b, '[');
        put_clean(b, c->name, strlen(c->name));
        buf_str(b, "] ");
    }
    if (time_ms)
        buf_fmt(b, "%s ", hour);
}

static void put_text(struct buf *b, const struct conversation *c, const struct row *r) {
    const char *action = describe_action(row_text(r), r->text_len);
    size_t len;
    const char *sender = row_sender(r, &len);
    put_head(b, c, r->time_ms);
    if (r->kind != ROW_MESSAGE) {
        buf_str(b, "-- ");
        describe_row(b, r);
        return;
    }
    buf_str(b, action ? "* " : "");
    put_clean(b, sender, len);
    buf_str(b, action ? " " : ": ");
    if (action)
        put_body(b, action, r->text_len - (size_t)(action - row_text(r)));
    else
        put_body(b, row_text(r), r->text_len);
}

/* --- The same for programs --- */

static void begin_object(struct buf *b, const char *type, const struct conversation *c) {
    buf_char(b, '{');
    json_add_text(b, "type", type);
    json_add_text(b, "channel", c->name);
}

static void put_epoch(struct buf *b, const struct conversation *c, struct place at) {
    struct position p = timeline_position_of(&c->timeline, at);
    json_add_uuid(b, "epoch", &p.epoch);
}

static void put_message(struct buf *b, const struct conversation *c, const struct row *r,
                        bool history) {
    char created[CLOCK_TEXT + 1];
    clock_rfc3339(r->time_ms, created);
    begin_object(b, "message", c);
    json_add_uuid(b, "UUID", &r->u.message.uuid);
    json_add_uuid(b, "senderUUID", &r->u.message.sender);
    json_add_string(b, "senderUsername", row_name(r), r->name_len);
    json_add_string(b, "message", row_text(r), r->text_len);
    json_add_string(b, "createdAt", created, CLOCK_TEXT);
    put_epoch(b, c, r->place);
    json_add_u64(b, "seq", r->place.seq);
    json_add_bool(b, "own", r->flags & ROW_MINE);
    json_add_bool(b, "history", history);
    if (row_is_server(r))
        json_add_bool(b, "server", true);
}

static void put_gap(struct buf *b, const struct conversation *c, const struct row *r) {
    static const char *const WHY[] = {"unloaded", "removed", "lost"};
    begin_object(b, "gap", c);
    put_epoch(b, c, r->place);
    json_add_u64(b, "after", r->place.seq);
    json_add_u64(b, "before", r->u.gap.to);
    json_add_text(b, "why", WHY[r->level]);
}

static void put_object(struct buf *b, const struct conversation *c, const struct row *r,
                       bool history) {
    if (r->kind == ROW_MESSAGE)
        put_message(b, c, r, history);
    else if (r->kind == ROW_GAP)
        put_gap(b, c, r);
    else {
        begin_object(b, "epoch", c);
        put_epoch(b, c, r->place);
        json_add_bool(b, "follows", false);
    }
    buf_char(b, '}');
}

/* --- Rows --- */

static void print_row(struct plain_output *o, const struct conversation *c, const struct row *r,
                      bool history) {
    if (r->kind == ROW_NOTICE) {
        plain_output_talk(row_text(r), r->text_len);
        return;
    }
    if (o->jsonl)
        put_object(&o->out, c, r, history);
    else
        put_text(&o->out, c, r);
    print_line(o);
}

/* A hole that is being filled: the rows behind it wait. */
static bool is_awaited(const struct model *m, const struct conversation *c, const struct row *r) {
    return r->kind == ROW_GAP && r->level == GAP_HOLE &&
           (m->conn.state != CONN_ONLINE || c->join != JOIN_DONE || c->hole_pages > 0 ||
            (r->flags & ROW_ASKED));
}

static struct printed *printed_of(struct plain_output *o, const struct model *m,
                                  const struct conversation *c) {
    for (size_t i = 0; i < o->n; i++)
        if (recipient_eq(&o->printed[i].to, &c->to))
            return &o->printed[i];
    if (o->n == CONVERSATIONS_MAX) /* some were left since: there are never more than so many */
        for (size_t i = 0; i < o->n; i++)
            if (!model_conversation(m, &o->printed[i].to))
                o->printed[i--] = o->printed[--o->n];
    o->printed[o->n] = (struct printed){.to = c->to};
    return &o->printed[o->n++];
}

static void show_channel(struct plain_output *o, const struct model *m,
                         const struct conversation *c) {
    const struct timeline *t = &c->timeline;
    struct printed *p = printed_of(o, m, c);
    size_t i = timeline_seek(t, p->at);
    if (i < t->n && place_cmp(timeline_row(t, i)->place, p->at) == 0)
        i++;
    for (; i < t->n - t->pending; i++) {
        const struct row *r = timeline_row(t, i);
        if (is_awaited(m, c, r))
            break;
        print_row(o, c, r, !p->open);
        p->at = r->place;
    }
    p->open = p->open || c->was_loaded;
}

/* --- Talk --- */

static void show_conn(struct plain_output *o, const struct model *m) {
    struct buf b;
    if (o->conn == m->conn.state)
        return;
    o->conn = m->conn.state;
    if (o->conn != CONN_WAITING && o->conn != CONN_ONLINE)
        return;
    buf_init(&b, 1024);
    describe_conn(&b, m);
    plain_output_talk(b.data, b.len);
    buf_free(&b);
}

static void show_status(struct plain_output *o, const struct model *m) {
    if (strcmp(o->status, m->status) == 0)
        return;
    memcpy(o->status, m->status, sizeof o->status);
    if (*o->status)
        plain_output_talk(o->status, strlen(o->status));
}

void plain_output_show(struct plain_output *o, const struct model *m) {
    show_conn(o, m);
    show_status(o, m);
    for (size_t i = 0; i < m->nconversations; i++)
        show_channel(o, m, m->conversations[i]);
    if (fflush(stdout) != 0)
        close_output(o);
}

static void show_purge(struct plain_output *o, const struct model *m, const struct response *a) {
    const struct conversation *c = model_conversation(m, &a->u.sys.to);
    if (!o->jsonl || !c)
        return;
    bool from = a->u.sys.event == SYS_PURGE_FROM;
    begin_object(&o->out, from ? "purgeFrom" : "purge", c);
    json_add_uuid(&o->out, "epoch", &a->u.sys.at.epoch);
    if (from)
        json_add_uuid(&o->out, "senderUUID", &a->u.sys.user);
    if (a->u.sys.one)
        json_add_uuid(&o->out, "UUID", &a->u.sys.uuid);
    else
        json_add_u64(&o->out, "upTo", a->u.sys.at.seq);
    buf_char(&o->out, '}');
    print_line(o);
}

/* People need not know; a program that remembers places does. Another epoch is a row. */
static void show_follows(struct plain_output *o, const struct model *m, const struct response *a) {
    const struct conversation *c = model_conversation(m, &a->u.sys.to);
    if (!o->jsonl || !c || !a->u.sys.follows)
        return;
    begin_object(&o->out, "epoch", c);
    json_add_uuid(&o->out, "epoch", &a->u.sys.at.epoch);
    json_add_bool(&o->out, "follows", true);
    buf_char(&o->out, '}');
    print_line(o);
}

void plain_output_response(struct plain_output *o, const struct model *m,
                           const struct response *a) {
    if (a->kind == RESPONSE_SYS &&
        (a->u.sys.event == SYS_PURGE || a->u.sys.event == SYS_PURGE_FROM))
        show_purge(o, m, a);
    else if (a->kind == RESPONSE_SYS && a->u.sys.event == SYS_EPOCH)
        show_follows(o, m, a);
}
