/* fuzz_event - a payload of a bus → struct event; what ours wrote is read back as it was. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/json.h"
#include "common/proto/response.h"
#include "common/redis/event.h"

#include <string.h>

/* As purge.lua does. */
static void write_purge(struct buf *b, const struct event *ev) {
    char epoch[UUID_TEXT + 1], what[UUID_TEXT + 1] = "-";
    bool from = ev->kind == EVENT_PURGE_FROM;
    uuid_format(&ev->epoch, epoch);
    if (from || ev->one)
        uuid_format(from ? &ev->user : &ev->message_uuid, what);
    buf_fmt(b, "%c\n%s\n%llu\n%s", from ? 'f' : 'p', epoch, (unsigned long long)ev->seq, what);
}

/* All but append.lua's. */
static void write_again(const struct event *ev, struct buf *b) {
    struct message m = {.channel = ev->channel,
                        .seq = ev->seq,
                        .sender = ev->user,
                        .sender_name = ev->name,
                        .sender_name_len = ev->name_len};
    switch (ev->kind) {
    case EVENT_USER:
        event_write_user(b, ev->sys, &ev->user, ev->name, ev->name_len);
        break;
    case EVENT_UNREAD:
        event_write_unread(b, &m);
        break;
    case EVENT_KEY_REVOKED:
        event_write_key_revoked(b, ev->key_hash);
        break;
    case EVENT_CLOSE:
        event_write_close(b, ev->close_code);
        break;
    case EVENT_PURGE:
    case EVENT_PURGE_FROM:
        write_purge(b, ev);
        break;
    case EVENT_FORGET:
        event_write_forget(b, &ev->user);
        break;
    case EVENT_PROBE:
        event_write_probe(b, ev->node, ev->seq);
        break;
    case EVENT_MESSAGE:
    case EVENT_CHECK:
        break;
    }
}

/* Whatever came, what is passed on to clients is one JSON object. */
static void check_frame(const struct event *ev) {
    struct err e = {0};
    struct buf b;
    buf_init(&b, 1u << 20);
    if (ev->kind == EVENT_MESSAGE)
        response_encode_message(&b, &ev->message, NULL);
    else if (ev->kind == EVENT_USER)
        response_encode_sys_user(&b, ev->sys, NULL, &ev->user, ev->name, ev->name_len);
    else
        response_encode_sys_unread(&b, &ev->user, ev->name, ev->name_len, ev->seq);
    struct json *doc = json_parse(b.data, b.len, 0, &e);
    MUST(!b.failed && doc);
    json_free(doc);
    buf_free(&b);
}

static void check_inside(const char *s, size_t len, const uint8_t *data, size_t size) {
    MUST(!len || (s >= (const char *)data && s + len <= (const char *)data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct event ev, again;
    struct buf b;
    if (!event_parse((const char *)data, size, &ev))
        return 0;
    check_inside(ev.name, ev.kind == EVENT_USER || ev.kind == EVENT_UNREAD ? ev.name_len : 0, data,
                 size);
    if (ev.kind == EVENT_MESSAGE) {
        check_inside(ev.message.text, ev.message.text_len, data, size);
        check_inside(ev.message.sender_name, ev.message.sender_name_len, data, size);
        MUST(memchr(ev.node, 0, sizeof ev.node));
    }
    if (ev.kind == EVENT_MESSAGE || ev.kind == EVENT_USER || ev.kind == EVENT_UNREAD)
        check_frame(&ev);
    buf_init(&b, 1u << 16);
    write_again(&ev, &b);
    MUST(!b.failed);
    if (b.len)
        MUST(event_parse(b.data, b.len, &again) && again.kind == ev.kind);
    buf_free(&b);
    return 0;
}
