/* request - what a client asks: the table of requests, and the two ways between a frame, one JSON
 * object, and a struct request. Pure. The bodies are read and written in codec_*.c, one file a
 * subject. Reference: PROTOCOL.md. */
#ifndef COMMON_PROTO_REQUEST_H
#define COMMON_PROTO_REQUEST_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/proto/model.h"

/* A row is a request: (symbol, wire type, body, NEED of the body, RANK of those who may ask, RUN,
 * answer). `body` names its codec, request_decode_BODY and request_encode_BODY; `answer` is the
 * symbol of a row of RESPONSE_TABLE. RUN says how the server's driver takes it: ALONE when those
 * before it on the connection are answered; COSTLY likewise, and only so many at a time; APPENDS
 * also beside others that append to the same channel.
 *
 * chatd carries out SYMBOL by the steps VERB_SYMBOL, see chatd/request/verbs.h. */
#define REQUEST_TABLE(X)                                                                           \
    X(SIGN_IN, "signIn", sign, REQUIRED, ANYONE, ALONE, AUTHORIZED)                                \
    X(SIGN_UP, "signUp", sign, REQUIRED, ANYONE, ALONE, AUTHORIZED)                                \
    X(SIGN_OUT, "signOut", nothing, OPTIONAL, USER, ALONE, UNAUTHORIZED)                           \
    X(USERS, "users", users, OPTIONAL, USER, COSTLY, USERS)                                        \
    X(CHANNEL_JOIN, "channelJoin", join, REQUIRED, USER, COSTLY, CHANNEL_JOIN)                     \
    X(CHANNEL_MESSAGE, "channelMessage", message, REQUIRED, USER, APPENDS, CHANNEL_MESSAGE)        \
    X(CHANNEL_MESSAGES, "channelMessages", history, REQUIRED, USER, COSTLY, CHANNEL_READ)          \
    X(CHANNEL_LEAVE, "channelLeave", leave, REQUIRED, USER, ALONE, CHANNEL_LEAVE)

enum request_kind {
    REQ_NONE, /* the type was not understood */
#define X(sym, ...) REQ_##sym,
    REQUEST_TABLE(X)
#undef X
        REQ_KINDS
};

enum request_need { NEED_REQUIRED, NEED_OPTIONAL };
enum request_rank { RANK_ANYONE, RANK_USER }; /* RANK_USER: the connection is signed in */

const char *request_type(enum request_kind kind); /* "signIn" …; "" for REQ_NONE */

#define REQUEST_ID_MAX 64   /* bytes of a string requestID */
#define USERS_PAGE_MAX 1000 /* users in one answer; also the default */
#define HISTORY_PAGE_MAX 99 /* messages in one channelRead */
#define HISTORY_PAGE_DEFAULT 10

/* requestID: kept as the JSON text to echo, `"abc"` or `17`; len 0 = none. A string is re-escaped,
 * so it may grow: at most 6 bytes for one. */
struct request_id {
    uint16_t len;
    char *json; /* inside request.mem */
};

/* recipientUUID: the public channel (0, "0", "", null or absent), or a user. */
struct recipient {
    bool public;
    struct uuid user;
};

struct request {
    enum request_kind kind;
    struct request_id id;
    bool has_suuid; /* present and not empty */
    struct uuid suuid;
    /* userUUID + userAccessKey count only as a pair: key_len 0 = no pair. A userUUID that is no
     * UUID beside a key is kept as the nil UUID: a pair that can't be right. */
    struct uuid user;
    const char *key; /* inside mem, NUL-terminated */
    size_t key_len;
    struct recipient to; /* of the requests about a channel; else the public one */
    union {
        struct {
            const char *name, *password; /* inside mem; unchecked but for being strings */
            size_t name_len, password_len;
            bool known_only; /* SIGN_IN: "create": false; an unknown name is not_found */
        } sign;              /* SIGN_IN, SIGN_UP */
        struct {
            uint32_t offset, limit; /* limit 1 … USERS_PAGE_MAX */
            bool online;            /* only those online */
        } users;
        struct {
            bool has_since;
            /* A place that is none (a wrong type or range): has_since, epoch nil. */
            struct position since;
            struct uuid since_uuid; /* of the message at since.seq; nil: not said */
        } join;
        struct {
            bool has_uuid;
            struct uuid uuid;
            const char *text; /* inside mem; checked by message_check */
            size_t text_len;
        } message;
        struct {
            uint32_t offset, limit; /* limit 1 … HISTORY_PAGE_MAX */
            uint64_t before, after; /* 0 = not asked; at most one of offset, before, after */
        } history;
    } u;
    char *mem; /* owns every string above; one allocation */
    size_t mem_size;
};

/* Decodes `len` bytes of JSON. ERR_OK: *out is filled and must be given to request_free. On an
 * error *out holds what was understood before it (kind and id, so that the error can name and echo
 * them) and must be given to request_free as well. Errors: ERR_BAD_JSON, ERR_UNKNOWN_TYPE,
 * ERR_BAD_FIELD (e->detail names the field), ERR_BAD_SESSION (SUUID is no UUID), ERR_NOT_FOUND
 * (recipientUUID is none), ERR_TOO_LARGE (message text), ERR_INTERNAL (no memory). Unknown fields
 * are ignored. */
enum err_code request_decode(const char *text, size_t len, struct request *out, struct err *e);

/* Appends the frame of `r`. Its members, beside the body: requestID if r->id has one, SUUID if
 * has_suuid, userUUID and userAccessKey if there is a key. Texts are valid UTF-8. Limits and
 * offsets of 0 are left out: the server's defaults. `b` may hold a password or key afterwards: wipe
 * it. */
void request_encode(struct buf *b, const struct request *r);

/* Wipes and frees what request_decode allocated (it may hold a password). */
void request_free(struct request *r);

#endif
