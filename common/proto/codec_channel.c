/* codec_channel - channelJoin and channelLeave. See internal.h. */
#include "common/proto/internal.h"

/* --- Requests --- */

/* A position that can't be one is kept as one that no channel has: the answer is then a normal join
 * with recovered: false, as it is for any position that can't be served. */
static enum err_code decode_since(struct request_decoder *d) {
    struct position at = {.seq = 0};
    struct uuid message = {{0}};
    const struct json *since;
    const char *epoch, *uuid;
    size_t len, uuid_len;
    enum json_result result = json_obj(d->body, "since", &since);
    if (result == JSON_ABSENT)
        return ERR_OK;
    if (result == JSON_WRONG)
        return request_bad(d, "since", "must be an object");
    d->out->u.join.has_since = true;
    if (json_str(since, "epoch", &epoch, &len) != JSON_OK || !uuid_read(epoch, len, &at.epoch) ||
        json_u64(since, "seq", SEQ_MAX, &at.seq) != JSON_OK)
        return ERR_OK;
    result = json_str(since, "UUID", &uuid, &uuid_len);
    if (result == JSON_WRONG ||
        (result == JSON_OK && (!uuid_read(uuid, uuid_len, &message) || uuid_is_nil(&message))))
        return ERR_OK;
    d->out->u.join.since = at;
    d->out->u.join.since_uuid = message;
    return ERR_OK;
}

enum err_code request_decode_join(struct request_decoder *d) {
    enum err_code code = request_recipient(d);
    return code ? code : decode_since(d);
}

void request_encode_join(struct buf *b, const struct request *r) {
    request_add_recipient(b, r);
    if (!r->u.join.has_since)
        return;
    json_add_key(b, "since");
    JSON_PUT(b, "{");
    json_add_uuid(b, "epoch", &r->u.join.since.epoch);
    json_add_u64(b, "seq", r->u.join.since.seq);
    if (!uuid_is_nil(&r->u.join.since_uuid))
        json_add_uuid(b, "UUID", &r->u.join.since_uuid);
    JSON_PUT(b, "}");
}

enum err_code request_decode_leave(struct request_decoder *d) {
    return request_recipient(d);
}

void request_encode_leave(struct buf *b, const struct request *r) {
    request_add_recipient(b, r);
}

/* --- Responses, as a server writes them --- */

static void put_member(struct buf *b, const struct user_item *u) {
    JSON_PUT(b, "{\"UUID\":\"");
    json_put_uuid(b, &u->uuid);
    JSON_PUT(b, "\",\"username\":");
    json_put_string(b, u->name, u->name_len);
    JSON_PUT(b, ",\"online\":");
    json_put_bool(b, u->online);
    JSON_PUT(b, "}");
}

void response_encode_join_begin(struct buf *b, const struct uuid *recipient) {
    JSON_PUT(b, "{\"type\":\"channelJoin\",\"channelJoin\":{\"recipientUUID\":\"");
    response_put_recipient(b, recipient);
    JSON_PUT(b, "\",\"messages\":[");
}

void response_encode_join_message(struct buf *b, const struct message *m, bool first) {
    codec_put_message(b, m, first, true);
}

void response_encode_join_end(struct buf *b, const struct user_item *members, size_t n,
                              uint64_t members_total, const struct position *at, bool asked_since,
                              bool recovered, const struct request_id *id) {
    json_expect(b, FRAME_ROOM + n * USER_ROOM);
    JSON_PUT(b, "],\"users\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            JSON_PUT(b, ",");
        put_member(b, &members[i]);
    }
    JSON_PUT(b, "],\"usersTotal\":");
    buf_u64(b, members_total);
    JSON_PUT(b, ",");
    response_put_position(b, at);
    if (asked_since) {
        JSON_PUT(b, ",\"recovered\":");
        json_put_bool(b, recovered);
    }
    JSON_PUT(b, "}");
    response_put_end(b, id);
}

void response_encode_leave(struct buf *b, const struct uuid *recipient,
                           const struct request_id *id) {
    JSON_PUT(b, "{\"type\":\"channelLeave\",\"channelLeave\":{\"recipientUUID\":\"");
    response_put_recipient(b, recipient);
    JSON_PUT(b, "\"}");
    response_put_end(b, id);
}

/* --- Responses, as a client reads them --- */

enum err_code response_decode_join(struct response_decoder *d) {
    struct response *a = d->out;
    enum err_code code = response_recipient(d, d->body, &a->u.join.to);
    if (!code)
        code = codec_messages(d, &a->u.join.messages, &a->u.join.n);
    if (!code)
        code = codec_users(d, "username", "online", &a->u.join.users, &a->u.join.users_n);
    if (!code)
        code = response_u64(d, d->body, "usersTotal", SEQ_MAX, &a->u.join.users_total);
    if (!code)
        code = response_position(d, &a->u.join.at);
    if (code)
        return code;
    enum json_result result = json_bool(d->body, "recovered", &a->u.join.recovered);
    a->u.join.asked_since = result == JSON_OK;
    return result == JSON_WRONG ? response_bad(d, "recovered", "must be true or false") : ERR_OK;
}

enum err_code response_decode_leave(struct response_decoder *d) {
    return response_recipient(d, d->body, &d->out->u.leave.to);
}
