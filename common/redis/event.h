/* event - what travels on the buses (Redis pub/sub), beside the stream. Pure: text in, struct out.
 *
 * A payload is a letter, then fields, separated by newlines; a field that may hold anything is
 * last. A bus only makes things fast: a payload that is lost on it is found again in the streams
 * and keys.
 *
 *   channel bus  m  epoch seq node uuid sender time name text   a message (written by append.lua)
 *                s  event user name                             of SYS_USER_TABLE: a member signed
 *                                                               in, joined, …
 *                p  epoch up_to uuid|-                          messages were removed
 *                f  epoch up_to sender                          what this one said was removed
 *   user bus     u  channel seq sender name                     unread: a private message came
 *                k  key_hash                                    this access key was revoked
 *                x  close_code                                  close the user's connections
 *                c  -                                           look at the record and keys again
 *   all nodes    r  user                                        forget what you know of this user
 *                h  node number                                 is this heard? (chatd's probe)
 */
#ifndef COMMON_REDIS_EVENT_H
#define COMMON_REDIS_EVENT_H

#include "common/base/buf.h"
#include "common/proto/model.h"
#include "common/proto/response.h"

#define NODE_ID_TEXT 16 /* hex digits */

/* (symbol, letter, fields): event.c reads them with parse_FIELDS. */
#define EVENT_TABLE(X)                                                                             \
    X(MESSAGE, 'm', message)                                                                       \
    X(USER, 's', user)                                                                             \
    X(PURGE, 'p', purge)                                                                           \
    X(PURGE_FROM, 'f', purge_from)                                                                 \
    X(UNREAD, 'u', unread)                                                                         \
    X(KEY_REVOKED, 'k', key)                                                                       \
    X(CLOSE, 'x', close)                                                                           \
    X(CHECK, 'c', check)                                                                           \
    X(FORGET, 'r', forget)                                                                         \
    X(PROBE, 'h', probe)

enum event_kind {
#define X(sym, letter, fields) EVENT_##sym = (letter),
    EVENT_TABLE(X)
#undef X
};

/* Strings borrow from the payload. */
struct event {
    enum event_kind kind;
    struct uuid epoch;                /* m p f */
    uint64_t seq;                     /* m u; p f: up_to; h: its number */
    char node[NODE_ID_TEXT + 1];      /* m: which node stored it; h: which asks */
    struct message message;           /* m: all but the channel */
    enum sys_event sys;               /* s */
    struct uuid user;                 /* s r; u f: the sender */
    const char *name;                 /* s u */
    size_t name_len;                  /* s u */
    struct channel_id channel;        /* u */
    bool one;                         /* p: one message, not all up to seq */
    struct uuid message_uuid;         /* p */
    char key_hash[KEY_HASH_TEXT + 1]; /* k */
    unsigned close_code;              /* x */
};

/* False: not a payload of ours (foreign, empty, cut, too long): drop and count it. */
bool event_parse(const char *payload, size_t len, struct event *out);
/* Whether it is a message that this node appended; looks at no more than it must. */
bool event_is_message_of(const char *payload, size_t len, const char *node);

/* The payloads that are written in C; append.lua writes `m`, purge.lua `p` and `f`. */
void event_write_user(struct buf *b, enum sys_event ev, const struct uuid *user, const char *name,
                      size_t name_len);
void event_write_unread(struct buf *b, const struct message *m);
void event_write_key_revoked(struct buf *b, const char *key_hash);
void event_write_close(struct buf *b, unsigned close_code);
void event_write_check(struct buf *b);
void event_write_forget(struct buf *b, const struct uuid *user);
void event_write_probe(struct buf *b, const char *node, uint64_t number);

#endif
