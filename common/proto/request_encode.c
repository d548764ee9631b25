/* request_encode - see request_encode.h. */
#include "common/proto/request_encode.h"

#include "common/proto/response_encode.h"

#include <string.h>

/* --- Members: every one but `type` begins with a comma --- */

static void put_name(struct buf *b, const char *key) {
    buf_str(b, ",\"");
    buf_str(b, key);
    buf_str(b, "\":");
}

static void put_text(struct buf *b, const char *key, const char *s, size_t len) {
    put_name(b, key);
    response_encode_string(b, s, len);
}

static void put_uuid(struct buf *b, const char *key, const struct uuid *u) {
    char text[UUID_TEXT];
    uuid_write(u, text);
    put_text(b, key, text, UUID_TEXT);
}

static void put_number(struct buf *b, const char *key, uint64_t v) {
    if (v == 0)
        return;
    put_name(b, key);
    buf_u64(b, v);
}

/* --- Bodies: recipientUUID or the first member, without a comma --- */

static void put_recipient(struct buf *b, const struct recipient *to) {
    char text[UUID_TEXT];
    uuid_write(&to->user, text);
    buf_str(b, "\"recipientUUID\":");
    response_encode_string(b, to->is_public ? "0" : text, to->is_public ? 1 : UUID_TEXT);
}

static void put_sign(struct buf *b, const struct request *r) {
    buf_str(b, "\"username\":");
    response_encode_string(b, r->u.sign.name, r->u.sign.name_len);
    put_text(b, "password", r->u.sign.password, r->u.sign.password_len);
}

static void put_users(struct buf *b, const struct request *r) {
    buf_str(b, "\"online\":");
    buf_str(b, r->u.users.online ? "true" : "false");
    put_number(b, "offset", r->u.users.offset);
    put_number(b, "limit", r->u.users.limit);
}

static void put_join(struct buf *b, const struct request *r) {
    put_recipient(b, &r->u.join.to);
    if (!r->u.join.has_since)
        return;
    char epoch[UUID_TEXT];
    uuid_write(&r->u.join.since.epoch, epoch);
    put_name(b, "since");
    buf_str(b, "{\"epoch\":");
    response_encode_string(b, epoch, UUID_TEXT);
    put_name(b, "seq");
    buf_u64(b, r->u.join.since.seq);
    buf_char(b, '}');
}

static void put_message(struct buf *b, const struct request *r) {
    put_recipient(b, &r->u.message.to);
    if (r->u.message.has_uuid)
        put_uuid(b, "UUID", &r->u.message.uuid);
    put_text(b, "message", r->u.message.text, r->u.message.text_len);
}

static void put_read(struct buf *b, const struct request *r) {
    put_recipient(b, &r->u.read.to);
    put_number(b, "offset", r->u.read.offset);
    put_number(b, "limit", r->u.read.limit);
    put_number(b, "before", r->u.read.before);
    put_number(b, "after", r->u.read.after);
}

static void put_leave(struct buf *b, const struct request *r) {
    put_recipient(b, &r->u.leave.to);
}

static void (*const BODIES[REQ_KINDS])(struct buf *b, const struct request *r) = {
    [REQ_SIGN_IN] = put_sign,
    [REQ_SIGN_UP] = put_sign,
    [REQ_USERS] = put_users,
    [REQ_CHANNEL_JOIN] = put_join,
    [REQ_CHANNEL_MESSAGE] = put_message,
    [REQ_CHANNEL_MESSAGES] = put_read,
    [REQ_CHANNEL_LEAVE] = put_leave}; /* signOut has none */

void request_encode(struct buf *b, const struct request *r) {
    const char *type = request_type(r->kind);
    buf_str(b, "{\"type\":");
    response_encode_string(b, type, strlen(type));
    if (r->id.len) {
        put_name(b, "requestID");
        buf_add(b, r->id.json, r->id.len);
    }
    if (r->has_suuid)
        put_uuid(b, "SUUID", &r->suuid);
    if (r->key_len) {
        put_uuid(b, "userUUID", &r->user);
        put_text(b, "userAccessKey", r->key, r->key_len);
    }
    if (BODIES[r->kind]) {
        put_name(b, type);
        buf_char(b, '{');
        BODIES[r->kind](b, r);
        buf_char(b, '}');
    }
    buf_char(b, '}');
}
