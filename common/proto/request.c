/* request - see request.h. The envelope is read first, in the order in which an error in it
 * matters: requestID (so that every later error can echo it), type, session, key pair; then the
 * body, by its codec. Strings stay in the parsed document until all is well, and are then packed
 * into one block.
 */
#include "common/proto/request.h"

#include "common/proto/internal.h"

#include <stdlib.h>
#include <string.h>

#define ACCESS_KEY_MAX 128 /* bytes; what is longer is no key of ours */
#define TYPE_SHOWN 32      /* characters of an unknown type that the error repeats */

static const struct {
    const char *type;
    enum err_code (*decode)(struct request_decoder *d);
    void (*encode)(struct buf *b, const struct request *r); /* the members of the body */
    enum request_need need;                                 /* of a body */
} KINDS[REQ_KINDS] = {[REQ_NONE] = {.type = ""},
#define X(sym, type, body, need, ...)                                                              \
    [REQ_##sym] = {type, request_decode_##body, request_encode_##body, NEED_##need},
                      REQUEST_TABLE(X)
#undef X
};

const char *request_type(enum request_kind kind) {
    return kind < REQ_KINDS ? KINDS[kind].type : "";
}

/* ---- The envelope. ---- */

static enum err_code decode_id(struct request_decoder *d) {
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
            return request_bad(d, "requestID", "must be at most 64 bytes");
        json_put_string(&b, s, len);
    } else {
        if (json_i64(d->root, "requestID", &number) != JSON_OK)
            return request_bad(d, "requestID", "must be a string or an integer");
        if (number < 0)
            buf_char(&b, '-');
        buf_u64(&b, (uint64_t)(number < 0 ? -number : number));
    }
    d->out->id.len = (uint16_t)b.len;
    return ERR_OK;
}

/* Repeats the type, so that the error helps, but only if it can do no harm where it is shown. */
static enum err_code unknown_type(const struct request_decoder *d, const char *s, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x20 || s[i] > 0x7E)
            return request_fail(d, ERR_UNKNOWN_TYPE, "type", "not one of this server's");
    return err_set(d->e, ERR_UNKNOWN_TYPE, "type: '%.*s%s' is not one of this server's", TYPE_SHOWN,
                   s, len > TYPE_SHOWN ? "..." : "");
}

static enum err_code decode_type(struct request_decoder *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->root, "type", &s, &len);
    if (result != JSON_OK)
        return request_bad_string(d, "type", result);
    for (enum request_kind kind = REQ_NONE + 1; kind < REQ_KINDS; kind++)
        if (strcmp(s, KINDS[kind].type) == 0) {
            d->out->kind = kind;
            return ERR_OK;
        }
    return unknown_type(d, s, len);
}

static enum err_code decode_session(struct request_decoder *d) {
    const char *s;
    size_t len;
    enum json_result result = json_str(d->root, "SUUID", &s, &len);
    if (result == JSON_WRONG)
        return request_bad(d, "SUUID", "must be a string");
    if (result == JSON_ABSENT || len == 0)
        return ERR_OK;
    if (!uuid_read(s, len, &d->out->suuid))
        return request_fail(d, ERR_BAD_SESSION, "SUUID", "not a UUID");
    d->out->has_suuid = true;
    return ERR_OK;
}

/* Without a key a userUUID means nothing, so then it may be anything; and so may a key without one.
 */
static enum err_code decode_pair(struct request_decoder *d) {
    const char *key, *user;
    size_t key_len, user_len;
    enum json_result result = json_str(d->root, "userAccessKey", &key, &key_len);
    if (result == JSON_WRONG)
        return request_bad(d, "userAccessKey", "must be a string");
    if (result == JSON_ABSENT || key_len == 0)
        return ERR_OK;
    if (key_len > ACCESS_KEY_MAX)
        return request_bad(d, "userAccessKey", "must be at most 128 bytes");
    result = json_str(d->root, "userUUID", &user, &user_len);
    if (result == JSON_ABSENT)
        return ERR_OK;
    if (result == JSON_OK)
        uuid_read(user, user_len, &d->out->user); /* else it stays nil, which no user has */
    d->out->key = key;
    d->out->key_len = key_len;
    request_keep(d, &d->out->key, key_len);
    return ERR_OK;
}

/* ---- The body. ---- */

static enum err_code decode_body(struct request_decoder *d) {
    enum request_kind kind = d->out->kind;
    const char *name = KINDS[kind].type;
    enum json_result result = json_obj(d->root, name, &d->body);
    if (result == JSON_ABSENT && kind == REQ_SIGN_IN) {
        result = json_obj(d->root, "signId", &d->body);
        if (result != JSON_ABSENT)
            name = "signId";
    }
    if (result == JSON_WRONG)
        return request_bad(d, name, "must be an object");
    if (result == JSON_ABSENT && KINDS[kind].need == NEED_REQUIRED)
        return request_bad(d, name, "missing");
    d->body_name = name;
    return KINDS[kind].decode(d);
}

static enum err_code decode_all(struct request_decoder *d) {
    static enum err_code (*const steps[])(struct request_decoder *) = {
        decode_id, decode_type, decode_session, decode_pair, decode_body};
    enum err_code code = ERR_OK;
    for (size_t i = 0; !code && i < sizeof steps / sizeof *steps; i++)
        code = steps[i](d);
    return code;
}

/* ---- Packing. ---- */

static char *pack_string(char *to, const char *s, size_t len) {
    memcpy(to, s, len);
    to[len] = '\0';
    return to + len + 1;
}

/* Moves the requestID and the strings into a block of their own. */
static enum err_code pack(struct request_decoder *d) {
    struct request *r = d->out;
    size_t size = r->id.len > 0 ? r->id.len + 1u : 0;
    for (size_t i = 0; i < d->kept.n; i++)
        size += d->kept.len[i] + 1;
    if (size == 0)
        return ERR_OK;
    char *to = malloc(size);
    if (!to)
        return err_set(d->e, ERR_INTERNAL, "out of memory");
    r->mem = to;
    r->mem_size = size;
    if (r->id.len > 0) {
        r->id.json = to;
        to = pack_string(to, d->id, r->id.len);
    }
    for (size_t i = 0; i < d->kept.n; i++) {
        const char *s = *d->kept.at[i];
        *d->kept.at[i] = to;
        to = pack_string(to, s, d->kept.len[i]);
    }
    return ERR_OK;
}

/* Keeps kind and id, which an error's answer needs. Nothing else may point into the document. */
static void keep_envelope(struct request_decoder *d) {
    *d->out = (struct request){.kind = d->out->kind, .id.len = d->out->id.len, .to.public = true};
    d->kept.n = 0;
    d->e = NULL; /* it tells the first error */
    if (pack(d))
        d->out->id.len = 0;
}

enum err_code request_decode(const char *text, size_t len, struct request *out, struct err *e) {
    struct err local = {.code = ERR_OK};
    *out = (struct request){.kind = REQ_NONE, .to.public = true};
    struct json *root = json_parse(text, len, 0, e ? e : &local);
    if (!root)
        return e ? e->code : local.code;
    struct request_decoder d;
    d.root = root;
    d.body = NULL;
    d.body_name = NULL;
    d.out = out;
    d.e = e;
    d.kept.n = 0;
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

/* ---- Writing. ---- */

void request_encode(struct buf *b, const struct request *r) {
    const char *type = request_type(r->kind);
    JSON_PUT(b, "{");
    json_add_text(b, "type", type);
    if (r->id.len) {
        json_add_key(b, "requestID");
        json_put(b, r->id.json, r->id.len);
    }
    if (r->has_suuid)
        json_add_uuid(b, "SUUID", &r->suuid);
    if (r->key_len) {
        json_add_uuid(b, "userUUID", &r->user);
        json_add_string(b, "userAccessKey", r->key, r->key_len);
    }
    if (KINDS[r->kind].encode != request_encode_nothing) {
        json_add_key(b, type);
        JSON_PUT(b, "{");
        KINDS[r->kind].encode(b, r);
        JSON_PUT(b, "}");
    }
    JSON_PUT(b, "}");
}
