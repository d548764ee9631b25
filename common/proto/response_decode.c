/* response_decode - see response_decode.h. The texts stay in the parsed document, which the answer
 * keeps. */
#include "common/proto/response_decode.h"

#include "common/base/clock.h"
#include "common/proto/json.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 40000 /* in a document: RESPONSE_LIST_MAX messages, with room for new fields */
#define SEQ_MAX (((uint64_t)1 << 53) - 1)

/* A decoding under way. */
struct decode {
    const struct json *body;
    const char *body_name;
    struct response *out;
    struct err *e;
};

static enum err_code bad(const struct decode *d, const char *key, const char *why) {
    return err_set(d->e, ERR_BAD_FIELD, "%s.%s: %s", d->body_name, key, why);
}

/* --- Fields. `obj` is the body or an element of one of its lists. --- */

/* "" if absent. */
static enum err_code get_text(const struct decode *d, const struct json *obj, const char *key,
                              const char **s, size_t *len) {
    size_t n = 0;
    *s = "";
    if (json_str(obj, key, s, &n) == JSON_WRONG)
        return bad(d, key, "must be a string");
    if (len)
        *len = n;
    return ERR_OK;
}

/* 0 if absent. */
static enum err_code get_number(const struct decode *d, const struct json *obj, const char *key,
                                uint64_t max, uint64_t *v) {
    *v = 0;
    if (json_u64(obj, key, max, v) == JSON_WRONG)
        return bad(d, key, "must be an integer in range");
    return ERR_OK;
}

static enum err_code get_u32(const struct decode *d, const struct json *obj, const char *key,
                             uint32_t *v) {
    uint64_t n;
    enum err_code code = get_number(d, obj, key, UINT32_MAX, &n);
    *v = (uint32_t)n;
    return code;
}

static enum err_code get_uuid(const struct decode *d, const struct json *obj, const char *key,
                              struct uuid *u) {
    const char *s;
    size_t len;
    if (json_str(obj, key, &s, &len) != JSON_OK || !uuid_read(s, len, u))
        return bad(d, key, "must be a UUID");
    return ERR_OK;
}

/* "0" is the public channel; a server may leave it out where there is no other. */
static enum err_code get_recipient(const struct decode *d, const struct json *obj,
                                   struct recipient *to) {
    static const char key[] = "recipientUUID";
    const char *s;
    size_t len;
    enum json_result result = json_str(obj, key, &s, &len);
    *to = (struct recipient){.is_public = true};
    if (result == JSON_ABSENT || (result == JSON_OK && strcmp(s, "0") == 0))
        return ERR_OK;
    to->is_public = false;
    return get_uuid(d, obj, key, &to->user);
}

/* Nil and 0 if absent. */
static enum err_code get_position(const struct decode *d, struct position *at) {
    const char *s;
    size_t len;
    *at = (struct position){.seq = 0};
    if (json_str(d->body, "epoch", &s, &len) == JSON_ABSENT)
        return ERR_OK;
    enum err_code code = get_uuid(d, d->body, "epoch", &at->epoch);
    return code ? code : get_number(d, d->body, "seq", SEQ_MAX, &at->seq);
}

/* --- Lists --- */

static enum err_code get_user(const struct decode *d, const struct json *obj, const char *name_key,
                              const char *online_key, struct user_item *u) {
    const char *name;
    size_t len;
    enum err_code code = get_uuid(d, obj, "UUID", &u->uuid);
    if (!code)
        code = get_text(d, obj, name_key, &name, &len);
    if (code)
        return code;
    if (len > NAME_MAX_BYTES)
        return bad(d, name_key, "too long");
    memcpy(u->name, name, len + 1);
    u->name_len = (uint8_t)len;
    u->online = false;
    return json_bool(obj, online_key, &u->online) == JSON_WRONG
               ? bad(d, online_key, "must be true or false")
               : ERR_OK;
}

static enum err_code get_message(const struct decode *d, const struct json *obj,
                                 struct message *m) {
    struct recipient to;
    const char *at;
    size_t at_len;
    enum err_code code = get_uuid(d, obj, "UUID", &m->uuid);
    if (!code)
        code = get_uuid(d, obj, "senderUUID", &m->sender);
    if (!code)
        code = get_recipient(d, obj, &to);
    if (!code)
        code = get_text(d, obj, "senderUsername", &m->sender_name, &m->sender_name_len);
    if (!code)
        code = get_text(d, obj, "message", &m->text, &m->text_len);
    if (!code)
        code = get_text(d, obj, "createdAt", &at, &at_len);
    if (!code)
        code = get_number(d, obj, "seq", SEQ_MAX, &m->seq);
    if (code)
        return code;
    if (m->sender_name_len > NAME_MAX_BYTES)
        return bad(d, "senderUsername", "too long");
    m->channel = to.is_public ? channel_public() : channel_dm(&m->sender, &to.user);
    if (!clock_parse_rfc3339(at, at_len, &m->created_ms))
        m->created_ms = 0;
    return ERR_OK;
}

/* A list's elements, counted and with room made for them; *n is 0 if there is none. */
static enum err_code open_list(const struct decode *d, const char *key, size_t item_size,
                               const struct json **first, size_t *n, void **room) {
    const struct json *list = NULL;
    *n = 0;
    *first = NULL;
    if (json_arr(d->body, key, &list) == JSON_WRONG)
        return bad(d, key, "must be a list");
    *first = list ? json_first(list) : NULL;
    for (const struct json *v = *first; v; v = json_next(v)) {
        if (!json_is_obj(v))
            return bad(d, key, "must be a list of objects");
        if (++*n > RESPONSE_LIST_MAX)
            return err_set(d->e, ERR_TOO_LARGE, "%s.%s: more than %d", d->body_name, key,
                           RESPONSE_LIST_MAX);
    }
    if (*n && !(*room = calloc(*n, item_size)))
        return err_set(d->e, ERR_INTERNAL, "out of memory");
    return ERR_OK;
}

static enum err_code get_messages(struct decode *d, const struct message **messages, size_t *n) {
    const struct json *v;
    enum err_code code = open_list(d, "messages", sizeof **messages, &v, n, &d->out->lists[0]);
    struct message *m = d->out->lists[0];
    *messages = m;
    for (; !code && v; v = json_next(v), m++)
        code = get_message(d, v, m);
    return code;
}

static enum err_code get_users(struct decode *d, const char *name_key, const char *online_key,
                               const struct user_item **users, size_t *n) {
    const struct json *v;
    enum err_code code = open_list(d, "users", sizeof **users, &v, n, &d->out->lists[1]);
    struct user_item *u = d->out->lists[1];
    *users = u;
    for (; !code && v; v = json_next(v), u++)
        code = get_user(d, v, name_key, online_key, u);
    return code;
}

/* --- Bodies --- */

static enum err_code decode_ready(struct decode *d) {
    struct response *a = d->out;
    struct server_limits *l = &a->u.ready.limits;
    const struct json *limits = NULL;
    enum err_code code = get_uuid(d, d->body, "sessionUUID", &a->u.ready.session);
    if (!code)
        code = get_text(d, d->body, "server", &a->u.ready.server, NULL);
    if (!code)
        code = get_text(d, d->body, "version", &a->u.ready.version, NULL);
    if (!code && json_obj(d->body, "limits", &limits) == JSON_WRONG)
        code = bad(d, "limits", "must be an object");
    const struct {
        const char *key;
        uint32_t *v;
    } numbers[] = {{"frameBytes", &l->frame_bytes},     {"messageCharacters", &l->message_chars},
                   {"messageBytes", &l->message_bytes}, {"historyPage", &l->history_page},
                   {"usersPage", &l->users_page},       {"resumeMessages", &l->resume_messages}};
    for (size_t i = 0; !code && i < sizeof numbers / sizeof *numbers; i++)
        code = get_u32(d, limits, numbers[i].key, numbers[i].v);
    return code;
}

static enum err_code decode_error(struct decode *d) {
    struct response *a = d->out;
    uint32_t number;
    enum err_code code = get_u32(d, d->body, "code", &number);
    a->u.error.code = number;
    if (!code)
        code = get_text(d, d->body, "name", &a->u.error.name, NULL);
    if (!code)
        code = get_text(d, d->body, "message", &a->u.error.message, NULL);
    if (!code)
        code = get_text(d, d->body, "request", &a->u.error.request, NULL);
    return code ? code : get_u32(d, d->body, "retryAfterMs", &a->u.error.retry_after_ms);
}

static enum err_code decode_authorized(struct decode *d) {
    struct response *a = d->out;
    size_t key_len = 0, name_len = 0;
    enum err_code code = get_uuid(d, d->body, "userUUID", &a->u.authorized.user);
    if (!code)
        code = get_text(d, d->body, "accessKey", &a->u.authorized.key, &key_len);
    if (!code)
        code = get_text(d, d->body, "username", &a->u.authorized.name, &name_len);
    if (code)
        return code;
    if (key_len > ACCESS_KEY_TEXT)
        return bad(d, "accessKey", "too long");
    return name_len > NAME_MAX_BYTES ? bad(d, "username", "too long") : ERR_OK;
}

static enum err_code decode_unauthorized(struct decode *d) {
    return get_uuid(d, d->body, "userUUID", &d->out->u.unauthorized.user);
}

static enum err_code decode_users(struct decode *d) {
    struct response *a = d->out;
    enum err_code code = get_number(d, d->body, "total", SEQ_MAX, &a->u.users.total);
    return code ? code : get_users(d, "Username", "OnLine", &a->u.users.users, &a->u.users.n);
}

static enum err_code decode_join(struct decode *d) {
    struct response *a = d->out;
    enum err_code code = get_recipient(d, d->body, &a->u.join.to);
    if (!code)
        code = get_messages(d, &a->u.join.messages, &a->u.join.n);
    if (!code)
        code = get_users(d, "username", "online", &a->u.join.users, &a->u.join.users_n);
    if (!code)
        code = get_number(d, d->body, "usersTotal", SEQ_MAX, &a->u.join.users_total);
    if (!code)
        code = get_position(d, &a->u.join.at);
    if (code)
        return code;
    enum json_result result = json_bool(d->body, "recovered", &a->u.join.recovered);
    a->u.join.asked_since = result == JSON_OK;
    return result == JSON_WRONG ? bad(d, "recovered", "must be true or false") : ERR_OK;
}

static enum err_code decode_message(struct decode *d) {
    return get_message(d, d->body, &d->out->u.message);
}

static enum err_code decode_read(struct decode *d) {
    struct response *a = d->out;
    enum err_code code = get_recipient(d, d->body, &a->u.read.to);
    if (!code)
        code = get_messages(d, &a->u.read.messages, &a->u.read.n);
    if (!code)
        code = get_number(d, d->body, "messagesTotal", SEQ_MAX, &a->u.read.total);
    return code ? code : get_position(d, &a->u.read.at);
}

static enum err_code decode_leave(struct decode *d) {
    return get_recipient(d, d->body, &d->out->u.leave.to);
}

/* --- Events --- */

static enum err_code decode_sys_user(struct decode *d) {
    size_t len = 0;
    enum err_code code = get_uuid(d, d->body, "userUUID", &d->out->u.sys.user);
    if (!code)
        code = get_text(d, d->body, "username", &d->out->u.sys.name, &len);
    return !code && len > NAME_MAX_BYTES ? bad(d, "username", "too long") : code;
}

static enum err_code decode_sys_unread(struct decode *d) {
    size_t len = 0;
    enum err_code code = get_uuid(d, d->body, "senderUUID", &d->out->u.sys.user);
    if (!code)
        code = get_text(d, d->body, "senderUsername", &d->out->u.sys.name, &len);
    if (!code && len > NAME_MAX_BYTES)
        code = bad(d, "senderUsername", "too long");
    return code ? code : get_number(d, d->body, "seq", SEQ_MAX, &d->out->u.sys.at.seq);
}

static enum err_code decode_sys_purge(struct decode *d) {
    struct response *a = d->out;
    const char *s;
    size_t len;
    enum err_code code = get_uuid(d, d->body, "epoch", &a->u.sys.at.epoch);
    if (code)
        return code;
    a->u.sys.one = json_str(d->body, "UUID", &s, &len) != JSON_ABSENT;
    if (a->u.sys.one)
        return get_uuid(d, d->body, "UUID", &a->u.sys.uuid);
    return get_number(d, d->body, "upTo", SEQ_MAX, &a->u.sys.at.seq);
}

static enum err_code decode_sys_epoch(struct decode *d) {
    enum err_code code = get_uuid(d, d->body, "epoch", &d->out->u.sys.at.epoch);
    return code ? code : get_number(d, d->body, "seq", SEQ_MAX, &d->out->u.sys.at.seq);
}

static enum err_code decode_sys_go_away(struct decode *d) {
    return get_u32(d, d->body, "retryAfterMs", &d->out->u.sys.retry_after_ms);
}

static const struct {
    const char *type;
    enum err_code (*decode)(struct decode *d);
} EVENTS[] = {[RESPONSE_SYS_SIGN_IN] = {"signIn", decode_sys_user},
              [RESPONSE_SYS_SIGN_OUT] = {"signOut", decode_sys_user},
              [RESPONSE_SYS_CHANNEL_JOIN] = {"channelJoin", decode_sys_user},
              [RESPONSE_SYS_CHANNEL_LEAVE] = {"channelLeave", decode_sys_user},
              [RESPONSE_SYS_UNREAD] = {"unread", decode_sys_unread},
              [RESPONSE_SYS_PURGE] = {"purge", decode_sys_purge},
              [RESPONSE_SYS_EPOCH] = {"epoch", decode_sys_epoch},
              [RESPONSE_SYS_GO_AWAY] = {"goAway", decode_sys_go_away}};

static enum err_code decode_sys(struct decode *d) {
    const char *type;
    size_t len;
    if (json_str(d->body, "type", &type, &len) != JSON_OK)
        return bad(d, "type", "must be a string");
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++) {
        if (strcmp(EVENTS[i].type, type) != 0)
            continue;
        d->out->u.sys.event = (enum response_event)i;
        d->out->u.sys.name = "";
        enum err_code code = get_recipient(d, d->body, &d->out->u.sys.to);
        return code ? code : EVENTS[i].decode(d);
    }
    d->out->kind = RESPONSE_UNKNOWN;
    return ERR_OK;
}

/* --- The envelope --- */

static const struct {
    const char *type, *body;
    enum err_code (*decode)(struct decode *d);
} KINDS[] = {[RESPONSE_READY] = {"ready", "ready", decode_ready},
             [RESPONSE_ERROR] = {"error", "error", decode_error},
             [RESPONSE_AUTHORIZED] = {"authorized", "authorized", decode_authorized},
             [RESPONSE_UNAUTHORIZED] = {"unauthorized", "unauthorized", decode_unauthorized},
             [RESPONSE_USERS] = {"users", "users", decode_users},
             [RESPONSE_CHANNEL_JOIN] = {"channelJoin", "channelJoin", decode_join},
             [RESPONSE_CHANNEL_MESSAGE] = {"channelMessage", "channelMessage", decode_message},
             /* as the seed has it: the body is named after the request */
             [RESPONSE_CHANNEL_READ] = {"channelRead", "channelMessages", decode_read},
             [RESPONSE_CHANNEL_LEAVE] = {"channelLeave", "channelLeave", decode_leave},
             [RESPONSE_SYS] = {"sys", "sys", decode_sys}};

static enum err_code decode_kind(struct decode *d, const struct json *root) {
    const char *type;
    size_t len;
    if (json_str(root, "type", &type, &len) != JSON_OK)
        return err_set(d->e, ERR_BAD_FIELD, "type: must be a string");
    d->out->has_id = json_u64(root, "requestID", SEQ_MAX, &d->out->id) == JSON_OK;
    for (size_t i = RESPONSE_UNKNOWN + 1; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (strcmp(KINDS[i].type, type) != 0)
            continue;
        d->out->kind = (enum response_kind)i;
        d->body_name = KINDS[i].body;
        if (json_obj(root, KINDS[i].body, &d->body) != JSON_OK)
            return err_set(d->e, ERR_BAD_FIELD, "%s: must be an object", KINDS[i].body);
        return KINDS[i].decode(d);
    }
    return ERR_OK;
}

enum err_code response_decode(const char *text, size_t len, struct response *out, struct err *e) {
    struct err local;
    *out = (struct response){.kind = RESPONSE_UNKNOWN};
    e = e ? e : &local;
    if (len > RESPONSE_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "a frame of %zu bytes", len);
    out->doc = json_parse(text, len, VALUES_MAX, e);
    if (!out->doc)
        return e->code;
    struct decode d = {.out = out, .e = e};
    enum err_code code = decode_kind(&d, out->doc);
    if (code)
        response_free(out);
    return code;
}

void response_free(struct response *a) {
    for (size_t i = 0; i < sizeof a->lists / sizeof *a->lists; i++)
        free(a->lists[i]);
    json_free(a->doc);
    *a = (struct response){.kind = RESPONSE_UNKNOWN};
}
