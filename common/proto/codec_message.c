/* codec_message - channelMessage, and channelMessages, the history. A broadcast goes to every
 * member of a channel and is paid for here, so nothing on its way allocates or formats. See
 * internal.h. */
#include "common/base/clock.h"
#include "common/proto/internal.h"
#include "common/proto/validate.h"

#include <string.h>

#define OFFSET_MAX UINT32_MAX

/* --- Requests --- */

static enum err_code decode_message_uuid(struct request_decoder *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->body, "UUID", &s, &len);
    if (result == JSON_ABSENT)
        return ERR_OK;
    struct uuid *uuid = &d->out->u.message.uuid;
    if (result == JSON_WRONG || !uuid_read(s, len, uuid) || uuid_is_nil(uuid))
        return request_bad(d, "UUID", "must be a UUID");
    d->out->u.message.has_uuid = true;
    return ERR_OK;
}

enum err_code request_decode_message(struct request_decoder *d) {
    struct request *r = d->out;
    struct err inner;
    enum err_code code = request_recipient(d);
    if (!code)
        code = decode_message_uuid(d);
    if (!code)
        code = request_string(d, "message", &r->u.message.text, &r->u.message.text_len);
    if (code)
        return code;
    code = message_check(r->u.message.text, r->u.message.text_len, &inner);
    return code ? request_fail(d, code, "message", inner.detail) : ERR_OK;
}

void request_encode_message(struct buf *b, const struct request *r) {
    request_add_recipient(b, r);
    if (r->u.message.has_uuid)
        json_add_uuid(b, "UUID", &r->u.message.uuid);
    json_add_string(b, "message", r->u.message.text, r->u.message.text_len);
}

enum err_code request_decode_history(struct request_decoder *d) {
    struct request *r = d->out;
    uint64_t offset = 0, limit = HISTORY_PAGE_DEFAULT;
    bool by_offset, by_before, by_after;
    enum err_code code = request_recipient(d);
    if (!code)
        code = request_number(d, "offset", 0, OFFSET_MAX, &offset, &by_offset);
    if (!code)
        code = request_number(d, "limit", 1, HISTORY_PAGE_MAX, &limit, NULL);
    if (!code)
        code = request_number(d, "before", 1, SEQ_MAX, &r->u.history.before, &by_before);
    if (!code)
        code = request_number(d, "after", 1, SEQ_MAX, &r->u.history.after, &by_after);
    if (code)
        return code;
    if (by_after && (by_offset || by_before))
        return request_bad(d, "after",
                           by_offset ? "not together with offset" : "not together with before");
    if (by_before && by_offset)
        return request_bad(d, "before", "not together with offset");
    r->u.history.offset = (uint32_t)offset;
    r->u.history.limit = (uint32_t)limit;
    return ERR_OK;
}

void request_encode_history(struct buf *b, const struct request *r) {
    request_add_recipient(b, r);
    request_add_number(b, "offset", r->u.history.offset);
    request_add_number(b, "limit", r->u.history.limit);
    request_add_number(b, "before", r->u.history.before);
    request_add_number(b, "after", r->u.history.after);
}

/* --- Responses, as a server writes them --- */

static void put_time(struct buf *b, const char text[CLOCK_TEXT + 1]) {
    json_put(b, text, CLOCK_TEXT);
}

static void put_message_recipient(struct buf *b, const struct message *m) {
    if (m->channel.kind == CHANNEL_PUBLIC) {
        response_put_recipient(b, NULL);
        return;
    }
    struct uuid peer = channel_peer(&m->channel, &m->sender);
    response_put_recipient(b, &peer);
}

/* One message object. `twice`: the time also under the name that the seed's join uses. */
static void put_message(struct buf *b, const struct message *m, bool twice) {
    char created[CLOCK_TEXT + 1];
    clock_rfc3339(m->created_ms, created);
    JSON_PUT(b, "{\"UUID\":\"");
    json_put_uuid(b, &m->uuid);
    JSON_PUT(b, "\",\"senderUUID\":\"");
    json_put_uuid(b, &m->sender);
    JSON_PUT(b, "\",\"senderUsername\":");
    json_put_string(b, m->sender_name, m->sender_name_len);
    JSON_PUT(b, ",\"recipientUUID\":\"");
    put_message_recipient(b, m);
    JSON_PUT(b, "\",\"message\":");
    json_put_string(b, m->text, m->text_len);
    JSON_PUT(b, ",\"createdAt\":\"");
    put_time(b, created);
    if (twice) {
        JSON_PUT(b, "\",\"created_at\":\"");
        put_time(b, created);
    }
    JSON_PUT(b, "\",\"seq\":");
    buf_u64(b, m->seq);
    if (uuid_is_nil(&m->sender))
        JSON_PUT(b, ",\"server\":true");
    JSON_PUT(b, "}");
}

void codec_put_message(struct buf *b, const struct message *m, bool first, bool twice) {
    json_expect(b, MESSAGE_ROOM + m->sender_name_len + m->text_len);
    if (!first)
        JSON_PUT(b, ",");
    put_message(b, m, twice);
}

void response_encode_message(struct buf *b, const struct message *m, const struct request_id *id) {
    json_expect(b, MESSAGE_ROOM + m->sender_name_len + m->text_len);
    JSON_PUT(b, "{\"type\":\"channelMessage\",\"channelMessage\":");
    put_message(b, m, false);
    response_put_end(b, id);
}

void response_encode_read_begin(struct buf *b, const struct uuid *recipient) {
    JSON_PUT(b, "{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"");
    response_put_recipient(b, recipient);
    JSON_PUT(b, "\",\"messages\":[");
}

void response_encode_read_message(struct buf *b, const struct message *m, bool first) {
    codec_put_message(b, m, first, false);
}

void response_encode_read_end(struct buf *b, uint64_t total, size_t received,
                              const struct position *at, const struct request_id *id) {
    JSON_PUT(b, "],\"messagesTotal\":");
    buf_u64(b, total);
    JSON_PUT(b, ",\"messagesReceived\":");
    buf_u64(b, received);
    JSON_PUT(b, ",");
    response_put_position(b, at);
    JSON_PUT(b, "}");
    response_put_end(b, id);
}

/* --- Responses, as a client reads them --- */

static enum err_code read_message(const struct response_decoder *d, const struct json *obj,
                                  struct message *m) {
    struct recipient to;
    const char *at;
    size_t at_len;
    enum err_code code = response_uuid(d, obj, "UUID", &m->uuid);
    if (!code)
        code = response_uuid(d, obj, "senderUUID", &m->sender);
    if (!code)
        code = response_recipient(d, obj, &to);
    if (!code)
        code = response_text(d, obj, "senderUsername", &m->sender_name, &m->sender_name_len);
    if (!code)
        code = response_text(d, obj, "message", &m->text, &m->text_len);
    if (!code)
        code = response_text(d, obj, "createdAt", &at, &at_len);
    if (!code)
        code = response_u64(d, obj, "seq", SEQ_MAX, &m->seq);
    if (code)
        return code;
    if (m->sender_name_len > NAME_MAX_BYTES)
        return response_bad(d, "senderUsername", "too long");
    m->channel = to.public ? channel_public() : channel_dm(&m->sender, &to.user);
    if (!clock_parse_rfc3339(at, at_len, &m->created_ms))
        m->created_ms = 0;
    return ERR_OK;
}

enum err_code codec_messages(struct response_decoder *d, const struct message **messages,
                             size_t *n) {
    const struct json *v;
    enum err_code code = response_list(d, "messages", sizeof **messages, &v, n, &d->out->lists[0]);
    struct message *m = d->out->lists[0];
    *messages = m;
    for (; !code && v; v = json_next(v), m++)
        code = read_message(d, v, m);
    return code;
}

enum err_code response_decode_message(struct response_decoder *d) {
    return read_message(d, d->body, &d->out->u.message);
}

enum err_code response_decode_history(struct response_decoder *d) {
    struct response *a = d->out;
    enum err_code code = response_recipient(d, d->body, &a->u.history.to);
    if (!code)
        code = codec_messages(d, &a->u.history.messages, &a->u.history.n);
    if (!code)
        code = response_u64(d, d->body, "messagesTotal", SEQ_MAX, &a->u.history.total);
    return code ? code : response_position(d, &a->u.history.at);
}
