/* script - the Lua scripts of common/scripts, embedded at build time (cmake/embed in
 * common/CMakeLists.txt). A script is one unit of atomicity in Redis; its file says what goes in
 * and out. Called by SHA (EVALSHA), loaded with SCRIPT LOAD when a link comes up. */
#ifndef COMMON_REDIS_SCRIPT_H
#define COMMON_REDIS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define SCRIPT_TABLE(X)                                                                            \
    X(APPEND, append)                                                                              \
    X(JOIN, join)                                                                                  \
    X(READ, read)                                                                                  \
    X(RENEW, renew)                                                                                \
    X(ANNOUNCE, announce)                                                                          \
    X(LEAVE, leave)                                                                                \
    X(NAME_CLAIM, name_claim)                                                                      \
    X(NAME_CONFIRM, name_confirm)                                                                  \
    X(USER_CREATE, user_create)                                                                    \
    X(USER_CHANGE, user_change)                                                                    \
    X(NAME_RELEASE, name_release)                                                                  \
    X(KEY_ADD, key_add)                                                                            \
    X(KEY_REVOKE, key_revoke)                                                                      \
    X(BEAT, beat)                                                                                  \
    X(ONLINE, online)                                                                              \
    X(REAP, reap)                                                                                  \
    X(PURGE, purge)                                                                                \
    X(RESTORE, restore)                                                                            \
    X(RENAME, rename)                                                                              \
    X(RELOG, relog)

enum script {
#define X(sym, file) SCRIPT_##sym,
    SCRIPT_TABLE(X)
#undef X
        SCRIPTS,
    SCRIPT_NONE = SCRIPTS /* not a script: a plain command */
};

#define SCRIPT_SHA 40 /* hex digits */

const char *script_name(enum script s); /* "append" */
const char *script_body(enum script s, size_t *len);
const char *script_sha(enum script s); /* SCRIPT_SHA hex digits */

/* Where an error reply of Redis says that it arose, as text for a log: the command, the script, and
 * what its keys are, as in "ZADD in key_add (1 record, 2 keys)". `error` is the whole reply. False:
 * not in one of our scripts. */
bool script_blame(const char *error, char *out, size_t size);

#endif
