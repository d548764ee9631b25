/* request_field - the fields of a request's body, read and written. See internal.h. */
#include "common/proto/internal.h"

#include <string.h>

/* ---- Errors. The detail begins with the field's path. ---- */

enum err_code request_fail(const struct request_decoder *d, enum err_code code, const char *key,
                           const char *why) {
    if (d->body_name)
        return err_set(d->e, code, "%s.%s: %s", d->body_name, key, why);
    return err_set(d->e, code, "%s: %s", key, why);
}

enum err_code request_bad(const struct request_decoder *d, const char *key, const char *why) {
    return request_fail(d, ERR_BAD_FIELD, key, why);
}

static enum err_code bad_range(const struct request_decoder *d, const char *key, uint64_t min,
                               uint64_t max) {
    return err_set(d->e, ERR_BAD_FIELD, "%s.%s: must be %llu to %llu", d->body_name, key,
                   (unsigned long long)min, (unsigned long long)max);
}

enum err_code request_bad_string(const struct request_decoder *d, const char *key,
                                 enum json_result result) {
    return request_bad(d, key, result == JSON_ABSENT ? "missing" : "must be a string");
}

void request_keep(struct request_decoder *d, const char **s, size_t len) {
    d->kept.at[d->kept.n] = s;
    d->kept.len[d->kept.n++] = len;
}

/* ---- Fields of a body. ---- */

enum err_code request_string(struct request_decoder *d, const char *key, const char **s,
                             size_t *len) {
    enum json_result result = json_str(d->body, key, s, len);
    if (result != JSON_OK)
        return request_bad_string(d, key, result);
    request_keep(d, s, *len);
    return ERR_OK;
}

enum err_code request_number(const struct request_decoder *d, const char *key, uint64_t min,
                             uint64_t max, uint64_t *v, bool *given) {
    enum json_result result = json_u64(d->body, key, max, v);
    if (result == JSON_WRONG || (result == JSON_OK && *v < min))
        return bad_range(d, key, min, max);
    if (given)
        *given = result == JSON_OK;
    return ERR_OK;
}

enum err_code request_recipient(struct request_decoder *d) {
    static const char key[] = "recipientUUID";
    struct recipient *to = &d->out->to;
    const char *s;
    size_t len;
    int64_t number = 1;
    to->public = true;
    switch (json_str(d->body, key, &s, &len)) {
    case JSON_ABSENT:
        return ERR_OK;
    case JSON_OK:
        if (len == 0 || strcmp(s, "0") == 0)
            return ERR_OK;
        to->public = false;
        return uuid_read(s, len, &to->user) ? ERR_OK
                                            : request_fail(d, ERR_NOT_FOUND, key, "no such user");
    case JSON_WRONG:
        if (json_i64(d->body, key, &number) == JSON_OK && number == 0)
            return ERR_OK;
    }
    return request_bad(d, key, "must be a user's UUID, or 0");
}

/* ---- Writing. ---- */

void request_add_recipient(struct buf *b, const struct request *r) {
    if (r->to.public)
        json_add_text(b, "recipientUUID", "0");
    else
        json_add_uuid(b, "recipientUUID", &r->to.user);
}

void request_add_number(struct buf *b, const char *key, uint64_t v) {
    if (v > 0)
        json_add_u64(b, key, v);
}
