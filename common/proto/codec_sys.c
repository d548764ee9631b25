/* codec_sys - events, the frames of type `sys`: a row of SYS_TABLE each. See internal.h. */
#include "common/proto/internal.h"

#include <string.h>

/* --- As a server writes them --- */

/* An event about a channel, up to and with its recipientUUID; sys_end closes it. */
static void sys_begin(struct buf *b, const char *type, const struct uuid *recipient) {
    JSON_PUT(b, "{\"type\":\"sys\",\"sys\":{\"type\":\"");
    buf_str(b, type);
    JSON_PUT(b, "\",\"recipientUUID\":\"");
    response_put_recipient(b, recipient);
    JSON_PUT(b, "\",");
}

static void sys_end(struct buf *b) {
    JSON_PUT(b, "}}");
}

void response_encode_sys_user(struct buf *b, enum sys_event ev, const struct uuid *recipient,
                              const struct uuid *user, const char *username, size_t username_len) {
    json_expect(b, FRAME_ROOM + username_len);
    sys_begin(b, response_event_name(ev), recipient);
    JSON_PUT(b, "\"userUUID\":\"");
    json_put_uuid(b, user);
    JSON_PUT(b, "\",\"username\":");
    json_put_string(b, username, username_len);
    sys_end(b);
}

void response_encode_sys_unread(struct buf *b, const struct uuid *sender, const char *name,
                                size_t name_len, uint64_t seq) {
    json_expect(b, FRAME_ROOM + name_len);
    sys_begin(b, "unread", sender);
    JSON_PUT(b, "\"senderUUID\":\"");
    json_put_uuid(b, sender);
    JSON_PUT(b, "\",\"senderUsername\":");
    json_put_string(b, name, name_len);
    JSON_PUT(b, ",\"seq\":");
    buf_u64(b, seq);
    sys_end(b);
}

void response_encode_sys_purge(struct buf *b, const struct uuid *recipient,
                               const struct uuid *epoch, uint64_t up_to,
                               const struct uuid *message) {
    sys_begin(b, "purge", recipient);
    JSON_PUT(b, "\"epoch\":\"");
    json_put_uuid(b, epoch);
    if (message) {
        JSON_PUT(b, "\",\"UUID\":\"");
        json_put_uuid(b, message);
        JSON_PUT(b, "\"");
    } else {
        JSON_PUT(b, "\",\"upTo\":");
        buf_u64(b, up_to);
    }
    sys_end(b);
}

void response_encode_sys_purge_from(struct buf *b, const struct uuid *recipient,
                                    const struct uuid *epoch, uint64_t up_to,
                                    const struct uuid *sender) {
    sys_begin(b, "purgeFrom", recipient);
    JSON_PUT(b, "\"epoch\":\"");
    json_put_uuid(b, epoch);
    JSON_PUT(b, "\",\"senderUUID\":\"");
    json_put_uuid(b, sender);
    JSON_PUT(b, "\",\"upTo\":");
    buf_u64(b, up_to);
    sys_end(b);
}

void response_encode_sys_epoch(struct buf *b, const struct uuid *recipient,
                               const struct position *at, bool follows) {
    sys_begin(b, "epoch", recipient);
    response_put_position(b, at);
    JSON_PUT(b, ",\"follows\":");
    json_put_bool(b, follows);
    sys_end(b);
}

void response_encode_sys_go_away(struct buf *b, uint32_t retry_after_ms) {
    JSON_PUT(b, "{\"type\":\"sys\",\"sys\":{\"type\":\"goAway\",\"retryAfterMs\":");
    buf_u64(b, retry_after_ms);
    sys_end(b);
}

/* --- As a client reads them --- */

static enum err_code sys_decode_user(struct response_decoder *d) {
    size_t len = 0;
    enum err_code code = response_uuid(d, d->body, "userUUID", &d->out->u.sys.user);
    if (!code)
        code = response_text(d, d->body, "username", &d->out->u.sys.name, &len);
    return !code && len > NAME_MAX_BYTES ? response_bad(d, "username", "too long") : code;
}

static enum err_code sys_decode_unread(struct response_decoder *d) {
    size_t len = 0;
    enum err_code code = response_uuid(d, d->body, "senderUUID", &d->out->u.sys.user);
    if (!code)
        code = response_text(d, d->body, "senderUsername", &d->out->u.sys.name, &len);
    if (!code && len > NAME_MAX_BYTES)
        code = response_bad(d, "senderUsername", "too long");
    return code ? code : response_u64(d, d->body, "seq", SEQ_MAX, &d->out->u.sys.at.seq);
}

static enum err_code sys_decode_purge(struct response_decoder *d) {
    struct response *a = d->out;
    const char *s;
    size_t len;
    enum err_code code = response_uuid(d, d->body, "epoch", &a->u.sys.at.epoch);
    if (code)
        return code;
    a->u.sys.one = json_str(d->body, "UUID", &s, &len) != JSON_ABSENT;
    if (a->u.sys.one)
        return response_uuid(d, d->body, "UUID", &a->u.sys.uuid);
    return response_u64(d, d->body, "upTo", SEQ_MAX, &a->u.sys.at.seq);
}

static enum err_code sys_decode_purge_from(struct response_decoder *d) {
    struct response *a = d->out;
    enum err_code code = response_uuid(d, d->body, "epoch", &a->u.sys.at.epoch);
    if (!code)
        code = response_uuid(d, d->body, "senderUUID", &a->u.sys.user);
    return code ? code : response_u64(d, d->body, "upTo", SEQ_MAX, &a->u.sys.at.seq);
}

/* A server of 0.1 doesn't say whether the epoch follows: it doesn't. */
static enum err_code sys_decode_epoch(struct response_decoder *d) {
    struct response *a = d->out;
    enum err_code code = response_uuid(d, d->body, "epoch", &a->u.sys.at.epoch);
    if (!code)
        code = response_u64(d, d->body, "seq", SEQ_MAX, &a->u.sys.at.seq);
    if (!code && json_bool(d->body, "follows", &a->u.sys.follows) == JSON_WRONG)
        code = response_bad(d, "follows", "must be true or false");
    return code;
}

static enum err_code sys_decode_go_away(struct response_decoder *d) {
    return response_u32(d, d->body, "retryAfterMs", &d->out->u.sys.retry_after_ms);
}

static const struct {
    const char *type;
    enum err_code (*decode)(struct response_decoder *d);
} EVENTS[SYS_EVENTS] = {
#define X(sym, type, codec) [SYS_##sym] = {type, sys_decode_##codec},
    SYS_TABLE(X)
#undef X
};

const char *response_event_name(enum sys_event ev) {
    return EVENTS[ev].type;
}

enum err_code response_decode_sys(struct response_decoder *d) {
    const char *type;
    size_t len;
    if (json_str(d->body, "type", &type, &len) != JSON_OK)
        return response_bad(d, "type", "must be a string");
    for (size_t i = 0; i < SYS_EVENTS; i++) {
        if (strcmp(EVENTS[i].type, type) != 0)
            continue;
        d->out->u.sys.event = (enum sys_event)i;
        d->out->u.sys.name = "";
        enum err_code code = response_recipient(d, d->body, &d->out->u.sys.to);
        return code ? code : EVENTS[i].decode(d);
    }
    d->out->kind = RESPONSE_UNKNOWN;
    return ERR_OK;
}
