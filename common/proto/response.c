/* response - see response.h. The texts stay in the parsed document, which the response keeps. */
#include "common/proto/internal.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 40000 /* in a document: RESPONSE_LIST_MAX messages, with room for new fields */

enum err_code response_bad(const struct response_decoder *d, const char *key, const char *why) {
    return err_set(d->e, ERR_BAD_FIELD, "%s.%s: %s", d->body_name, key, why);
}

/* --- Fields. `obj` is the body or an element of one of its lists. --- */

/* "" if absent. */
enum err_code response_text(const struct response_decoder *d, const struct json *obj,
                            const char *key, const char **s, size_t *len) {
    size_t n = 0;
    *s = "";
    if (json_str(obj, key, s, &n) == JSON_WRONG)
        return response_bad(d, key, "must be a string");
    if (len)
        *len = n;
    return ERR_OK;
}

/* 0 if absent. */
enum err_code response_u64(const struct response_decoder *d, const struct json *obj,
                           const char *key, uint64_t max, uint64_t *v) {
    *v = 0;
    if (json_u64(obj, key, max, v) == JSON_WRONG)
        return response_bad(d, key, "must be an integer in range");
    return ERR_OK;
}

enum err_code response_u32(const struct response_decoder *d, const struct json *obj,
                           const char *key, uint32_t *v) {
    uint64_t n;
    enum err_code code = response_u64(d, obj, key, UINT32_MAX, &n);
    *v = (uint32_t)n;
    return code;
}

enum err_code response_uuid(const struct response_decoder *d, const struct json *obj,
                            const char *key, struct uuid *u) {
    const char *s;
    size_t len;
    if (json_str(obj, key, &s, &len) != JSON_OK || !uuid_read(s, len, u))
        return response_bad(d, key, "must be a UUID");
    return ERR_OK;
}

/* "0" is the public channel; a server may leave it out where there is no other. */
enum err_code response_recipient(const struct response_decoder *d, const struct json *obj,
                                 struct recipient *to) {
    static const char key[] = "recipientUUID";
    const char *s;
    size_t len;
    enum json_result result = json_str(obj, key, &s, &len);
    *to = (struct recipient){.public = true};
    if (result == JSON_ABSENT || (result == JSON_OK && strcmp(s, "0") == 0))
        return ERR_OK;
    to->public = false;
    return response_uuid(d, obj, key, &to->user);
}

/* Nil and 0 if absent. */
enum err_code response_position(const struct response_decoder *d, struct position *at) {
    const char *s;
    size_t len;
    *at = (struct position){.seq = 0};
    if (json_str(d->body, "epoch", &s, &len) == JSON_ABSENT)
        return ERR_OK;
    enum err_code code = response_uuid(d, d->body, "epoch", &at->epoch);
    return code ? code : response_u64(d, d->body, "seq", SEQ_MAX, &at->seq);
}

/* A list's elements, counted and with room made for them; *n is 0 if there is none. */
enum err_code response_list(const struct response_decoder *d, const char *key, size_t item_size,
                            const struct json **first, size_t *n, void **room) {
    const struct json *list = NULL;
    *n = 0;
    *first = NULL;
    if (json_arr(d->body, key, &list) == JSON_WRONG)
        return response_bad(d, key, "must be a list");
    *first = list ? json_first(list) : NULL;
    for (const struct json *v = *first; v; v = json_next(v)) {
        if (!json_is_obj(v))
            return response_bad(d, key, "must be a list of objects");
        if (++*n > RESPONSE_LIST_MAX)
            return err_set(d->e, ERR_TOO_LARGE, "%s.%s: more than %d", d->body_name, key,
                           RESPONSE_LIST_MAX);
    }
    if (*n && !(*room = calloc(*n, item_size)))
        return err_set(d->e, ERR_INTERNAL, "out of memory");
    return ERR_OK;
}

/* --- The envelope --- */

static const struct {
    const char *type, *body;
    enum err_code (*decode)(struct response_decoder *d);
} KINDS[RESPONSE_KINDS] = {
#define X(sym, type, body, codec) [RESPONSE_##sym] = {type, body, response_decode_##codec},
    RESPONSE_TABLE(X)
#undef X
};

static enum err_code decode_kind(struct response_decoder *d, const struct json *root) {
    const char *type;
    size_t len;
    if (json_str(root, "type", &type, &len) != JSON_OK)
        return err_set(d->e, ERR_BAD_FIELD, "type: must be a string");
    d->out->has_id = json_u64(root, "requestID", SEQ_MAX, &d->out->id) == JSON_OK;
    for (size_t i = RESPONSE_UNKNOWN + 1; i < RESPONSE_KINDS; i++) {
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
    struct response_decoder d = {.out = out, .e = e};
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
