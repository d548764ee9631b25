/* log_json - a line of logfmt as a JSON object. Part of log; nobody else includes it. */
#ifndef COMMON_BASE_LOG_JSON_H
#define COMMON_BASE_LOG_JSON_H

#include <stddef.h>

/* Writes `line`, printable ASCII as log makes it, as one JSON object to `out`, without a NUL;
 * returns its length. Numbers, true and false stay what they are, a key alone is true, everything
 * else is a string. `size` must be LOG_JSON_GROWS times `n` and 16 more. */
#define LOG_JSON_GROWS 5 /* a key alone, `k `, becomes "k":true, */
size_t log_json(const char *line, size_t n, char *out, size_t size);

#endif
