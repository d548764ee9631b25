/* request - see request.h. The envelope is read first, in the order in which an error in it
 * matters: requestID (so that every later error can echo it), type, session, key pair; then the
 * body, by the function that KINDS names. Strings stay in the parsed document until all is well,
 * and are then packed into one block.
 */
#include "common/proto/request.h"

#include "common/proto/json.h"
#include "common/proto/response_encode.h"
#include "common/proto/validate.h"

#include <stdlib.h>
#include <string.h>

#define ACCESS_KEY_MAX 128 /* bytes; what is longer is no key of ours */
#define OFFSET_MAX UINT32_MAX
#define SEQ_MAX (((uint64_t)1 << 53) - 1) /* what json_u64 can give */
#define TYPE_SHOWN 32                     /* characters of an unknown type that the error repeats */
#define ID_TEXT_MAX (6 * REQUEST_ID_MAX + 2)

static const char *const TYPES[REQ_KINDS] = {"",
#define X(sym, type) type,
                                             REQUEST_TABLE(X)
#undef X
};

/* A decoding under way. */
struct decode {
    const struct json *root;
    const struct json *body; /* NULL: none, which finds nothing in it */
    const char *body_name;   /* "signIn"; NULL while the envelope is read */
    struct request *out;
    struct err *e;
    char id[ID_TEXT_MAX]; /* out->id until it is packed */
};

const char *request_type(enum request_kind kind) {
    return kind < REQ_KINDS ? TYPES[kind] : "";
}

/* ---- Errors. The detail begins with the field's path. ---- */

static enum err_code fail(const struct decode *d, enum err_code code, const char *key,
                          const char *why) {
    if (d->body_name)
        return err_set(d->e, code, "%s.%s: %s", d->body_name, key, why);
    return err_set(d->e, code, "%s: %s", key, why);
}

static enum err_code bad(const struct decode *d, const char *key, const char *why) {
    return fail(d, ERR_BAD_FIELD, key, why);
}

static enum err_code bad_range(const struct decode *d, const char *key, uint64_t min,
                               uint64_t max) {
    return err_set(d->e, ERR_BAD_FIELD, "%s.%s: must be %llu to %llu", d->body_name, key,
                   (unsigned long long)min, (unsigned long long)max);
}

static enum err_code bad_string(const struct decode *d, const char *key, enum json_result result) {
    return bad(d, key, result == JSON_ABSENT ? "missing" : "must be a string");
}

/* ---- The envelope. ---- */

static enum err_code decode_id(struct decode *d) {
    /* a buf that is as large as its cap never allocates */
    struct buf b = {.data = d->id, .size = sizeof d->id, .cap = sizeof d->id};
    const char *s;
    size_t len;
    int64_t number;
    enum json_result result = json_str(d->root, "requestID", &s, &len);
    if (result == JSON_ABSENT)
        return ERR_OK;
    if (result == JSON_OK) {
        if (len > REQUEST_ID_MAX)
            return bad(d, "requestID", "must be at most 64 bytes");
        response_encode_string(&b, s, len);
    } else {
        if (json_i64(d->root, "requestID", &number) != JSON_OK)
            return bad(d, "requestID", "must be a string or an integer");
        if (number < 0)
            buf_char(&b, '-');
        buf_u64(&b, (uint64_t)(number < 0 ? -number : number));
    }
    d->out->id.len = (uint16_t)b.len;
    return ERR_OK;
}

/* Repeats the type, so that the error helps, but only if it can do no harm where it is shown. */
static enum err_code unknown_type(const struct decode *d, const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x20 || s[i] > 0x7E)
            return fail(d, ERR_UNKNOWN_TYPE, "type", "not one of this server's");
    return err_set(d->e, ERR_UNKNOWN_TYPE, "type: '%.*s%s' is not one of this server's", TYPE_SHOWN,
                   s, len > TYPE_SHOWN ? "..." : "");
}

static enum err_code decode_type(struct decode *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->root, "type", &s, &len);
    if (result != JSON_OK)
        return bad_string(d, "type", result);
    for (enum request_kind kind = REQ_NONE + 1; kind < REQ_KINDS; kind++)
        if (strcmp(s, TYPES[kind]) == 0) {
            d->out->kind = kind;
            return ERR_OK;
        }
    return unknown_type(d, s, len);
}

static enum err_code decode_session(struct decode *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->root, "SUUID", &s, &len);
    if (result == JSON_WRONG)
        return bad(d, "SUUID", "must be a string");
    if (result == JSON_ABSENT || len == 0)
        return ERR_OK;
    if (!uuid_read(s, len, &d->out->suuid))
        return fail(d, ERR_BAD_SESSION, "SUUID", "not a UUID");
    d->out->has_suuid = true;
    return ERR_OK;
}

/* Without a key a userUUID means nothing, so then it may be anything; and so may a key without one.
 */
static enum err_code decode_pair(struct decode *d) {
    const char *key, *user;
    size_t key_len, user_len;
    enum json_result result = json_str(d->root, "userAccessKey", &key, &key_len);
    if (result == JSON_WRONG)
        return bad(d, "userAccessKey", "must be a string");
    if (result == JSON_ABSENT || key_len == 0)
        return ERR_OK;
    if (key_len > ACCESS_KEY_MAX)
        return bad(d, "userAccessKey", "must be at most 128 bytes");
    result = json_str(d->root, "userUUID", &user, &user_len);
    if (result == JSON_ABSENT)
        return ERR_OK;
    if (result == JSON_OK)
        uuid_read(user, user_len, &d->out->user); /* else it stays nil, which no user has */
    d->out->key = key;
    d->out->key_len = key_len;
    return ERR_OK;
}

/* ---- Fields of a body. ---- */

static enum err_code decode_string(const struct decode *d, const char *key, const char **s,
                                   size_t *len) {
    enum json_result result = json_str(d->body, key, s, len);
    return result == JSON_OK ? ERR_OK : bad_string(d, key, result);
}

/* `v` keeps its value if the field is absent; then *given is false (`given` may be NULL). */
static enum err_code decode_number(const struct decode *d, const char *key, uint64_t min,
                                   uint64_t max, uint64_t *v, bool *given) {
    enum json_result result = json_u64(d->body, key, max, v);
    if (result == JSON_WRONG || (result == JSON_OK && *v < min))
        return bad_range(d, key, min, max);
    if (given)
        *given = result == JSON_OK;
    return ERR_OK;
}

static enum err_code decode_recipient(const struct decode *d, struct recipient *to) {
    static const char key[] = "recipientUUID";
    const char *s;
    size_t len;
    int64_t number = 1;
    to->is_public = true;
    switch (json_str(d->body, key, &s, &len)) {
    case JSON_ABSENT:
        return ERR_OK;
    case JSON_OK:
        if (len == 0 || strcmp(s, "0") == 0)
            return ERR_OK;
        to->is_public = false;
        return uuid_read(s, len, &to->user) ? ERR_OK : fail(d, ERR_NOT_FOUND, key, "no such user");
    case JSON_WRONG:
        if (json_i64(d->body, key, &number) == JSON_OK && number == 0)
            return ERR_OK;
    }
    return bad(d, key, "must be a user's UUID, or 0");
}

/* ---- Bodies. ---- */

static enum err_code decode_sign(struct decode *d) {
    struct request *r = d->out;
    struct err inner;
    enum err_code code = decode_string(d, "username", &r->u.sign.name, &r->u.sign.name_len);
    if (!code)
        code = decode_string(d, "password", &r->u.sign.password, &r->u.sign.password_len);
    if (code)
        return code;
    code = password_check(r->u.sign.password, r->u.sign.password_len, &inner);
    return code ? fail(d, code, "password", inner.detail) : ERR_OK;
}

static enum err_code decode_nothing(struct decode *d) {
    (void)d;
    return ERR_OK;
}

static enum err_code decode_users(struct decode *d) {
    uint64_t offset = 0, limit = USERS_PAGE_MAX;
    enum err_code code = decode_number(d, "offset", 0, OFFSET_MAX, &offset, NULL);
    if (!code)
        code = decode_number(d, "limit", 1, USERS_PAGE_MAX, &limit, NULL);
    if (code)
        return code;
    if (json_bool(d->body, "online", &d->out->u.users.online) == JSON_WRONG)
        return bad(d, "online", "must be true or false");
    d->out->u.users.offset = (uint32_t)offset;
    d->out->u.users.limit = (uint32_t)limit;
    return ERR_OK;
}

/* A position that can't be one is kept as one that no channel has: the answer is then a normal join
 * with recovered: false, as it is for any position that can't be served. */
static enum err_code decode_since(struct decode *d) {
    struct position at = {.seq = 0};
    const struct json *since;
    const char *epoch;
    size_t len;
    enum json_result result = json_obj(d->body, "since", &since);
    if (result == JSON_ABSENT)
        return ERR_OK;
    if (result == JSON_WRONG)
        return bad(d, "since", "must be an object");
    d->out->u.join.has_since = true;
    if (json_str(since, "epoch", &epoch, &len) == JSON_OK && uuid_read(epoch, len, &at.epoch) &&
        json_u64(since, "seq", SEQ_MAX, &at.seq) == JSON_OK)
        d->out->u.join.since = at;
    return ERR_OK;
}

static enum err_code decode_join(struct decode *d) {
    enum err_code code = decode_recipient(d, &d->out->u.join.to);
    return code ? code : decode_since(d);
}

static enum err_code decode_message_uuid(struct decode *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->body, "UUID", &s, &len);
    if (result == JSON_ABSENT)
        return ERR_OK;
    struct uuid *uuid = &d->out->u.message.uuid;
    if (result == JSON_WRONG || !uuid_read(s, len, uuid) || uuid_is_nil(uuid))
        return bad(d, "UUID", "must be a UUID");
    d->out->u.message.has_uuid = true;
    return ERR_OK;
}

static enum err_code decode_message(struct decode *d) {
    struct request *r = d->out;
    struct err inner;
    enum err_code code = decode_recipient(d, &r->u.message.to);
    if (!code)
        code = decode_message_uuid(d);
    if (!code)
        code = decode_string(d, "message", &r->u.message.text, &r->u.message.text_len);
    if (code)
        return code;
    code = message_check(r->u.message.text, r->u.message.text_len, &inner);
    return code ? fail(d, code, "message", inner.detail) : ERR_OK;
}

static enum err_code decode_read(struct decode *d) {
    struct request *r = d->out;
    uint64_t offset = 0, limit = HISTORY_PAGE_DEFAULT;
    bool by_offset, by_before, by_after;
    enum err_code code = decode_recipient(d, &r->u.read.to);
    if (!code)
        code = decode_number(d, "offset", 0, OFFSET_MAX, &offset, &by_offset);
    if (!code)
        code = decode_number(d, "limit", 1, HISTORY_PAGE_MAX, &limit, NULL);
    if (!code)
        code = decode_number(d, "before", 1, SEQ_MAX, &r->u.read.before, &by_before);
    if (!code)
        code = decode_number(d, "after", 1, SEQ_MAX, &r->u.read.after, &by_after);
    if (code)
        return code;
    if (by_after && (by_offset || by_before))
        return bad(d, "after", by_offset ? "not together with offset" : "not together with before");
    if (by_before && by_offset)
        return bad(d, "before", "not together with offset");
    r->u.read.offset = (uint32_t)offset;
    r->u.read.limit = (uint32_t)limit;
    return ERR_OK;
}

static enum err_code decode_leave(struct decode *d) {
    return decode_recipient(d, &d->out->u.leave.to);
}

static const struct {
    enum err_code (*decode)(struct decode *d);
    bool body_optional;
} KINDS[REQ_KINDS] = {
    [REQ_SIGN_IN] = {decode_sign, false},          [REQ_SIGN_UP] = {decode_sign, false},
    [REQ_SIGN_OUT] = {decode_nothing, true},       [REQ_USERS] = {decode_users, true},
    [REQ_CHANNEL_JOIN] = {decode_join, false},     [REQ_CHANNEL_MESSAGE] = {decode_message, false},
    [REQ_CHANNEL_MESSAGES] = {decode_read, false}, [REQ_CHANNEL_LEAVE] = {decode_leave, false},
};

static enum err_code decode_body(struct decode *d) {
    enum request_kind kind = d->out->kind;
    const char *name = TYPES[kind];
    enum json_result result = json_obj(d->root, name, &d->body);
    if (result == JSON_ABSENT && kind == REQ_SIGN_IN) {
        result = json_obj(d->root, "signId", &d->body);
        if (result != JSON_ABSENT)
            name = "signId";
    }
    if (result == JSON_WRONG)
        return bad(d, name, "must be an object");
    if (result == JSON_ABSENT && !KINDS[kind].body_optional)
        return bad(d, name, "missing");
    d->body_name = name;
    return KINDS[kind].decode(d);
}

static enum err_code decode_all(struct decode *d) {
    static enum err_code (*const steps[])(struct decode *) = {
        decode_id, decode_type, decode_session, decode_pair, decode_body};
    enum err_code code = ERR_OK;
    for (size_t i = 0; !code && i < sizeof steps / sizeof *steps; i++)
        code = steps[i](d);
    return code;
}

/* ---- Packing. ---- */

/* The strings of a request that have to outlive the document. */
struct strings {
    const char **at[3];
    size_t len[3], count, bytes;
};

static void add(struct strings *all, const char **s, size_t len) {
    all->at[all->count] = s;
    all->len[all->count++] = len;
    all->bytes += len + 1;
}

static struct strings strings_of(struct request *r) {
    struct strings all = {.count = 0};
    if (r->key_len > 0)
        add(&all, &r->key, r->key_len);
    if (r->kind == REQ_CHANNEL_MESSAGE && r->u.message.text)
        add(&all, &r->u.message.text, r->u.message.text_len);
    if ((r->kind == REQ_SIGN_IN || r->kind == REQ_SIGN_UP) && r->u.sign.name) {
        add(&all, &r->u.sign.name, r->u.sign.name_len);
        add(&all, &r->u.sign.password, r->u.sign.password_len);
    }
    return all;
}

static char *put(char *to, const char *s, size_t len) {
    memcpy(to, s, len);
    to[len] = '\0';
    return to + len + 1;
}

/* Moves the requestID and the strings into a block of their own. */
static enum err_code pack(struct decode *d) {
    struct request *r = d->out;
    struct strings all = strings_of(r);
    size_t size = all.bytes + (r->id.len > 0 ? r->id.len + 1u : 0);
    if (size == 0)
        return ERR_OK;
    char *to = malloc(size);
    if (!to)
        return err_set(d->e, ERR_INTERNAL, "out of memory");
    r->mem = to;
    r->mem_size = size;
    if (r->id.len > 0) {
        r->id.json = to;
        to = put(to, d->id, r->id.len);
    }
    for (size_t i = 0; i < all.count; i++) {
        const char *s = *all.at[i];
        *all.at[i] = to;
        to = put(to, s, all.len[i]);
    }
    return ERR_OK;
}

/* What an error needs to be answered: kind and id. Nothing else may point into the document. */
static void keep_envelope(struct decode *d) {
    *d->out = (struct request){.kind = d->out->kind, .id.len = d->out->id.len};
    d->e = NULL; /* it tells the first error */
    if (pack(d))
        d->out->id.len = 0;
}

enum err_code request_decode(const char *text, size_t len, struct request *out, struct err *e) {
    struct err local = {.code = ERR_OK};
    *out = (struct request){.kind = REQ_NONE};
    struct json *root = json_parse(text, len, 0, e ? e : &local);
    if (!root)
        return e ? e->code : local.code;
    struct decode d;
    d.root = root;
    d.body = NULL;
    d.body_name = NULL;
    d.out = out;
    d.e = e;
    enum err_code code = decode_all(&d);
    if (!code)
        code = pack(&d);
    if (code)
        keep_envelope(&d);
    json_free(root);
    return code;
}

void request_free(struct request *r) {
    if (r->mem)
        secret_wipe(r->mem, r->mem_size);
    free(r->mem);
    *r = (struct request){.kind = REQ_NONE};
}
