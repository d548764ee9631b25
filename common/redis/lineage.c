/* lineage - see lineage.h. */
#include "common/redis/lineage.h"

#include <string.h>

#define KEPT_DIGITS 15 /* as in position.lua */

static bool read_kept(const char *s, size_t len, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(s[i] - '0');
    }
    return len > 0 && len <= KEPT_DIGITS;
}

static bool read_one(const char *s, size_t len, struct position *out) {
    return len > UUID_TEXT && s[UUID_TEXT] == ':' && uuid_read(s, UUID_TEXT, &out->epoch) &&
           read_kept(s + UUID_TEXT + 1, len - UUID_TEXT - 1, &out->seq);
}

bool lineage_read(const char *text, size_t len, struct lineage *out) {
    struct uuid alone;
    out->n = 0;
    if (len == 0 || uuid_read(text, len, &alone))
        return true;
    for (size_t n = 0; n < LINEAGE_MAX; n++) {
        const char *space = memchr(text, ' ', len);
        size_t one = space ? (size_t)(space - text) : len;
        if (!read_one(text, one, &out->left[n]))
            return false;
        if (!space) {
            out->n = n + 1;
            return true;
        }
        text += one + 1;
        len -= one + 1;
    }
    return false;
}

bool lineage_has(const struct lineage *l, const struct position *at) {
    for (size_t i = 0; i < l->n && at->seq <= l->left[i].seq; i++)
        if (uuid_eq(&l->left[i].epoch, &at->epoch))
            return true;
    return false;
}
