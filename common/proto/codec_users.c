/* codec_users - users: pages of them, and the lists that other frames have. See internal.h. */
#include "common/proto/internal.h"

#include <string.h>

#define OFFSET_MAX UINT32_MAX

/* --- The request --- */

enum err_code request_decode_users(struct request_decoder *d) {
    uint64_t offset = 0, limit = USERS_PAGE_MAX;
    enum err_code code = request_number(d, "offset", 0, OFFSET_MAX, &offset, NULL);
    if (!code)
        code = request_number(d, "limit", 1, USERS_PAGE_MAX, &limit, NULL);
    if (code)
        return code;
    if (json_bool(d->body, "online", &d->out->u.users.online) == JSON_WRONG)
        return request_bad(d, "online", "must be true or false");
    d->out->u.users.offset = (uint32_t)offset;
    d->out->u.users.limit = (uint32_t)limit;
    return ERR_OK;
}

void request_encode_users(struct buf *b, const struct request *r) {
    json_add_bool(b, "online", r->u.users.online);
    request_add_number(b, "offset", r->u.users.offset);
    request_add_number(b, "limit", r->u.users.limit);
}

/* --- The response --- */

void response_encode_users(struct buf *b, uint64_t total, const struct user_item *users, size_t n,
                           const struct request_id *id) {
    json_expect(b, FRAME_ROOM + n * USER_ROOM);
    JSON_PUT(b, "{\"type\":\"users\",\"users\":{\"total\":");
    buf_u64(b, total);
    JSON_PUT(b, ",\"received\":");
    buf_u64(b, n);
    JSON_PUT(b, ",\"users\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            JSON_PUT(b, ",");
        JSON_PUT(b, "{\"UUID\":\"");
        json_put_uuid(b, &users[i].uuid);
        JSON_PUT(b, "\",\"Username\":");
        json_put_string(b, users[i].name, users[i].name_len);
        JSON_PUT(b, ",\"OnLine\":");
        json_put_bool(b, users[i].online);
        JSON_PUT(b, "}");
    }
    JSON_PUT(b, "]}");
    response_put_end(b, id);
}

static enum err_code read_user(const struct response_decoder *d, const struct json *obj,
                               const char *name_key, const char *online_key, struct user_item *u) {
    const char *name;
    size_t len;
    enum err_code code = response_uuid(d, obj, "UUID", &u->uuid);
    if (!code)
        code = response_text(d, obj, name_key, &name, &len);
    if (code)
        return code;
    if (len > NAME_MAX_BYTES)
        return response_bad(d, name_key, "too long");
    memcpy(u->name, name, len + 1);
    u->name_len = (uint8_t)len;
    u->online = false;
    return json_bool(obj, online_key, &u->online) == JSON_WRONG
               ? response_bad(d, online_key, "must be true or false")
               : ERR_OK;
}

enum err_code codec_users(struct response_decoder *d, const char *name_key, const char *online_key,
                          const struct user_item **users, size_t *n) {
    const struct json *v;
    enum err_code code = response_list(d, "users", sizeof **users, &v, n, &d->out->lists[1]);
    struct user_item *u = d->out->lists[1];
    *users = u;
    for (; !code && v; v = json_next(v), u++)
        code = read_user(d, v, name_key, online_key, u);
    return code;
}

enum err_code response_decode_users(struct response_decoder *d) {
    struct response *a = d->out;
    enum err_code code = response_u64(d, d->body, "total", SEQ_MAX, &a->u.users.total);
    return code ? code : codec_users(d, "Username", "OnLine", &a->u.users.users, &a->u.users.n);
}
