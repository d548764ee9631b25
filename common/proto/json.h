/* json - strict JSON on top of cJSON (used only here).
 *
 * cJSON alone is too lax: it takes duplicate keys, raw control characters, `01`, a BOM, trailing
 * text, and cuts strings at \u0000. So json_parse first runs a strict scan (RFC 8259, one value,
 * nothing around it but white space) and refuses what cJSON would let through.
 */
#ifndef COMMON_PROTO_JSON_H
#define COMMON_PROTO_JSON_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 16 /* nested arrays and objects */

struct json; /* a value; owned by the document that json_parse gave */

/* Parses one JSON object of `len` bytes. `max_values` caps the number of values in the document
 * (0 = 1,000). Refused with ERR_BAD_JSON, e->detail saying what and at which byte: anything but one
 * object, invalid UTF-8, a BOM, duplicate keys in one object, \u0000, a lone surrogate, a raw
 * control character, depth over JSON_DEPTH_MAX, text after the value, numbers not of the JSON
 * grammar or beyond the range of a double. The document must be freed with json_free. Memory comes
 * from an arena that is reset when no document is alive, so that small documents cost no malloc:
 * not thread-safe, loop thread only. */
struct json *json_parse(const char *text, size_t len, size_t max_values, struct err *e);
void json_free(struct json *doc); /* NULL is fine */
const char *json_library(void);   /* the version of cJSON that runs */

/* Typed getters. They look in `obj` (which may be NULL: nothing is found) for exactly `key`.
 * JSON_ABSENT: no such key, or null. JSON_WRONG: there, but of another type or out of range. */
enum json_result { JSON_OK, JSON_ABSENT, JSON_WRONG };

enum json_result json_str(const struct json *obj, const char *key, const char **s, size_t *len);
enum json_result json_u64(const struct json *obj, const char *key, uint64_t max, uint64_t *v);
enum json_result json_bool(const struct json *obj, const char *key, bool *v);
enum json_result json_obj(const struct json *obj, const char *key, const struct json **v);
enum json_result json_arr(const struct json *obj, const char *key, const struct json **v);

/* Array elements in order: json_first(arr), json_next(value); NULL at the end. */
const struct json *json_first(const struct json *arr);
const struct json *json_next(const struct json *value);
bool json_is_obj(const struct json *value);

/* Is the value at `key` an integer (no fraction, |v| < 2^53: from there on a double can't tell it
 * from its neighbour)? Negative ones too. */
enum json_result json_i64(const struct json *obj, const char *key, int64_t *v);

#endif
