/* codec_account - a connection and who is on it: ready, error, signIn, signUp, signOut, authorized
 * and unauthorized. See internal.h. */
#include "common/proto/internal.h"
#include "common/proto/validate.h"

#include <string.h>

/* --- Requests --- */

enum err_code request_decode_sign(struct request_decoder *d) {
    struct request *r = d->out;
    struct err inner;
    bool create = true;
    enum err_code code = request_string(d, "username", &r->u.sign.name, &r->u.sign.name_len);
    if (!code)
        code = request_string(d, "password", &r->u.sign.password, &r->u.sign.password_len);
    if (!code && json_bool(d->body, "create", &create) == JSON_WRONG)
        code = request_bad(d, "create", "must be true or false");
    if (code)
        return code;
    r->u.sign.known_only = !create && r->kind == REQ_SIGN_IN;
    code = password_check(r->u.sign.password, r->u.sign.password_len, &inner);
    return code ? request_fail(d, code, "password", inner.detail) : ERR_OK;
}

void request_encode_sign(struct buf *b, const struct request *r) {
    json_add_string(b, "username", r->u.sign.name, r->u.sign.name_len);
    json_add_string(b, "password", r->u.sign.password, r->u.sign.password_len);
    if (r->u.sign.known_only)
        json_add_bool(b, "create", false);
}

/* signOut has no body: request_encode leaves out what this would write. */
enum err_code request_decode_nothing(struct request_decoder *d) {
    (void)d;
    return ERR_OK;
}

void request_encode_nothing(struct buf *b, const struct request *r) {
    (void)b;
    (void)r;
}

/* --- Responses, as a server writes them --- */

void response_encode_ready(struct buf *b, const struct uuid *session, const char *server,
                           const char *version, const struct server_limits *limits) {
    json_expect(b, FRAME_ROOM + strlen(server) + strlen(version));
    JSON_PUT(b, "{\"type\":\"ready\",\"ready\":{\"sessionUUID\":\"");
    json_put_uuid(b, session);
    JSON_PUT(b, "\",\"server\":");
    json_put_string(b, server, strlen(server));
    JSON_PUT(b, ",\"version\":");
    json_put_string(b, version, strlen(version));
    JSON_PUT(b, ",\"limits\":{\"frameBytes\":");
    buf_u64(b, limits->frame_bytes);
    JSON_PUT(b, ",\"messageCharacters\":");
    buf_u64(b, limits->message_chars);
    JSON_PUT(b, ",\"messageBytes\":");
    buf_u64(b, limits->message_bytes);
    JSON_PUT(b, ",\"historyPage\":");
    buf_u64(b, limits->history_page);
    JSON_PUT(b, ",\"usersPage\":");
    buf_u64(b, limits->users_page);
    JSON_PUT(b, ",\"resumeMessages\":");
    buf_u64(b, limits->resume_messages);
    JSON_PUT(b, "}}}");
}

void response_encode_error(struct buf *b, const struct err *e, const char *request,
                           const struct request_id *id) {
    const char *text = err_text(e->code), *name = err_name(e->code);
    json_expect(b, FRAME_ROOM + sizeof e->detail);
    JSON_PUT(b, "{\"type\":\"error\",\"error\":{\"code\":");
    buf_u64(b, (uint64_t)e->code);
    JSON_PUT(b, ",\"message\":\"");
    json_put_escaped(b, text, strlen(text));
    if (e->detail[0] != '\0') {
        JSON_PUT(b, ": ");
        json_put_escaped(b, e->detail, strlen(e->detail));
    }
    JSON_PUT(b, "\",\"name\":");
    json_put_string(b, name, strlen(name));
    if (request[0] != '\0') {
        JSON_PUT(b, ",\"request\":");
        json_put_string(b, request, strlen(request));
    }
    if (e->retry_after_ms > 0) {
        JSON_PUT(b, ",\"retryAfterMs\":");
        buf_u64(b, e->retry_after_ms);
    }
    JSON_PUT(b, "}");
    response_put_end(b, id);
}

void response_encode_authorized(struct buf *b, const struct uuid *user, const char *access_key,
                                const char *username, size_t username_len,
                                const struct request_id *id) {
    json_expect(b, FRAME_ROOM + username_len);
    JSON_PUT(b, "{\"type\":\"authorized\",\"authorized\":{\"userUUID\":\"");
    json_put_uuid(b, user);
    JSON_PUT(b, "\",\"accessKey\":");
    json_put_string(b, access_key, strlen(access_key));
    JSON_PUT(b, ",\"username\":");
    json_put_string(b, username, username_len);
    JSON_PUT(b, "}");
    response_put_end(b, id);
}

void response_encode_unauthorized(struct buf *b, const struct uuid *user,
                                  const struct request_id *id) {
    JSON_PUT(b, "{\"type\":\"unauthorized\",\"unauthorized\":{\"userUUID\":\"");
    json_put_uuid(b, user);
    JSON_PUT(b, "\"}");
    response_put_end(b, id);
}

/* --- Responses, as a client reads them --- */

enum err_code response_decode_ready(struct response_decoder *d) {
    struct response *a = d->out;
    struct server_limits *l = &a->u.ready.limits;
    const struct json *limits = NULL;
    enum err_code code = response_uuid(d, d->body, "sessionUUID", &a->u.ready.session);
    if (!code)
        code = response_text(d, d->body, "server", &a->u.ready.server, NULL);
    if (!code)
        code = response_text(d, d->body, "version", &a->u.ready.version, NULL);
    if (!code && json_obj(d->body, "limits", &limits) == JSON_WRONG)
        code = response_bad(d, "limits", "must be an object");
    const struct {
        const char *key;
        uint32_t *v;
    } numbers[] = {{"frameBytes", &l->frame_bytes},     {"messageCharacters", &l->message_chars},
                   {"messageBytes", &l->message_bytes}, {"historyPage", &l->history_page},
                   {"usersPage", &l->users_page},       {"resumeMessages", &l->resume_messages}};
    for (size_t i = 0; !code && i < sizeof numbers / sizeof *numbers; i++)
        code = response_u32(d, limits, numbers[i].key, numbers[i].v);
    return code;
}

enum err_code response_decode_error(struct response_decoder *d) {
    struct response *a = d->out;
    uint32_t number;
    enum err_code code = response_u32(d, d->body, "code", &number);
    a->u.error.code = number;
    if (!code)
        code = response_text(d, d->body, "name", &a->u.error.name, NULL);
    if (!code)
        code = response_text(d, d->body, "message", &a->u.error.message, NULL);
    if (!code)
        code = response_text(d, d->body, "request", &a->u.error.request, NULL);
    return code ? code : response_u32(d, d->body, "retryAfterMs", &a->u.error.retry_after_ms);
}

enum err_code response_decode_authorized(struct response_decoder *d) {
    struct response *a = d->out;
    size_t key_len = 0, name_len = 0;
    enum err_code code = response_uuid(d, d->body, "userUUID", &a->u.authorized.user);
    if (!code)
        code = response_text(d, d->body, "accessKey", &a->u.authorized.key, &key_len);
    if (!code)
        code = response_text(d, d->body, "username", &a->u.authorized.name, &name_len);
    if (code)
        return code;
    if (key_len > ACCESS_KEY_TEXT)
        return response_bad(d, "accessKey", "too long");
    return name_len > NAME_MAX_BYTES ? response_bad(d, "username", "too long") : ERR_OK;
}

enum err_code response_decode_unauthorized(struct response_decoder *d) {
    return response_uuid(d, d->body, "userUUID", &d->out->u.unauthorized.user);
}
