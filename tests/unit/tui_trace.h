/* tui_trace - a signed-in client for tests of update(), and its effects as a line of text: what was
 * asked for since the last look, one after the other. Include it in one file of a program.
 */
#ifndef TESTS_UNIT_TUI_TRACE_H
#define TESTS_UNIT_TUI_TRACE_H

#include "tui_client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ANN_TEXT "a1000000-0000-4000-8000-000000000001"
#define BOB_TEXT "b0000000-0000-4000-8000-000000000002"
#define EPOCH_TEXT "e0000000-0000-4000-8000-000000000003"

static struct tui_client C;
static struct buf TRACE;

static inline struct uuid uuid_of(const char *text) {
    struct uuid u = {{0}};
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static inline void trace_request(const struct request *r) {
    buf_fmt(&TRACE, "%s", request_type(r->kind));
    if (r->key_len > 0)
        buf_fmt(&TRACE, "+key");
    if (r->kind == REQ_SIGN_IN || r->kind == REQ_SIGN_UP)
        buf_fmt(&TRACE, "(%s,%s)", r->u.sign.name, r->u.sign.password);
    else if (r->kind == REQ_CHANNEL_JOIN && r->u.join.has_since)
        buf_fmt(&TRACE, "(since %u)", (unsigned)r->u.join.since.seq);
    else if (r->kind == REQ_CHANNEL_MESSAGE)
        buf_fmt(&TRACE, "(%s)", r->u.message.text);
    else if (r->kind == REQ_CHANNEL_MESSAGES)
        buf_fmt(&TRACE, "(before %u)", (unsigned)r->u.history.before);
    buf_fmt(&TRACE, "#%s", r->id.json);
}

static inline void trace_effect(struct tui_client *c, const struct effect *e, void *arg) {
    static const char *const NAMES[] = {
        [EFFECT_CONNECT] = "connect",
        [EFFECT_CLOSE] = "close",
        [EFFECT_SAVE_KEY] = "save-key",
        [EFFECT_LOAD] = "load",
        [EFFECT_FORGET_KEY] = "forget-key",
        [EFFECT_OUTBOX_ADD] = "add",
        [EFFECT_OUTBOX_DROP] = "drop",
        [EFFECT_READ_PASSWORD] = "read-password",
        [EFFECT_BELL] = "bell",
        [EFFECT_NOTIFY] = "notify",
        [EFFECT_OPEN_URL] = "open",
        [EFFECT_EDITOR] = "editor",
        [EFFECT_QUIT] = "quit",
        [EFFECT_SET_INPUT] = "input",
    };
    (void)arg;
    if (e->kind == EFFECT_WAKE || e->kind == EFFECT_SAVE_CONVERSATION)
        return;
    if (TRACE.len > 0)
        buf_char(&TRACE, ' ');
    if (e->kind == EFFECT_SEND) {
        trace_request(e->request);
        return;
    }
    buf_str(&TRACE, NAMES[e->kind]);
    if (e->kind == EFFECT_SET_INPUT || e->kind == EFFECT_OPEN_URL || e->kind == EFFECT_NOTIFY)
        buf_fmt(&TRACE, "(%s)", e->text);
    if (e->kind == EFFECT_QUIT)
        buf_fmt(&TRACE, "(%d)", e->status);
    if (e->kind == EFFECT_OUTBOX_ADD) { /* the disk is quick */
        struct uuid uuid = e->entry->uuid;
        if (!outbox_find(&c->m.outbox, &uuid) ||
            outbox_find(&c->m.outbox, &uuid)->state == OUT_SAVING)
            tui_client_persisted(c, &uuid);
    }
}

/* What was asked for since the last time. */
static inline void expect(const char *effects) {
    assert_string_equal(buf_cstr(&TRACE), effects);
    buf_reset(&TRACE);
}

static inline void ignore(void) {
    buf_reset(&TRACE);
}

static inline void frame(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void frame(const char *fmt, ...) {
    static char text[1u << 20];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert_true(n > 0 && (size_t)n < sizeof text);
    if (!tui_client_frame(&C, text, (size_t)n))
        fail_msg("not a frame: %s", text);
}

static inline void ready(void) {
    tui_client_open(&C);
    frame("{\"type\":\"ready\",\"ready\":{\"sessionUUID\":\"" ANN_TEXT "\",\"server\":\"chatd\","
          "\"version\":\"1\",\"limits\":{\"messageCharacters\":100}}}");
}

/* `messages`: JSON of a list's inside. */
static inline void joined(const char *to, const char *messages, unsigned seq, unsigned id) {
    frame("{\"type\":\"channelJoin\",\"channelJoin\":{\"recipientUUID\":\"%s\",\"messages\":[%s],"
          "\"users\":[{\"UUID\":\"" ANN_TEXT "\",\"username\":\"ann\",\"online\":true},"
          "{\"UUID\":\"" BOB_TEXT "\",\"username\":\"bob\",\"online\":true}],\"usersTotal\":2,"
          "\"epoch\":\"" EPOCH_TEXT "\",\"seq\":%u},\"requestID\":%u}",
          to, messages, seq, id);
}

static inline const char *message_json(const char *from, const char *to, const char *text,
                                       unsigned seq) {
    static char json[1000];
    bool ann = strcmp(from, ANN_TEXT) == 0;
    snprintf(json, sizeof json,
             "{\"UUID\":\"0e550000-0000-4000-8000-%012u\",\"senderUUID\":\"%s\","
             "\"senderUsername\":\"%s\",\"recipientUUID\":\"%s\",\"message\":\"%s\","
             "\"createdAt\":\"2024-05-01T12:00:00.123Z\",\"seq\":%u}",
             seq, from, ann ? "ann" : "bob", to, text, seq);
    return json;
}

static inline void said(const char *from, const char *to, const char *text, unsigned seq) {
    frame("{\"type\":\"channelMessage\",\"channelMessage\":%s}", message_json(from, to, text, seq));
}

/* The last line that was entered is stored. */
static inline void stored(const char *to, const char *text, unsigned seq, uint64_t id) {
    char uuid[UUID_TEXT + 1];
    const struct outbox *o = &C.m.outbox;
    assert_true(o->n > 0);
    uuid_format(&o->entries[0]->uuid, uuid);
    frame("{\"type\":\"channelMessage\",\"channelMessage\":{\"UUID\":\"%s\",\"senderUUID\":"
          "\"" ANN_TEXT "\",\"senderUsername\":\"ann\",\"recipientUUID\":\"%s\",\"message\":\"%s\","
          "\"createdAt\":\"2024-05-01T12:00:00.123Z\",\"seq\":%u},\"requestID\":%u}",
          uuid, to, text, seq, (unsigned)id);
}

static inline void refused(unsigned code, const char *name, uint64_t id) {
    frame("{\"type\":\"error\",\"error\":{\"code\":%u,\"message\":\"%s\",\"name\":\"%s\"},"
          "\"requestID\":%u}",
          code, name, name, (unsigned)id);
}

static inline void load(bool has_key, bool has_password) {
    struct event e = {.kind = EV_LOADED};
    e.u.loaded.has_key = has_key;
    e.u.loaded.user = has_key ? uuid_of(ANN_TEXT) : (struct uuid){{0}};
    e.u.loaded.name = "ann";
    e.u.loaded.key = "k";
    e.u.loaded.has_password = has_password;
    tui_client_event(&C, &e);
}

static inline void start(const char *user) {
    memset(&C, 0, sizeof C);
    buf_init(&TRACE, 1u << 20);
    C.now_ms = 1000000;
    C.wall_ms = 1700000000000;
    C.carry_out = trace_effect;
    tui_client_begin(&C, user);
}

static inline void stop(void) {
    model_free(&C.m);
    buf_free(&TRACE);
}

/* Online in the public channel, where bob has said "hello" as number 7. */
static inline void go_online(void) {
    start("ann");
    load(true, false);
    ready();
    joined("0", message_json(BOB_TEXT, "0", "hello", 7), 7, 1);
    ignore();
    /* the list of users, and a page of history for the first screen */
    for (size_t i = 0; i < ASKS_MAX; i++) {
        const struct ask *a = &C.m.asks[i];
        if (a->kind == ASK_USERS)
            frame("{\"type\":\"users\",\"users\":{\"total\":2,\"received\":2,\"users\":["
                  "{\"UUID\":\"" ANN_TEXT "\",\"Username\":\"ann\",\"OnLine\":true},"
                  "{\"UUID\":\"" BOB_TEXT "\",\"Username\":\"bob\",\"OnLine\":true}]},"
                  "\"requestID\":%u}",
                  (unsigned)a->id);
        else if (a->kind == ASK_HISTORY)
            frame(
                "{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"0\","
                "\"messages\":[],\"messagesTotal\":1,\"messagesReceived\":0,\"epoch\":\"" EPOCH_TEXT
                "\",\"seq\":7},\"requestID\":%u}",
                (unsigned)a->id);
    }
    assert_int_equal(C.m.conn.state, CONN_ONLINE);
    ignore();
}

static inline void focus(bool has_focus) {
    struct event e = {.kind = EV_FOCUS, .u.yes = has_focus};
    tui_client_event(&C, &e);
}

static inline void field(enum field_op op, const char *text) {
    struct event e = {.kind = EV_FIELD, .u.field = {.op = op, .text = text, .len = strlen(text)}};
    tui_client_event(&C, &e);
}

static inline void reply(bool yes) {
    struct event e = {.kind = EV_REPLY};
    e.u.input.yes = yes;
    e.u.input.uuid = tui_client_uuid(&C);
    tui_client_event(&C, &e);
}

static inline void draft(const char *text) {
    struct event e = {.kind = EV_DRAFT};
    e.u.input.text = text;
    e.u.input.len = e.u.input.cursor = strlen(text);
    tui_client_event(&C, &e);
}

#endif
