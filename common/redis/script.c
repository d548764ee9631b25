/* script - see script.h. The bodies come from script_bodies.h, which the build writes. */
#include "common/redis/script.h"

#include "script_bodies.h" /* static const char BODY_<file>[], SHA_<file>[] */

struct row {
    const char *name, *body, *sha;
    size_t len;
};

static const struct row ROWS[] = {
#define X(sym, file) {#file, BODY_##file, SHA_##file, sizeof BODY_##file - 1},
    SCRIPT_TABLE(X)
#undef X
};

const char *script_name(enum script s) {
    return ROWS[s].name;
}

const char *script_body(enum script s, size_t *len) {
    *len = ROWS[s].len;
    return ROWS[s].body;
}

const char *script_sha(enum script s) {
    return ROWS[s].sha;
}
