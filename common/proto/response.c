/* response - see response.h. The texts stay in the parsed document, which the response keeps. */
#include "common/proto/internal.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 40000 /* in a document: RESPONSE_LIST_MAX messages, with room for new fields */

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
