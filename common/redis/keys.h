/* keys - every name that chatd and chatctl use in Redis. Nothing else spells one.
 *
 * A hash tag in braces keeps together what one script touches, so that Redis Cluster works:
 * {c:<channel id>} for a channel, {u:<user uuid>} for a user, {presence} for who is online.
 */
#ifndef COMMON_REDIS_KEYS_H
#define COMMON_REDIS_KEYS_H

#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_VERSION "1"
#define PREFIX_MAX 32
#define KEY_MAX 512 /* bytes of the longest key */

struct keyspace {
    char prefix[PREFIX_MAX + 1]; /* "chat:" */
    size_t len;
};

/* False: empty, too long, or with characters other than A-Z a-z 0-9 _ - . and : */
bool keyspace_init(struct keyspace *ks, const char *prefix);

/* Keys of a channel. (symbol, suffix, type, what it holds) */
#define CHANNEL_KEYS(X)                                                                            \
    X(LOG, "log", "stream", "messages, entry id <seq>-0: uuid sender name at text")                \
    X(META, "meta", "hash",                                                                        \
      "epoch, base (first seq of it), seq (last one), prev (see lineage.h), history, max, age")    \
    X(MEMBERS, "members", "zset", "user uuid by the time of joining")                              \
    X(BUS, "bus", "pub/sub", "messages and events as they happen; see event.h")                    \
    X(MARKS, "marks", "zset", "<purge> <uuid or seq>: what was purged, by the last seq then")      \
    X(PURGES, "purges", "zset, TTL",                                                               \
      "purges that can be restored, by the ms until which they can")                               \
    X(REBUILD, "rebuild", "stream, TTL", "a log that a restore or renaming puts together")         \
    X(REPLACED, "replaced", "stream", "the log before a restore; lives for an instant")            \
    X(LOCK, "lock", "string, TTL", "the purge or restore that is at work on the log")

/* Keys of a purge of a channel, each with its uuid behind it. */
#define PURGE_KEYS(X)                                                                              \
    X(RECORD, "purge:", "hash, TTL",                                                               \
      "epoch, mode, what, upto, moved, at, until, floor; purge.lua")                               \
    X(TRASH, "trash:", "stream, TTL", "the messages that were purged, under their old ids")

/* Keys of a user. */
#define USER_KEYS(X)                                                                               \
    X(RECORD, "", "hash",                                                                          \
      "name, hash (Argon2id), created, banned (until, ms), seen (key_add.lua)")                    \
    X(KEYS, "keys", "zset", "hashes of live access keys by expiry, ms")                            \
    X(CHANNELS, "channels", "zset", "channel ids by the time of joining")                          \
    X(USER_BUS, "bus", "pub/sub", "unread, kick, ban, revoked keys; see event.h")

/* Keys of which there is one. */
#define GLOBAL_KEYS(X)                                                                             \
    X(SCHEMA, "schema", "string", "version of this layout")                                        \
    X(USERS, "users", "zset", "all user uuids by creation, ms")                                    \
    X(NAME_INDEX, "names", "hash",                                                                 \
      "folded username: the user's uuid, where `name:` was lost; what holds is the record's name") \
    X(CHANNEL_INDEX, "channels", "zset", "channel ids by last activity, ms")                       \
    X(NODES, "{presence}:nodes", "zset", "node ids by the time until which they count as alive")   \
    X(ONLINE, "{presence}:online", "zset", "user uuid by the number of nodes they are on")         \
    X(ALL_BUS, "bus", "pub/sub", "events for all nodes; see event.h")

/* Keys with a free tail. */
#define TAILED_KEYS(X)                                                                             \
    X(NAME, "name:", "string", "folded username: the user's uuid")                                 \
    X(NODE_USERS, "{presence}:node:", "set", "users online on this node")                          \
    X(NODE_INFO, "{presence}:info:", "hash, TTL", "what chatctl shows of a node")                  \
    X(FAILS_NAME, "fails:name:", "string, TTL", "failed sign-ins of a folded username")            \
    X(FAILS_ADDR, "fails:addr:", "string, TTL", "failed sign-ins from an address")                 \
    X(FAILS_BOTH, "fails:both:", "string, TTL", "<address> <folded username>: those of it there")  \
    X(MADE_ADDR, "made:addr:", "string, TTL", "users made from an address in an hour")

enum channel_key {
#define X(sym, suffix, type, holds) CHANNEL_##sym,
    CHANNEL_KEYS(X)
#undef X
};
enum purge_key {
#define X(sym, suffix, type, holds) PURGE_##sym,
    PURGE_KEYS(X)
#undef X
};
enum user_key {
#define X(sym, suffix, type, holds) USER_##sym,
    USER_KEYS(X)
#undef X
};
enum global_key {
#define X(sym, text, type, holds) KEY_##sym,
    GLOBAL_KEYS(X)
#undef X
};
enum tailed_key {
#define X(sym, text, type, holds) KEY_##sym,
    TAILED_KEYS(X)
#undef X
};

/* Each writes a key with a NUL into out (KEY_MAX + 1 bytes) and returns its length. A tail that
 * would not fit is cut. */
size_t key_channel(const struct keyspace *ks, const struct channel_id *c, enum channel_key k,
                   char *out);
size_t key_user(const struct keyspace *ks, const struct uuid *u, enum user_key k, char *out);
size_t key_global(const struct keyspace *ks, enum global_key k, char *out);
size_t key_tailed(const struct keyspace *ks, enum tailed_key k, const char *tail, size_t len,
                  char *out);
/* chat:{c:<channel>}:sent:<uuid>: a client-made message UUID -> "<epoch> <seq>", for 10 minutes. */
size_t key_sent(const struct keyspace *ks, const struct channel_id *c, const struct uuid *message,
                char *out);
size_t key_purge(const struct keyspace *ks, const struct channel_id *c, enum purge_key k,
                 const struct uuid *purge, char *out);

/* The way back, for names that arrive on the bus: is `key` this kind of bus? */
bool key_parse_channel_bus(const struct keyspace *ks, const char *key, size_t len,
                           struct channel_id *out);
bool key_parse_user_bus(const struct keyspace *ks, const char *key, size_t len, struct uuid *out);

/* … and of every other key, for fsck. */
enum key_family {
    FAMILY_CHANNEL, /* `which` is an enum channel_key */
    FAMILY_PURGE,   /* enum purge_key; `uuid` is the purge */
    FAMILY_SENT,    /* `uuid` is the message */
    FAMILY_USER,    /* enum user_key; `uuid` is the user */
    FAMILY_GLOBAL,  /* enum global_key */
    FAMILY_TAILED   /* enum tailed_key; `tail` */
};
struct key_name {
    enum key_family family;
    int which;
    struct channel_id channel;
    struct uuid uuid;
    const char *tail; /* borrows from the key */
    size_t tail_len;
    const char *type; /* as in the tables: "zset", or "string, TTL" if it must expire */
};
/* False: under the prefix or not, it is no name of ours. */
bool key_parse(const struct keyspace *ks, const char *key, size_t len, struct key_name *out);

#endif
