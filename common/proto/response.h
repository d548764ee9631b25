/* response - what a server says: the tables of its frames and events, their text as it is written
 * by a server, and one JSON object decoded to one struct response, for a client. Pure. The bodies
 * are read and written in codec_*.c, one file a subject; golden tests hold what is written against
 * cJSON and the JSON Schema. Reference: PROTOCOL.md.
 *
 * To a client the server may be hostile or of another version: a frame that is not of the
 * protocol's shape is an error, never a guess, and every list has a cap. Texts are as the server
 * sent them, valid UTF-8 but otherwise raw: sanitize() where they are shown.
 */
#ifndef COMMON_PROTO_RESPONSE_H
#define COMMON_PROTO_RESPONSE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/model.h"
#include "common/proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_BYTES_MAX (4u << 20) /* of a frame */
#define RESPONSE_LIST_MAX 2000 /* messages or users in one; the server's own limits are lower */

/* A row is a frame: (symbol, wire type, name of the body, codec). response_decode_CODEC reads the
 * body; a client takes it with a function of its own, named after CODEC too. */
#define RESPONSE_TABLE(X)                                                                          \
    X(READY, "ready", "ready", ready)                                                              \
    X(ERROR, "error", "error", error)                                                              \
    X(AUTHORIZED, "authorized", "authorized", authorized)                                          \
    X(UNAUTHORIZED, "unauthorized", "unauthorized", unauthorized)                                  \
    X(USERS, "users", "users", users)                                                              \
    X(CHANNEL_JOIN, "channelJoin", "channelJoin", join)                                            \
    X(CHANNEL_MESSAGE, "channelMessage", "channelMessage", message)                                \
    X(CHANNEL_READ, "channelRead", "channelMessages", history) /* as the seed has it */            \
    X(CHANNEL_LEAVE, "channelLeave", "channelLeave", leave)                                        \
    X(SYS, "sys", "sys", sys)

enum response_kind {
    RESPONSE_UNKNOWN, /* a type or event of a newer server: to be ignored */
#define X(sym, ...) RESPONSE_##sym,
    RESPONSE_TABLE(X)
#undef X
        RESPONSE_KINDS
};

/* Events, the frames of type `sys`: (symbol, wire type, codec). sys_decode_CODEC reads the members.
 * Those about a user need nothing but a row: they travel on the bus, and are written, by their wire
 * type; see event.h and response_encode_sys_user. */
#define SYS_USER_TABLE(X)                                                                          \
    X(SIGN_IN, "signIn", user)                                                                     \
    X(SIGN_OUT, "signOut", user)                                                                   \
    X(CHANNEL_JOIN, "channelJoin", user)                                                           \
    X(CHANNEL_LEAVE, "channelLeave", user)

#define SYS_TABLE(X)                                                                               \
    SYS_USER_TABLE(X)                                                                              \
    X(UNREAD, "unread", unread)                                                                    \
    X(PURGE, "purge", purge)                                                                       \
    X(PURGE_FROM, "purgeFrom", purge_from)                                                         \
    X(EPOCH, "epoch", epoch)                                                                       \
    X(GO_AWAY, "goAway", go_away)

enum sys_event {
#define X(sym, ...) SYS_##sym,
    SYS_TABLE(X)
#undef X
        SYS_EVENTS
};

const char *response_event_name(enum sys_event ev); /* "signIn" … */

/* The limits that a server tells in `ready`, so that a client need not guess. */
struct server_limits {
    uint32_t frame_bytes, message_chars, message_bytes, history_page, users_page, resume_messages;
};

struct user_item {
    struct uuid uuid;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
    bool online;
};

/* --- Reading, by a client --- */

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
        } history;
        struct {
            struct recipient to;
        } leave;
        struct {
            enum sys_event event;
            struct recipient to; /* all but goAway */
            struct uuid user;    /* signIn … channelLeave: who; unread: the sender */
            const char *name;    /* of that user */
            struct position at;  /* unread: seq; epoch: both; purge: epoch, and all up to seq … */
            bool one;            /* … or only the message `uuid` */
            struct uuid uuid;
            bool follows;            /* epoch: nothing is missing before it */
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

/* --- Writing, by a server: each appends one frame to `b` --- */

/* `id` may be NULL or empty in all of these: then there is no requestID. */
void response_encode_ready(struct buf *b, const struct uuid *session, const char *server,
                           const char *version, const struct server_limits *limits);
/* `request` is the type of the request that failed, "" when unknown. */
void response_encode_error(struct buf *b, const struct err *e, const char *request,
                           const struct request_id *id);
void response_encode_authorized(struct buf *b, const struct uuid *user, const char *access_key,
                                const char *username, size_t username_len,
                                const struct request_id *id);
void response_encode_unauthorized(struct buf *b, const struct uuid *user,
                                  const struct request_id *id);

/* {"type":"users","users":{"total","received","users":[{"UUID","Username","OnLine"}]}} */
void response_encode_users(struct buf *b, uint64_t total, const struct user_item *users, size_t n,
                           const struct request_id *id);

/* The answer to channelJoin. Messages are streamed in: begin, one call per message, end.
 * `recipient` is the channel as the joining user names it: NULL for the public one ("0").
 * In this frame a message has both createdAt and created_at. */
void response_encode_join_begin(struct buf *b, const struct uuid *recipient);
void response_encode_join_message(struct buf *b, const struct message *m, bool first);
void response_encode_join_end(struct buf *b, const struct user_item *members, size_t n,
                              uint64_t members_total, const struct position *at, bool asked_since,
                              bool recovered, const struct request_id *id);

/* The answer to channelMessages: type channelRead, body channelMessages, newest first. */
void response_encode_read_begin(struct buf *b, const struct uuid *recipient);
void response_encode_read_message(struct buf *b, const struct message *m, bool first);
void response_encode_read_end(struct buf *b, uint64_t total, size_t received,
                              const struct position *at, const struct request_id *id);

/* The broadcast: {"type":"channelMessage","channelMessage":{UUID, senderUUID, senderUsername,
 * recipientUUID, message, createdAt, seq}}. recipientUUID is "0", or the user it was sent to. */
void response_encode_message(struct buf *b, const struct message *m, const struct request_id *id);

void response_encode_leave(struct buf *b, const struct uuid *recipient,
                           const struct request_id *id);

/* sys events. `recipient` as in response_encode_join_begin; for user events it is the shared
 * channel. */
/* {"type":"sys","sys":{"type":"signIn","recipientUUID","userUUID","username"}} */
void response_encode_sys_user(struct buf *b, enum sys_event ev, const struct uuid *recipient,
                              const struct uuid *user, const char *username, size_t username_len);
/* {"type":"sys","sys":{"type":"unread","recipientUUID","senderUUID","senderUsername","seq"}}:
 * recipientUUID is the channel to join to read it, that is the sender. */
void response_encode_sys_unread(struct buf *b, const struct uuid *sender, const char *name,
                                size_t name_len, uint64_t seq);
/* {"type":"sys","sys":{"type":"purge","recipientUUID","epoch","upTo":N}} or, for one message,
 * {…,"UUID":…} when `message` is not NULL. */
void response_encode_sys_purge(struct buf *b, const struct uuid *recipient,
                               const struct uuid *epoch, uint64_t up_to,
                               const struct uuid *message);
/* {…{"type":"purgeFrom","recipientUUID","epoch","senderUUID","upTo":N}}: what that one said */
void response_encode_sys_purge_from(struct buf *b, const struct uuid *recipient,
                                    const struct uuid *epoch, uint64_t up_to,
                                    const struct uuid *sender);
/* {"type":"sys","sys":{"type":"epoch","recipientUUID","epoch","seq"}}: the channel's numbering
 * started anew; the next message is seq + 1. */
/* `follows`: what is at `at` goes on from what was given before, with nothing missing. */
void response_encode_sys_epoch(struct buf *b, const struct uuid *recipient,
                               const struct position *at, bool follows);
/* {"type":"sys","sys":{"type":"goAway","retryAfterMs":N}} */
void response_encode_sys_go_away(struct buf *b, uint32_t retry_after_ms);

#endif
