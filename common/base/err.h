/* err - the one place where errors and close codes are defined.
 *
 * A row of ERR_TABLE is (symbol, code, wire name, text, close code, retry). `code` and `text` go to
 * the client as error.code and error.message, `wire name` as error.name. A close code other than 0
 * means that the connection is closed after the error was sent. `retry` is one of enum err_retry.
 * Codes, once released, never change meaning. The tables in PROTOCOL.md are generated from here:
 * tests/unit/test_reference.c holds them equal, and writes them with UPDATE_GOLDEN=1. chatd
 * --print-errors shows them too.
 */
#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stdint.h>

/* Close codes: (symbol, code, reason text sent in the close frame). RFC 6455 section 7.4. */
#define CLOSE_TABLE(X)                                                                             \
    X(NORMAL, 1000, "bye")                                                                         \
    X(GOING_AWAY, 1001, "the server is shutting down")                                             \
    X(PROTOCOL, 1002, "not a frame of RFC 6455")                                                   \
    X(UNSUPPORTED, 1003, "text frames only")                                                       \
    X(BAD_UTF8, 1007, "invalid UTF-8")                                                             \
    X(POLICY, 1008, "policy violation")                                                            \
    X(TOO_BIG, 1009, "frame too large")                                                            \
    X(SERVER_ERROR, 1011, "internal error")                                                        \
    X(SLOW_CONSUMER, 4000, "reading too slowly; resume with since")                                \
    X(SIGN_IN_TIMEOUT, 4001, "no sign-in in time")                                                 \
    X(TOO_MANY_ERRORS, 4002, "too many malformed requests")                                        \
    X(TOO_MANY_SIGN_INS, 4003, "too many failed sign-ins")                                         \
    X(KICKED, 4004, "kicked")                                                                      \
    X(BANNED, 4005, "banned")                                                                      \
    X(FLOOD, 4006, "too many requests")

enum close_code {
    CLOSE_NONE = 0,
#define X(sym, code, text) CLOSE_##sym = (code),
    CLOSE_TABLE(X)
#undef X
};

#define ERR_TABLE(X)                                                                               \
    X(BAD_JSON, 1, "bad_json", "the frame is not one strict JSON object", 0, NEVER)                \
    X(UNKNOWN_TYPE, 2, "unknown_type", "unknown request type", 0, NEVER)                           \
    X(BAD_FIELD, 3, "bad_field", "a field is missing or wrong", 0, NEVER)                          \
    X(BAD_SESSION, 4, "bad_session", "SUUID is not this connection's session", 0, NEVER)           \
    X(NOT_AUTHORIZED, 5, "not_authorized", "sign in first", 0, NEVER)                              \
    X(BAD_CREDENTIALS, 6, "bad_credentials", "wrong username or password", 0, NEVER)               \
    X(BAD_KEY, 7, "bad_key", "the access key is wrong, expired or revoked", 0, NEVER)              \
    X(WRONG_USER, 8, "wrong_user", "this connection is signed in as another user", 0, NEVER)       \
    X(NAME_TAKEN, 9, "name_taken", "this username is taken", 0, NEVER)                             \
    X(BAD_NAME, 10, "bad_name", "not a valid username", 0, NEVER)                                  \
    X(NOT_FOUND, 11, "not_found", "no such user", 0, NEVER)                                        \
    X(NOT_JOINED, 12, "not_joined", "join the channel first", 0, NEVER)                            \
    X(PUBLIC_CHANNEL, 13, "public_channel", "nobody leaves the public channel", 0, NEVER)          \
    X(TOO_LARGE, 14, "too_large", "the message is empty or too long", 0, NEVER)                    \
    X(UUID_TAKEN, 15, "uuid_taken", "another user's message has this UUID", 0, NEVER)              \
    X(LIMIT, 16, "limit", "a limit of this server is reached", 0, NEVER)                           \
    X(RATE_LIMITED, 17, "rate_limited", "too many requests, slow down", 0, LATER)                  \
    X(BUSY, 18, "busy", "the server is busy, try again", 0, LATER)                                 \
    X(UNAVAILABLE, 19, "unavailable", "the message store can't be reached now, try again", 0,      \
      SAME_UUID)                                                                                   \
    X(UNCONFIRMED, 20, "unconfirmed", "stored, but no replica has confirmed it", 0, SAME_UUID)     \
    X(INTERNAL, 21, "internal", "internal error", 0, SAME_UUID)                                    \
    X(BANNED, 22, "banned", "this user is banned", CLOSE_BANNED, NEVER)                            \
    X(TOO_MANY_SIGN_INS, 23, "too_many_sign_ins", "too many failed sign-ins",                      \
      CLOSE_TOO_MANY_SIGN_INS, NEVER)                                                              \
    X(TOO_MANY_ERRORS, 24, "too_many_errors", "too many malformed requests in a row",              \
      CLOSE_TOO_MANY_ERRORS, NEVER)                                                                \
    X(FLOOD, 25, "flood", "too many requests for too long", CLOSE_FLOOD, LATER)

/* Does it help to try again? */
enum err_retry {
    RETRY_NEVER,    /* the same request would fail again */
    RETRY_LATER,    /* nothing was done: the same request, after a while */
    RETRY_SAME_UUID /* a message may have been stored: again later, with the same UUID */
};

enum err_code {
    ERR_OK = 0,
#define X(sym, code, ...) ERR_##sym = (code),
    ERR_TABLE(X)
#undef X
};

#define ERR_CODES 64 /* all codes are below: room for an array of something for each */

/* A failed operation: which error, and what exactly was wrong. Passed by pointer, filled by the
 * function that fails; `code` is ERR_OK in a fresh one. */
struct err {
    enum err_code code;
    uint32_t retry_after_ms; /* 0: not said */
    char detail[160];        /* what was wrong and where; "" = the table's text says it all */
};

/* Fills `e` and returns `code`, so that a failing function can end in `return err_set(…)`.
 * `e` may be NULL. `fmt` is cut at sizeof e->detail - 1 bytes. */
enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
enum err_code err_refuse(struct err *e, enum err_code code); /* the same, without a detail */

const char *err_name(enum err_code code);         /* "bad_json"; "ok" for ERR_OK */
const char *err_text(enum err_code code);         /* the table's text */
enum close_code err_close(enum err_code code);    /* CLOSE_NONE: the connection stays */
const char *err_close_text(enum close_code code); /* the reason in the close frame */

enum err_retry err_retry(enum err_code code); /* RETRY_NEVER if the code is unknown */

/* Walks the error table: returns the i-th row's code (from 0), or ERR_OK past the end. */
enum err_code err_at(unsigned i);

#endif
