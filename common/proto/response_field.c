/* response_field - the fields of a response's body, as a client reads them. See internal.h. */
#include "common/proto/internal.h"

#include <stdlib.h>
#include <string.h>

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
