/* json_write - JSON text, appended to a buf from left to right. Pure. The caller writes the braces
 * and sees to it that names are unique; the buf's `failed` says whether all of it fitted.
 *
 * Two layers: json_put_* append bare values and pieces, for the frames of the hot path, whose fixed
 * parts are literals; json_add_* append whole members of an object.
 */
#ifndef COMMON_PROTO_JSON_WRITE_H
#define COMMON_PROTO_JSON_WRITE_H

#include "common/base/buf.h"
#include "common/base/uuid.h"

#include <string.h>

/* --- Pieces --- */

/* buf_add, without the call as long as there is room. */
static inline void json_put(struct buf *b, const char *s, size_t n) {
    if (b->failed || b->size - b->len < n) {
        buf_add(b, s, n);
        return;
    }
    memcpy(b->data + b->len, s, n);
    b->len += n;
}

#define JSON_PUT(b, literal) json_put((b), "" literal, sizeof(literal) - 1)

/* Room for about n more bytes, or for what the cap leaves: that the text passes the cap is seen
 * when it does. */
void json_expect(struct buf *b, size_t n);
/* `s` as a JSON string with its quotes. `s` is valid UTF-8. Escapes " \ and U+0000…U+001F, U+007F,
 * U+2028 and U+2029 (which break naive JavaScript embedding). */
void json_put_string(struct buf *b, const char *s, size_t len);
void json_put_escaped(struct buf *b, const char *s, size_t len); /* the same without quotes */
void json_put_uuid(struct buf *b, const struct uuid *u);         /* without quotes */

static inline void json_put_bool(struct buf *b, bool v) {
    if (v)
        JSON_PUT(b, "true");
    else
        JSON_PUT(b, "false");
}

/* --- Members --- */

/* `"key":`, with a comma in front unless the object was just opened. `key` needs no escape. */
void json_add_key(struct buf *b, const char *key);
void json_add_string(struct buf *b, const char *key, const char *s, size_t len);
void json_add_text(struct buf *b, const char *key, const char *s); /* NUL-terminated */
void json_add_uuid(struct buf *b, const char *key, const struct uuid *u);
void json_add_u64(struct buf *b, const char *key, uint64_t v);
void json_add_i64(struct buf *b, const char *key, int64_t v);
void json_add_bool(struct buf *b, const char *key, bool v);

#endif
