/* import_fields - parts of lines: see import.h. */
#include "chatctl/ops/import.h"

#include <string.h>

bool import_get_uuid(const struct json *doc, const char *key, struct uuid *out) {
    const char *s;
    size_t len;
    return json_str(doc, key, &s, &len) == JSON_OK && uuid_read(s, len, out);
}

bool import_get_channel(const struct json *doc, struct channel_id *out) {
    const char *s;
    size_t len;
    return json_str(doc, "channel", &s, &len) == JSON_OK && channel_parse(s, len, out);
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

ssize_t import_field_value(const struct json *field, char *out) {
    const char *s;
    size_t len;
    if (json_str(field, "v", &s, &len) == JSON_OK && len <= IMPORT_VALUE_MAX) {
        memcpy(out, s, len);
        return (ssize_t)len;
    }
    if (json_str(field, "hex", &s, &len) != JSON_OK || len % 2 || len / 2 > IMPORT_VALUE_MAX)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (char)(high * 16 + low);
    }
    return (ssize_t)(len / 2);
}

bool import_add_fields(struct cmd *c, const struct json *doc, const char *key) {
    static char value[IMPORT_VALUE_MAX];
    const struct json *fields;
    const char *name;
    size_t len, n = 0;
    if (json_arr(doc, key, &fields) != JSON_OK)
        return false;
    for (const struct json *f = json_first(fields); f; f = json_next(f), n++) {
        if (!json_is_obj(f) || json_str(f, "k", &name, &len) != JSON_OK)
            return false;
        ssize_t size = import_field_value(f, value);
        if (size < 0)
            return false;
        cmd_copy(c, name, len);
        cmd_copy(c, value, (size_t)size);
    }
    return n > 0;
}

bool import_find_field(const struct json *doc, const char *key, const char *name, const char **s,
                       size_t *len) {
    const struct json *fields;
    if (json_arr(doc, key, &fields) != JSON_OK)
        return false;
    for (const struct json *f = json_first(fields); f; f = json_next(f)) {
        const char *k;
        size_t n;
        if (json_is_obj(f) && json_str(f, "k", &k, &n) == JSON_OK && n == strlen(name) &&
            memcmp(k, name, n) == 0)
            return json_str(f, "v", s, len) == JSON_OK;
    }
    return false;
}
