/* json_write - see json_write.h. */
#include "common/proto/json_write.h"

/* --- Strings --- */

/* How a byte is escaped: 0 not at all; a letter its two-character escape; CODE \u00XX; LOOK the
 * next two bytes decide (U+2028 and U+2029 are E2 80 A8 and E2 80 A9). */
#define CODE 'u'
#define LOOK 'L'

/* clang-format off */
static const char ESCAPE[256] = {
    CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, 'b',  't',  'n',  CODE, 'f',  'r',  CODE, CODE,
    CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE, CODE,
    ['"'] = '"', ['\\'] = '\\', [0x7f] = CODE, [0xe2] = LOOK,
};
/* clang-format on */

static bool is_separator(const char *s, size_t len) {
    return len >= 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0);
}

/* How many bytes from the start can be copied as they are. */
static size_t plain_run(const char *s, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char kind = ESCAPE[(unsigned char)s[i]];
        if (kind != 0 && (kind != LOOK || is_separator(s + i, len - i)))
            return i;
    }
    return len;
}

/* Writes the character at s, which plain_run stopped at, and returns its length. */
static size_t put_escape(struct buf *b, const char *s) {
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)*s;
    char kind = ESCAPE[c];
    if (kind == LOOK) {
        json_put(b, s[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
        return 3;
    }
    if (kind == CODE)
        json_put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    else
        json_put(b, (char[]){'\\', kind}, 2);
    return 1;
}

void json_put_escaped(struct buf *b, const char *s, size_t len) {
    while (len > 0) {
        size_t n = plain_run(s, len);
        if (n > 0)
            json_put(b, s, n);
        if (n < len)
            n += put_escape(b, s + n);
        s += n;
        len -= n;
    }
}

void json_put_string(struct buf *b, const char *s, size_t len) {
    JSON_PUT(b, "\"");
    json_put_escaped(b, s, len);
    JSON_PUT(b, "\"");
}

/* --- Other pieces --- */

void json_expect(struct buf *b, size_t n) {
    size_t left = b->cap - b->len;
    buf_reserve(b, n < left ? n : left);
}

void json_put_uuid(struct buf *b, const struct uuid *u) {
    if (!buf_reserve(b, UUID_TEXT))
        return;
    uuid_write(u, b->data + b->len);
    b->len += UUID_TEXT;
}

/* --- Members --- */

void json_add_key(struct buf *b, const char *key) {
    if (b->len > 0 && b->data[b->len - 1] != '{')
        JSON_PUT(b, ",");
    JSON_PUT(b, "\"");
    json_put(b, key, strlen(key));
    JSON_PUT(b, "\":");
}

void json_add_string(struct buf *b, const char *key, const char *s, size_t len) {
    json_add_key(b, key);
    json_put_string(b, s, len);
}

void json_add_text(struct buf *b, const char *key, const char *s) {
    json_add_string(b, key, s, strlen(s));
}

void json_add_uuid(struct buf *b, const char *key, const struct uuid *u) {
    json_add_key(b, key);
    JSON_PUT(b, "\"");
    json_put_uuid(b, u);
    JSON_PUT(b, "\"");
}

void json_add_u64(struct buf *b, const char *key, uint64_t v) {
    json_add_key(b, key);
    buf_u64(b, v);
}

void json_add_i64(struct buf *b, const char *key, int64_t v) {
    json_add_key(b, key);
    if (v < 0)
        JSON_PUT(b, "-");
    buf_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void json_add_bool(struct buf *b, const char *key, bool v) {
    json_add_key(b, key);
    json_put_bool(b, v);
}
