/* cmd - Redis commands as argv: pure builders, model in, argument vector out. Nothing here talks to
 * Redis; chatd's link and chatctl's store send what is built. Arguments always have lengths; no
 * command is ever made from a format.
 *
 * A struct cmd is reused: each builder starts it anew. Small texts (keys, numbers, uuids) are
 * copied into it; long ones (message text, names, script bodies) are borrowed and must live until
 * it is sent.
 */
#ifndef COMMON_REDIS_CMD_H
#define COMMON_REDIS_CMD_H

#include "common/base/secret.h"
#include "common/proto/model.h"
#include "common/redis/keys.h"
#include "common/redis/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmd {
    size_t argc;
    const char **argv;
    size_t *argvlen;
    enum script script; /* SCRIPT_NONE for a plain command */
    size_t key;         /* which argument is the first key; 0: it has none */
    bool failed;        /* out of memory: must not be sent */
    size_t argv_cap;
    struct cmd_chunk *chunks; /* memory of copied arguments */
};

void cmd_init(struct cmd *c);
void cmd_free(struct cmd *c);

/* The parts that builders are made of; also for the few commands that are made on the spot. */
void cmd_begin(struct cmd *c, const char *name); /* name: a literal */
void cmd_begin_script(struct cmd *c, enum script s, unsigned keys);
void cmd_borrow(struct cmd *c, const char *s, size_t len);
void cmd_literal(struct cmd *c, const char *s);
void cmd_copy(struct cmd *c, const char *s, size_t len);
void cmd_key(struct cmd *c, const char *s, size_t len); /* copies a key */
void cmd_i64(struct cmd *c, int64_t v);
void cmd_uuid(struct cmd *c, const struct uuid *u);
void cmd_channel_key(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                     enum channel_key k);
void cmd_user_key(struct cmd *c, const struct keyspace *ks, const struct uuid *u, enum user_key k);
void cmd_global_key(struct cmd *c, const struct keyspace *ks, enum global_key k);
void cmd_tailed_key(struct cmd *c, const struct keyspace *ks, enum tailed_key k, const char *tail,
                    size_t len);

/* --- Connection --- */
void cmd_auth(struct cmd *c, const char *user, const char *password); /* AUTH [user] password */
void cmd_select(struct cmd *c, unsigned db);
void cmd_client_name(struct cmd *c, const char *name);
void cmd_ping(struct cmd *c);
void cmd_role(struct cmd *c);
void cmd_info(struct cmd *c, const char *section);
void cmd_persistence(struct cmd *c); /* CONFIG GET of what durability.h looks at */
void cmd_wait(struct cmd *c, unsigned replicas, unsigned ms);
void cmd_sentinel_master(struct cmd *c, const char *name);
void cmd_cluster_slots(struct cmd *c);
void cmd_asking(struct cmd *c);
void cmd_script_load(struct cmd *c, enum script s);
void cmd_schema_claim(struct cmd *c, const struct keyspace *ks); /* SET schema 1 NX */
void cmd_schema_get(struct cmd *c, const struct keyspace *ks);

/* --- Messages --- */
/* One call of append.lua for `messages` of them: Redis wants all keys before all other arguments,
 * so cmd_append_begin, cmd_append_keys once a message, cmd_append_args_begin, cmd_append_args once
 * a message, in the same order. */
void cmd_append_begin(struct cmd *c, unsigned messages);
void cmd_append_keys(struct cmd *c, const struct keyspace *ks, const struct message *m);
void cmd_append_args_begin(struct cmd *c, const char *node_id, const struct uuid *spare_epoch,
                           unsigned remember_s, const char *history);
/* `known`: up to where this node has delivered the channel; NULL: it knows nothing. `history`, here
 * and wherever something is written: whose numbering this is, the server's run id (empty: it isn't
 * known, and not compared), HISTORY_ASKED or HISTORY_EITHER; see position.lua. */
#define HISTORY_ASKED "1"  /* the server says its replication id itself */
#define HISTORY_EITHER "2" /* … or its run id, whichever the nodes use */
void cmd_append_args(struct cmd *c, const struct keyspace *ks, const struct message *m,
                     bool client_uuid, const struct position *known);
void cmd_renew(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *spare_epoch, const struct position *known, const char *history);
/* relog.lua; `after`: the entry id copied last, "0-0" to begin. Answers as reply_step reads it. */
void cmd_relog(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *work, const char *after, uint32_t entries);

void cmd_position(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch);
/* Of that, what a page needs: no lineage, which takes longer to read than a message. */
void cmd_place(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch);
void cmd_log_length(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch);
/* XREVRANGE: newest first, seq <= from (0: the newest), seq > after, at most n. */
void cmd_log_back(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                  uint64_t from, uint64_t after, uint32_t n);
/* XRANGE: oldest first, seq > after, at most n. */
void cmd_log_forward(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                     uint64_t after, uint32_t n);

/* read.lua: the position, at most n entries from `known` on (where the node stands; `message` is
 * there, nil: it isn't known), and the oldest entry, of one moment. */
void cmd_read(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch, uint32_t n,
              const struct uuid *spare_epoch, const struct position *known,
              const struct uuid *message, const char *history);
void cmd_log_info(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch);

/* Members of a zset by score, from this one on (as Redis prints it; "-inf"), leaving out the first
 * `skip`, with their scores: the way to walk through a set that changes. */
void cmd_by_score(struct cmd *c, const char *key, size_t len, const char *from, uint64_t skip,
                  uint32_t n);

/* --- Channels --- */
struct join_args {
    struct channel_id channel;
    struct uuid user;
    int64_t now_ms;
    struct uuid spare_epoch;
    const char *event; /* event_write_user(SYS_CHANNEL_JOIN) */
    size_t event_len;
    uint32_t event_members_max, list_max;
    const struct position *known; /* as in cmd_append_args */
    const char *history;
};
void cmd_join(struct cmd *c, const struct keyspace *ks, const struct join_args *a);
void cmd_announce(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                  const char *event, size_t event_len, uint32_t members_max);
/* leave.lua; when it answers LEAVE_NOTHING_LEFT, the channel goes from the index, too. */
enum { LEAVE_NOTHING_LEFT = 2 };
void cmd_leave(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *user, const char *event, size_t event_len, uint32_t members_max);
void cmd_channel_forget(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch);
void cmd_user_channel_add(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                          const struct channel_id *ch, int64_t now_ms);
void cmd_user_channel_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                             const struct channel_id *ch);
void cmd_user_channels(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                       uint32_t max); /* newest first */
void cmd_channel_touch(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                       int64_t now_ms); /* ZADD GT on the index of channels */

/* --- Purges --- */
enum purge_mode { PURGE_ALL, PURGE_FROM, PURGE_ONE }; /* of a user, one message */
struct purge_args {
    struct channel_id channel;
    struct uuid id; /* of the purge */
    struct uuid epoch;
    uint64_t after, up_to;
    uint32_t entries;
    enum purge_mode mode;
    struct uuid what; /* PURGE_FROM: the sender; PURGE_ONE: the message */
    int64_t grace_ms;
    bool announce;
    struct uuid spare_epoch;
    const char *history; /* as in cmd_append_args */
};
void cmd_purge(struct cmd *c, const struct keyspace *ks, const struct purge_args *a);
struct restore_args {
    struct channel_id channel;
    struct uuid id; /* of this restore */
    struct uuid purge;
    const char *after; /* an entry id */
    uint32_t entries;
    struct uuid spare_epoch;
    const char *history; /* as in cmd_append_args */
};
void cmd_restore(struct cmd *c, const struct keyspace *ks, const struct restore_args *a);
/* Of the channel's log, or of the trash of a purge; `id` is this renaming's, `after` an entry id.
 */
struct rename_args {
    struct channel_id channel;
    const struct uuid *trash; /* NULL: the log */
    struct uuid id, epoch, sender;
    const char *name;
    char after[64];
    uint32_t entries;
    struct uuid spare_epoch;
    const char *history; /* as in cmd_append_args */
};
void cmd_rename(struct cmd *c, const struct keyspace *ks, const struct rename_args *a);
/* The purges since the channel stood at `since`; at most n. */
void cmd_marks(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               uint64_t since, uint32_t n);
void cmd_purges(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                int64_t now_ms); /* uuids of those that can still be restored */
void cmd_purge_get(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                   const struct uuid *purge);

/* --- Users --- */
void cmd_name_get(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len);
void cmd_name_ttl(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len);
/* The index of names, see keys.h: HSET, HGET, HDEL. */
void cmd_name_index(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                    const struct uuid *user);
void cmd_name_indexed(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len);
void cmd_name_unindex(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len);
void cmd_name_claim(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                    const struct uuid *user, const struct uuid *holder, unsigned lapse_s);
void cmd_name_confirm(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                      const struct uuid *user);
struct new_user {
    struct uuid uuid;
    const char *name;
    size_t name_len;
    const char *password_hash;
    int64_t created_ms;
    const char *key_hash;
    int64_t key_expiry_ms;
    unsigned lapse_s;
};
void cmd_user_create(struct cmd *c, const struct keyspace *ks, const struct new_user *u);
void cmd_user_index(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    int64_t created_ms);
void cmd_user_get(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
void cmd_user_name(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
void cmd_user_ttl(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
/* One more field and its value behind cmd_user_change; "" removes it. Borrows the value. */
void cmd_user_change(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
void cmd_user_field(struct cmd *c, const char *field, const char *value, size_t len);
void cmd_user_confirm(struct cmd *c, const struct keyspace *ks, const struct uuid *u); /* PERSIST */
void cmd_user_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *u); /* all keys */
void cmd_user_unindex(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
void cmd_name_release(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                      const struct uuid *user);
void cmd_keys_list(struct cmd *c, const struct keyspace *ks,
                   const struct uuid *u); /* and expiries */
void cmd_keys_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *u);
void cmd_publish_all(struct cmd *c, const struct keyspace *ks, const char *event, size_t len);
void cmd_users_count(struct cmd *c, const struct keyspace *ks);
void cmd_users_page(struct cmd *c, const struct keyspace *ks, uint32_t offset, uint32_t n);
struct new_key {
    struct uuid user;
    const char *key_hash;
    int64_t expiry_ms, now_ms;
    uint32_t keys_max;
    const char *verified; /* the password hash that was found right; "": none was checked */
    const char *rehashed; /* takes its place; "": it stays */
    const char *place;    /* where the user is (secret_place) */
};
void cmd_key_add(struct cmd *c, const struct keyspace *ks, const struct new_key *k);
void cmd_key_expiry(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    const char *key_hash);
void cmd_key_revoke(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    const char *key_hash, const char *event, size_t event_len);
void cmd_publish_user(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                      const char *event, size_t event_len);

/* --- Counts of failed sign-ins and of new users --- `which` is KEY_FAILS_… or KEY_MADE_ADDR */
void cmd_count_get(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len);
void cmd_count_add(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len);
void cmd_count_expire(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                      const char *tail, size_t len, unsigned window_s);
/* … from its first on, whatever comes then */
void cmd_count_expire_once(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                           const char *tail, size_t len, unsigned window_s);
void cmd_count_ttl(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len);
void cmd_count_clear(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                     const char *tail, size_t len);

/* --- Presence --- */
void cmd_beat(struct cmd *c, const struct keyspace *ks, const char *node_id, unsigned alive_ms);
void cmd_online_begin(struct cmd *c, const struct keyspace *ks, const char *node_id, bool online);
void cmd_online_user(struct cmd *c, const struct uuid *u);
void cmd_reap(struct cmd *c, const struct keyspace *ks, const char *dead_node, size_t len,
              unsigned users_max);
void cmd_online_count(struct cmd *c, const struct keyspace *ks);
void cmd_online_page(struct cmd *c, const struct keyspace *ks, uint32_t offset, uint32_t n);
/* ZMSCORE of the users who are added with cmd_online_user: nil = offline. */
void cmd_online_among_begin(struct cmd *c, const struct keyspace *ks);
void cmd_node_gone(struct cmd *c, const struct keyspace *ks, const char *node_id);

/* --- Subscriptions --- Sharded pub/sub, which is the same on one server, and in a Cluster costs
 * only the nodes that have to do with the channel. */
void cmd_subscribe_channel(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                           bool on);
void cmd_subscribe_user(struct cmd *c, const struct keyspace *ks, const struct uuid *u, bool on);
void cmd_subscribe_all(struct cmd *c, const struct keyspace *ks);

#endif
