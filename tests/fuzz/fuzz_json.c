/* fuzz_json - strict JSON: what is accepted is walked by every getter, and is accepted again behind
 * white space. */
#include "tests/fuzz/fuzz.h"

#include "common/base/buf.h"
#include "common/proto/json.h"
#include "common/proto/validate.h"

static const char *const KEYS[] = {"a", "type", "requestID", "users", ""};

static void look(const struct json *value, unsigned depth) {
    const struct json *inner = NULL;
    const char *s = NULL;
    size_t len = 0;
    uint64_t u = 0;
    int64_t i = 0;
    bool b = false;
    MUST(depth <= JSON_DEPTH_MAX);
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        if (json_str(value, KEYS[k], &s, &len) == JSON_OK)
            MUST(utf8_valid(s, len));
        if (json_u64(value, KEYS[k], 1000, &u) == JSON_OK)
            MUST(u <= 1000);
        if (json_i64(value, KEYS[k], &i) == JSON_OK)
            MUST(i > -(1ll << 53) && i < 1ll << 53);
        json_bool(value, KEYS[k], &b);
        if (json_obj(value, KEYS[k], &inner) == JSON_OK)
            look(inner, depth + 1);
        if (json_arr(value, KEYS[k], &inner) == JSON_OK)
            for (const struct json *v = json_first(inner); v; v = json_next(v))
                if (json_is_obj(v))
                    look(v, depth + 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err e = {0};
    struct json *doc = json_parse((const char *)data, size, 0, &e);
    struct buf b;
    if (!doc) {
        MUST(e.code == ERR_BAD_JSON && *e.detail);
        return 0;
    }
    MUST(utf8_valid((const char *)data, size));
    look(doc, 1);
    json_free(doc);
    buf_init(&b, size + 2);
    buf_char(&b, '\n');
    buf_add(&b, data, size);
    buf_char(&b, ' ');
    doc = json_parse(b.data, b.len, 0, &e);
    MUST(doc);
    json_free(doc);
    buf_free(&b);
    return 0;
}
