/* model - what the system is about: users, channels, messages. Plain values, no behaviour but the
 * naming of channels. */
#ifndef COMMON_PROTO_MODEL_H
#define COMMON_PROTO_MODEL_H

#include "common/base/uuid.h"

#define NAME_MAX_BYTES 128 /* 32 characters of at most 4 bytes */

/* A channel: the public one, or the private one of two users (who may be the same: notes to self).
 */
enum channel_kind { CHANNEL_PUBLIC, CHANNEL_DM };

struct channel_id {
    enum channel_kind kind;
    struct uuid low, high; /* CHANNEL_DM: the two users, low <= high */
};

#define CHANNEL_TEXT 76 /* "dm:" + 36 + ":" + 36 */

struct channel_id channel_public(void);
struct channel_id channel_dm(const struct uuid *a, const struct uuid *b);
bool channel_eq(const struct channel_id *a, const struct channel_id *b);
/* "public" or "dm:<lower uuid>:<higher uuid>", with NUL; returns the length. */
size_t channel_format(const struct channel_id *c, char out[CHANNEL_TEXT + 1]);
bool channel_parse(const char *text, size_t len, struct channel_id *out);
/* The other user of a private channel, as `self` sees it (itself for notes to self). */
struct uuid channel_peer(const struct channel_id *c, const struct uuid *self);

/* A stored message. The text pointers borrow from whatever the message was parsed from. */
struct message {
    struct uuid uuid, sender;
    struct channel_id channel;
    uint64_t seq;
    int64_t created_ms; /* wall clock of the node that took it */
    const char *sender_name;
    size_t sender_name_len;
    const char *text;
    size_t text_len;
};

/* A place in a channel's history. An epoch is one unbroken numbering: seq 1, 2, 3 … */
struct position {
    struct uuid epoch;
    uint64_t seq;
};

#endif
