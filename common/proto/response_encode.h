/* response_encode - the server's frames as JSON text, appended to a buf. Pure; golden tests hold
 * the output against cJSON and the JSON Schema. Reference: PROTOCOL.md. */
#ifndef COMMON_PROTO_RESPONSE_ENCODE_H
#define COMMON_PROTO_RESPONSE_ENCODE_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/model.h"
#include "common/proto/request.h"

/* Appends `s` as a JSON string with its quotes. `s` is valid UTF-8. Escapes " \ and U+0000…U+001F,
 * U+007F, U+2028 and U+2029 (which break naive JavaScript embedding). */
void response_encode_string(struct buf *b, const char *s, size_t len);

/* What the server tells a client in `ready`, so that it need not guess. */
struct server_limits {
    uint32_t frame_bytes, message_chars, message_bytes, history_page, users_page, resume_messages;
};

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

struct user_item {
    struct uuid uuid;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
    bool online;
};

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
enum sys_event { SYS_SIGN_IN, SYS_SIGN_OUT, SYS_CHANNEL_JOIN, SYS_CHANNEL_LEAVE };
const char *sys_event_name(enum sys_event ev); /* "signIn" … */
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
/* {"type":"sys","sys":{"type":"epoch","recipientUUID","epoch","seq"}}: the channel's numbering
 * started anew; the next message is seq + 1. */
void response_encode_sys_epoch(struct buf *b, const struct uuid *recipient,
                               const struct position *at);
/* {"type":"sys","sys":{"type":"goAway","retryAfterMs":N}} */
void response_encode_sys_go_away(struct buf *b, uint32_t retry_after_ms);

#endif
