/* response_decode - a server's frame, decoded: one JSON object to one struct response. Pure; the
 * inverse of response_encode.h, and to a client what request.h is to the server. Reference:
 * PROTOCOL.md.
 *
 * The server may be hostile or of another version: whatever is not of the protocol's shape is an
 * error, never a guess, and every list has a cap. Texts are as the server sent them, valid UTF-8
 * but otherwise raw: sanitize() where they are shown.
 */
#ifndef COMMON_PROTO_RESPONSE_DECODE_H
#define COMMON_PROTO_RESPONSE_DECODE_H

#include "common/base/err.h"
#include "common/proto/model.h"
#include "common/proto/request.h"
#include "common/proto/response_encode.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_BYTES_MAX (4u << 20) /* of a frame */
#define RESPONSE_LIST_MAX 2000 /* messages or users in one; the server's own limits are lower */

enum response_kind {
    RESPONSE_UNKNOWN, /* a type or event of a newer server: to be ignored */
    RESPONSE_READY,
    RESPONSE_ERROR,
    RESPONSE_AUTHORIZED,
    RESPONSE_UNAUTHORIZED,
    RESPONSE_USERS,
    RESPONSE_CHANNEL_JOIN,
    RESPONSE_CHANNEL_MESSAGE,
    RESPONSE_CHANNEL_READ,
    RESPONSE_CHANNEL_LEAVE,
    RESPONSE_SYS
};

/* Events; the first four are those of enum sys_event, in its order. */
enum response_event {
    RESPONSE_SYS_SIGN_IN,
    RESPONSE_SYS_SIGN_OUT,
    RESPONSE_SYS_CHANNEL_JOIN,
    RESPONSE_SYS_CHANNEL_LEAVE,
    RESPONSE_SYS_UNREAD,
    RESPONSE_SYS_PURGE,
    RESPONSE_SYS_EPOCH,
    RESPONSE_SYS_GO_AWAY
};

/* All pointers are inside the answer and NUL-terminated; "" and 0 for what was not said. */
struct response {
    enum response_kind kind;
    bool has_id; /* the requestID of this answer is a number (ours are) */
    uint64_t id;
    union {
        struct {
            struct uuid session;
            const char *server, *version;
            struct server_limits limits; /* 0: not said */
        } ready;
        struct {
            unsigned code; /* enum err_code, or one that this program doesn't know */
            const char *name, *message, *request;
            uint32_t retry_after_ms;
        } error;
        struct {
            struct uuid user;
            const char *key;
            const char *name;
        } authorized;
        struct {
            struct uuid user;
        } unauthorized;
        struct {
            uint64_t total;
            const struct user_item *users;
            size_t n;
        } users;
        struct {
            struct recipient to;
            const struct message *messages; /* newest first; if recovered, oldest first */
            size_t n;
            const struct user_item *users;
            size_t users_n;
            uint64_t users_total;
            struct position at; /* epoch nil: not said (a server that knows the seed only) */
            bool asked_since, recovered;
        } join;
        struct message message;
        struct {
            struct recipient to;
            const struct message *messages; /* newest first */
            size_t n;
            uint64_t total;
            struct position at; /* as in join */
        } read;
        struct {
            struct recipient to;
        } leave;
        struct {
            enum response_event event;
            struct recipient to; /* all but goAway */
            struct uuid user;    /* signIn … channelLeave: who; unread: the sender */
            const char *name;    /* of that user */
            struct position at;  /* unread: seq; epoch: both; purge: epoch, and all up to seq … */
            bool one;            /* … or only the message `uuid` */
            struct uuid uuid;
            uint32_t retry_after_ms; /* goAway */
        } sys;
    } u;
    struct json *doc; /* owns every text */
    void *lists[2];   /* what `messages` and `users` point to */
};

/* Decodes `len` bytes of JSON, which need not outlive the call. ERR_OK: *out is filled, and must be
 * given to response_free. Errors (then there is nothing to free): ERR_BAD_JSON, ERR_TOO_LARGE
 * (frame or list), ERR_BAD_FIELD (e->detail names it), ERR_INTERNAL (no memory). A message's
 * `channel` is made of its sender and recipient, and its `created_ms` is 0 if the time is no RFC
 * 3339. Unknown fields are ignored. Not thread-safe, as json.h isn't. */
enum err_code response_decode(const char *text, size_t len, struct response *out, struct err *e);
void response_free(struct response *a);

#endif
