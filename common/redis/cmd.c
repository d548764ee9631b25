/* cmd - see cmd.h. */
#include "common/redis/cmd.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 4096 /* bytes of copied arguments in one chunk; larger ones get their own */

struct cmd_chunk {
    struct cmd_chunk *next;
    size_t used, size;
    char mem[];
};

void cmd_init(struct cmd *c) {
    *c = (struct cmd){.script = SCRIPT_NONE};
}

void cmd_free(struct cmd *c) {
    for (struct cmd_chunk *k = c->chunks, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    free(c->argv);
    free(c->argvlen);
    cmd_init(c);
}

/* Keeps the newest chunk: a reused cmd settles at no allocations. */
static void reset(struct cmd *c) {
    if (c->chunks) {
        for (struct cmd_chunk *k = c->chunks->next, *next; k; k = next) {
            next = k->next;
            free(k);
        }
        c->chunks->next = NULL;
        c->chunks->used = 0;
    }
    c->argc = 0;
    c->failed = false;
    c->script = SCRIPT_NONE;
    c->key = 0;
}

static char *cmd_take(struct cmd *c, size_t n) {
    struct cmd_chunk *k = c->chunks;
    if (!k || k->size - k->used < n) {
        size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
        k = malloc(sizeof *k + size);
        if (!k) {
            c->failed = true;
            return NULL;
        }
        k->next = c->chunks;
        k->used = 0;
        k->size = size;
        c->chunks = k;
    }
    char *p = k->mem + k->used;
    k->used += n;
    return p;
}

static bool room_for_arg(struct cmd *c) {
    if (c->argc < c->argv_cap)
        return true;
    size_t cap = c->argv_cap ? c->argv_cap * 2 : 32;
    const char **argv = realloc(c->argv, cap * sizeof *argv);
    if (argv)
        c->argv = argv;
    size_t *lens = argv ? realloc(c->argvlen, cap * sizeof *lens) : NULL;
    if (!lens) {
        c->failed = true;
        return false;
    }
    c->argvlen = lens;
    c->argv_cap = cap;
    return true;
}

void cmd_borrow(struct cmd *c, const char *s, size_t len) {
    if (!s && len > 0) /* skipping it would move all arguments behind it */
        c->failed = true;
    if (c->failed || !room_for_arg(c))
        return;
    c->argv[c->argc] = s ? s : "";
    c->argvlen[c->argc++] = len;
}

void cmd_literal(struct cmd *c, const char *s) {
    cmd_borrow(c, s, strlen(s));
}

void cmd_copy(struct cmd *c, const char *s, size_t len) {
    char *p = cmd_take(c, len);
    if (p && len)
        memcpy(p, s, len);
    cmd_borrow(c, p, len);
}

void cmd_key(struct cmd *c, const char *s, size_t len) {
    if (c->key == 0)
        c->key = c->argc;
    cmd_copy(c, s, len);
}

void cmd_i64(struct cmd *c, int64_t v) {
    char digits[21], *p = digits + sizeof digits;
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    cmd_copy(c, p, (size_t)(digits + sizeof digits - p));
}

void cmd_uuid(struct cmd *c, const struct uuid *u) {
    char *p = cmd_take(c, UUID_TEXT);
    if (p)
        uuid_write(u, p);
    cmd_borrow(c, p, UUID_TEXT);
}

void cmd_begin(struct cmd *c, const char *name) {
    reset(c);
    cmd_literal(c, name);
}

void cmd_begin_script(struct cmd *c, enum script s, unsigned keys) {
    cmd_begin(c, "EVALSHA");
    c->script = s;
    cmd_borrow(c, script_sha(s), SCRIPT_SHA);
    cmd_i64(c, keys);
}

void cmd_channel_key(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                     enum channel_key k) {
    char key[KEY_MAX + 1];
    cmd_key(c, key, key_channel(ks, ch, k, key));
}

void cmd_user_key(struct cmd *c, const struct keyspace *ks, const struct uuid *u, enum user_key k) {
    char key[KEY_MAX + 1];
    cmd_key(c, key, key_user(ks, u, k, key));
}

void cmd_global_key(struct cmd *c, const struct keyspace *ks, enum global_key k) {
    char key[KEY_MAX + 1];
    cmd_key(c, key, key_global(ks, k, key));
}

void cmd_tailed_key(struct cmd *c, const struct keyspace *ks, enum tailed_key k, const char *tail,
                    size_t len) {
    char key[KEY_MAX + 1];
    cmd_key(c, key, key_tailed(ks, k, tail, len, key));
}

static void channel_name(struct cmd *c, const struct channel_id *ch) {
    char id[CHANNEL_TEXT + 1];
    cmd_copy(c, id, channel_format(ch, id));
}

/* The id of message `seq` in its stream. */
static void entry_id(struct cmd *c, uint64_t seq) {
    char id[32], *p = id + sizeof id;
    *--p = '0';
    *--p = '-';
    do
        *--p = (char)('0' + seq % 10);
    while (seq /= 10);
    cmd_copy(c, p, (size_t)(id + sizeof id - p));
}

/* --- Connection --- */

void cmd_auth(struct cmd *c, const char *user, const char *password) {
    cmd_begin(c, "AUTH");
    if (*user)
        cmd_literal(c, user);
    cmd_literal(c, password);
}

void cmd_select(struct cmd *c, unsigned db) {
    cmd_begin(c, "SELECT");
    cmd_i64(c, db);
}

void cmd_client_name(struct cmd *c, const char *name) {
    cmd_begin(c, "CLIENT");
    cmd_literal(c, "SETNAME");
    cmd_literal(c, name);
}

void cmd_ping(struct cmd *c) {
    cmd_begin(c, "PING");
}

void cmd_role(struct cmd *c) {
    cmd_begin(c, "ROLE");
}

void cmd_info(struct cmd *c, const char *section) {
    cmd_begin(c, "INFO");
    cmd_literal(c, section);
}

void cmd_persistence(struct cmd *c) {
    cmd_begin(c, "CONFIG");
    cmd_literal(c, "GET");
    cmd_literal(c, "appendonly");
    cmd_literal(c, "appendfsync");
    cmd_literal(c, "min-replicas-to-write");
}

void cmd_wait(struct cmd *c, unsigned replicas, unsigned ms) {
    cmd_begin(c, "WAIT");
    cmd_i64(c, replicas);
    cmd_i64(c, ms);
}

void cmd_sentinel_master(struct cmd *c, const char *name) {
    cmd_begin(c, "SENTINEL");
    cmd_literal(c, "GET-MASTER-ADDR-BY-NAME");
    cmd_literal(c, name);
}

void cmd_cluster_slots(struct cmd *c) {
    cmd_begin(c, "CLUSTER");
    cmd_literal(c, "SLOTS");
}

void cmd_asking(struct cmd *c) {
    cmd_begin(c, "ASKING");
}

void cmd_script_load(struct cmd *c, enum script s) {
    size_t len;
    const char *body = script_body(s, &len);
    cmd_begin(c, "SCRIPT");
    cmd_literal(c, "LOAD");
    cmd_borrow(c, body, len);
}

void cmd_schema_claim(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "SET");
    cmd_global_key(c, ks, KEY_SCHEMA);
    cmd_literal(c, SCHEMA_VERSION);
    cmd_literal(c, "NX");
}

void cmd_schema_get(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "GET");
    cmd_global_key(c, ks, KEY_SCHEMA);
}

/* --- Messages --- */

void cmd_append_begin(struct cmd *c, unsigned messages) {
    cmd_begin_script(c, SCRIPT_APPEND, 3 * messages);
}

void cmd_append_keys(struct cmd *c, const struct keyspace *ks, const struct message *m) {
    char key[KEY_MAX + 1];
    cmd_channel_key(c, ks, &m->channel, CHANNEL_LOG);
    cmd_channel_key(c, ks, &m->channel, CHANNEL_META);
    cmd_key(c, key, key_sent(ks, &m->channel, &m->uuid, key));
}

void cmd_append_args_begin(struct cmd *c, const char *node_id, const struct uuid *spare_epoch,
                           unsigned remember_s, const char *history) {
    cmd_literal(c, node_id);
    cmd_i64(c, remember_s);
    cmd_uuid(c, spare_epoch);
    cmd_literal(c, history);
}

/* An epoch and a seq; `at` NULL: nothing is known. */
static void position(struct cmd *c, const struct position *at) {
    if (at)
        cmd_uuid(c, &at->epoch);
    else
        cmd_literal(c, "");
    cmd_i64(c, at ? (int64_t)at->seq : 0);
}

void cmd_append_args(struct cmd *c, const struct keyspace *ks, const struct message *m,
                     bool client_uuid, const struct position *known) {
    cmd_channel_key(c, ks, &m->channel, CHANNEL_BUS);
    position(c, known);
    cmd_literal(c, client_uuid ? "1" : "");
    cmd_uuid(c, &m->uuid);
    cmd_uuid(c, &m->sender);
    cmd_i64(c, m->created_ms);
    cmd_borrow(c, m->sender_name, m->sender_name_len);
    cmd_borrow(c, m->text, m->text_len);
}

void cmd_renew(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *spare_epoch, const struct position *known, const char *history) {
    cmd_begin_script(c, SCRIPT_RENEW, 2);
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    cmd_channel_key(c, ks, ch, CHANNEL_META);
    cmd_uuid(c, spare_epoch);
    position(c, known);
    cmd_literal(c, history);
}

void cmd_relog(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *work, const char *after, uint32_t entries) {
    cmd_begin_script(c, SCRIPT_RELOG, 3);
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    cmd_channel_key(c, ks, ch, CHANNEL_REBUILD);
    cmd_channel_key(c, ks, ch, CHANNEL_LOCK);
    cmd_uuid(c, work);
    cmd_copy(c, after, strlen(after));
    cmd_i64(c, entries);
}

void cmd_position(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch) {
    cmd_begin(c, "HMGET");
    cmd_channel_key(c, ks, ch, CHANNEL_META);
    cmd_literal(c, "epoch");
    cmd_literal(c, "base");
    cmd_literal(c, "seq");
    cmd_literal(c, "prev");
}

void cmd_place(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch) {
    cmd_begin(c, "HMGET");
    cmd_channel_key(c, ks, ch, CHANNEL_META);
    cmd_literal(c, "epoch");
    cmd_literal(c, "seq");
}

void cmd_log_length(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch) {
    cmd_begin(c, "XLEN");
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
}

void cmd_log_back(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                  uint64_t from, uint64_t after, uint32_t n) {
    cmd_begin(c, "XREVRANGE");
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    if (from)
        entry_id(c, from);
    else
        cmd_literal(c, "+");
    entry_id(c, after + 1);
    cmd_literal(c, "COUNT");
    cmd_i64(c, n);
}

void cmd_log_forward(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                     uint64_t after, uint32_t n) {
    cmd_begin(c, "XRANGE");
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    entry_id(c, after + 1);
    cmd_literal(c, "+");
    cmd_literal(c, "COUNT");
    cmd_i64(c, n);
}

void cmd_read(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch, uint32_t n,
              const struct uuid *spare_epoch, const struct position *known,
              const struct uuid *message, const char *history) {
    cmd_begin_script(c, SCRIPT_READ, 2);
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    cmd_channel_key(c, ks, ch, CHANNEL_META);
    cmd_i64(c, n);
    cmd_uuid(c, spare_epoch);
    position(c, known);
    if (uuid_is_nil(message))
        cmd_literal(c, "");
    else
        cmd_uuid(c, message);
    cmd_literal(c, history);
}

void cmd_log_info(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch) {
    cmd_begin(c, "XINFO");
    cmd_literal(c, "STREAM");
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
}

void cmd_by_score(struct cmd *c, const char *key, size_t len, const char *from, uint64_t skip,
                  uint32_t n) {
    cmd_begin(c, "ZRANGEBYSCORE");
    cmd_key(c, key, len);
    cmd_copy(c, from, strlen(from));
    cmd_literal(c, "+inf");
    cmd_literal(c, "WITHSCORES");
    cmd_literal(c, "LIMIT");
    cmd_i64(c, (int64_t)skip);
    cmd_i64(c, n);
}

/* --- Channels --- */

void cmd_join(struct cmd *c, const struct keyspace *ks, const struct join_args *a) {
    cmd_begin_script(c, SCRIPT_JOIN, 3);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOG);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_META);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_MEMBERS);
    cmd_uuid(c, &a->user);
    if (a->channel.kind == CHANNEL_DM) {
        struct uuid peer = channel_peer(&a->channel, &a->user);
        cmd_uuid(c, &peer);
    } else
        cmd_literal(c, "");
    cmd_i64(c, a->now_ms);
    cmd_uuid(c, &a->spare_epoch);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_BUS);
    cmd_borrow(c, a->event, a->event_len);
    cmd_i64(c, a->event_members_max);
    cmd_i64(c, a->list_max);
    position(c, a->known);
    cmd_literal(c, a->history);
}

void cmd_announce(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                  const char *event, size_t event_len, uint32_t members_max) {
    cmd_begin_script(c, SCRIPT_ANNOUNCE, 1);
    cmd_channel_key(c, ks, ch, CHANNEL_MEMBERS);
    cmd_channel_key(c, ks, ch, CHANNEL_BUS);
    cmd_borrow(c, event, event_len);
    cmd_i64(c, members_max);
}

void cmd_leave(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               const struct uuid *user, const char *event, size_t event_len, uint32_t members_max) {
    cmd_begin_script(c, SCRIPT_LEAVE, 3);
    cmd_channel_key(c, ks, ch, CHANNEL_MEMBERS);
    cmd_channel_key(c, ks, ch, CHANNEL_LOG);
    cmd_channel_key(c, ks, ch, CHANNEL_META);
    cmd_uuid(c, user);
    cmd_channel_key(c, ks, ch, CHANNEL_BUS);
    cmd_borrow(c, event, event_len);
    cmd_i64(c, members_max);
}

void cmd_channel_forget(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch) {
    cmd_begin(c, "ZREM");
    cmd_global_key(c, ks, KEY_CHANNEL_INDEX);
    channel_name(c, ch);
}

void cmd_user_channel_add(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                          const struct channel_id *ch, int64_t now_ms) {
    cmd_begin(c, "ZADD");
    cmd_user_key(c, ks, user, USER_CHANNELS);
    cmd_i64(c, now_ms);
    channel_name(c, ch);
}

void cmd_user_channel_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                             const struct channel_id *ch) {
    cmd_begin(c, "ZREM");
    cmd_user_key(c, ks, user, USER_CHANNELS);
    channel_name(c, ch);
}

void cmd_user_channels(struct cmd *c, const struct keyspace *ks, const struct uuid *user,
                       uint32_t max) {
    cmd_begin(c, "ZREVRANGE");
    cmd_user_key(c, ks, user, USER_CHANNELS);
    cmd_literal(c, "0");
    cmd_i64(c, (int64_t)max - 1);
}

void cmd_channel_touch(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                       int64_t now_ms) {
    cmd_begin(c, "ZADD");
    cmd_global_key(c, ks, KEY_CHANNEL_INDEX);
    cmd_literal(c, "GT");
    cmd_i64(c, now_ms);
    channel_name(c, ch);
}

/* --- Purges --- */

static void purge_key(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                      enum purge_key k, const struct uuid *purge) {
    char key[KEY_MAX + 1];
    cmd_key(c, key, key_purge(ks, ch, k, purge, key));
}

void cmd_purge(struct cmd *c, const struct keyspace *ks, const struct purge_args *a) {
    static const char *const MODES[] = {
        [PURGE_ALL] = "all", [PURGE_FROM] = "from", [PURGE_ONE] = "one"};
    cmd_begin_script(c, SCRIPT_PURGE, 7);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOG);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_META);
    purge_key(c, ks, &a->channel, PURGE_TRASH, &a->id);
    purge_key(c, ks, &a->channel, PURGE_RECORD, &a->id);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_PURGES);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_MARKS);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOCK);
    cmd_uuid(c, &a->id);
    cmd_uuid(c, &a->epoch);
    cmd_i64(c, (int64_t)a->after);
    cmd_i64(c, (int64_t)a->up_to);
    cmd_i64(c, a->entries);
    cmd_literal(c, MODES[a->mode]);
    if (a->mode == PURGE_ALL)
        cmd_literal(c, "");
    else
        cmd_uuid(c, &a->what);
    cmd_i64(c, a->grace_ms);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_BUS);
    cmd_literal(c, a->announce ? "1" : "");
    cmd_uuid(c, &a->spare_epoch);
    cmd_literal(c, a->history);
}

void cmd_restore(struct cmd *c, const struct keyspace *ks, const struct restore_args *a) {
    cmd_begin_script(c, SCRIPT_RESTORE, 9);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOG);
    purge_key(c, ks, &a->channel, PURGE_TRASH, &a->purge);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_REBUILD);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOCK);
    purge_key(c, ks, &a->channel, PURGE_RECORD, &a->purge);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_PURGES);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_MARKS);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_REPLACED);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_META);
    cmd_uuid(c, &a->id);
    cmd_uuid(c, &a->purge);
    cmd_copy(c, a->after, strlen(a->after));
    cmd_i64(c, a->entries);
    cmd_uuid(c, &a->spare_epoch);
    cmd_literal(c, a->history);
}

void cmd_rename(struct cmd *c, const struct keyspace *ks, const struct rename_args *a) {
    cmd_begin_script(c, SCRIPT_RENAME, 6);
    if (a->trash)
        purge_key(c, ks, &a->channel, PURGE_TRASH, a->trash);
    else
        cmd_channel_key(c, ks, &a->channel, CHANNEL_LOG);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_META);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_REBUILD);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOCK);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_REPLACED);
    cmd_channel_key(c, ks, &a->channel, CHANNEL_LOG);
    cmd_uuid(c, &a->id);
    cmd_uuid(c, &a->epoch);
    cmd_copy(c, a->after, strlen(a->after));
    cmd_i64(c, a->entries);
    cmd_uuid(c, &a->sender);
    cmd_literal(c, a->name);
    cmd_uuid(c, &a->spare_epoch);
    cmd_literal(c, a->history);
}

void cmd_marks(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
               uint64_t since, uint32_t n) {
    cmd_begin(c, "ZRANGEBYSCORE");
    cmd_channel_key(c, ks, ch, CHANNEL_MARKS);
    cmd_i64(c, (int64_t)since);
    cmd_literal(c, "+inf");
    cmd_literal(c, "LIMIT");
    cmd_literal(c, "0");
    cmd_i64(c, n);
}

void cmd_purges(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                int64_t now_ms) {
    cmd_begin(c, "ZRANGEBYSCORE");
    cmd_channel_key(c, ks, ch, CHANNEL_PURGES);
    cmd_i64(c, now_ms);
    cmd_literal(c, "+inf");
}

void cmd_purge_get(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                   const struct uuid *purge) {
    static const char *const FIELDS[] = {"epoch", "mode", "what", "upto", "moved", "at", "until"};
    cmd_begin(c, "HMGET");
    purge_key(c, ks, ch, PURGE_RECORD, purge);
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
        cmd_literal(c, FIELDS[i]);
}

/* --- Users --- */

void cmd_name_get(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len) {
    cmd_begin(c, "GET");
    cmd_tailed_key(c, ks, KEY_NAME, folded, len);
}

void cmd_name_ttl(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len) {
    cmd_begin(c, "TTL");
    cmd_tailed_key(c, ks, KEY_NAME, folded, len);
}

static void name_index(struct cmd *c, const struct keyspace *ks, const char *command,
                       const char *folded, size_t len) {
    cmd_begin(c, command);
    cmd_global_key(c, ks, KEY_NAME_INDEX);
    cmd_copy(c, folded, len);
}

void cmd_name_index(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                    const struct uuid *user) {
    name_index(c, ks, "HSET", folded, len);
    cmd_uuid(c, user);
}

void cmd_name_indexed(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len) {
    name_index(c, ks, "HGET", folded, len);
}

void cmd_name_unindex(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len) {
    name_index(c, ks, "HDEL", folded, len);
}

void cmd_name_claim(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                    const struct uuid *user, const struct uuid *holder, unsigned lapse_s) {
    cmd_begin_script(c, SCRIPT_NAME_CLAIM, 1);
    cmd_tailed_key(c, ks, KEY_NAME, folded, len);
    cmd_uuid(c, user);
    if (holder)
        cmd_uuid(c, holder);
    else
        cmd_literal(c, "");
    cmd_i64(c, lapse_s);
}

void cmd_name_confirm(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                      const struct uuid *user) {
    cmd_begin_script(c, SCRIPT_NAME_CONFIRM, 1);
    cmd_tailed_key(c, ks, KEY_NAME, folded, len);
    cmd_uuid(c, user);
}

void cmd_user_create(struct cmd *c, const struct keyspace *ks, const struct new_user *u) {
    cmd_begin_script(c, SCRIPT_USER_CREATE, 2);
    cmd_user_key(c, ks, &u->uuid, USER_RECORD);
    cmd_user_key(c, ks, &u->uuid, USER_KEYS);
    cmd_borrow(c, u->name, u->name_len);
    cmd_literal(c, u->password_hash);
    cmd_i64(c, u->created_ms);
    cmd_literal(c, u->key_hash);
    cmd_i64(c, u->key_expiry_ms);
    cmd_i64(c, u->lapse_s);
}

void cmd_user_index(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    int64_t created_ms) {
    cmd_begin(c, "ZADD");
    cmd_global_key(c, ks, KEY_USERS);
    cmd_literal(c, "NX");
    cmd_i64(c, created_ms);
    cmd_uuid(c, u);
}

void cmd_user_get(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "HMGET");
    cmd_user_key(c, ks, u, USER_RECORD);
    cmd_literal(c, "name");
    cmd_literal(c, "hash");
    cmd_literal(c, "created");
    cmd_literal(c, "banned");
    cmd_literal(c, "seen");
}

void cmd_user_name(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "HGET");
    cmd_user_key(c, ks, u, USER_RECORD);
    cmd_literal(c, "name");
}

void cmd_user_ttl(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "TTL");
    cmd_user_key(c, ks, u, USER_RECORD);
}

void cmd_user_change(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin_script(c, SCRIPT_USER_CHANGE, 1);
    cmd_user_key(c, ks, u, USER_RECORD);
}

void cmd_user_field(struct cmd *c, const char *field, const char *value, size_t len) {
    cmd_literal(c, field);
    cmd_borrow(c, value, len);
}

void cmd_user_confirm(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "PERSIST");
    cmd_user_key(c, ks, u, USER_RECORD);
}

void cmd_user_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "UNLINK");
    cmd_user_key(c, ks, u, USER_RECORD);
    cmd_user_key(c, ks, u, USER_KEYS);
    cmd_user_key(c, ks, u, USER_CHANNELS);
}

void cmd_user_unindex(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "ZREM");
    cmd_global_key(c, ks, KEY_USERS);
    cmd_uuid(c, u);
}

void cmd_name_release(struct cmd *c, const struct keyspace *ks, const char *folded, size_t len,
                      const struct uuid *user) {
    cmd_begin_script(c, SCRIPT_NAME_RELEASE, 1);
    cmd_tailed_key(c, ks, KEY_NAME, folded, len);
    cmd_uuid(c, user);
}

void cmd_keys_list(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "ZRANGE");
    cmd_user_key(c, ks, u, USER_KEYS);
    cmd_literal(c, "0");
    cmd_literal(c, "-1");
    cmd_literal(c, "WITHSCORES");
}

void cmd_keys_remove(struct cmd *c, const struct keyspace *ks, const struct uuid *u) {
    cmd_begin(c, "UNLINK");
    cmd_user_key(c, ks, u, USER_KEYS);
}

void cmd_publish_all(struct cmd *c, const struct keyspace *ks, const char *event, size_t len) {
    cmd_begin(c, "SPUBLISH");
    cmd_global_key(c, ks, KEY_ALL_BUS);
    cmd_borrow(c, event, len);
}

void cmd_users_count(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "ZCARD");
    cmd_global_key(c, ks, KEY_USERS);
}

static void page(struct cmd *c, const struct keyspace *ks, enum global_key k, uint32_t offset,
                 uint32_t n) {
    cmd_begin(c, "ZRANGE");
    cmd_global_key(c, ks, k);
    cmd_i64(c, offset);
    cmd_i64(c, (int64_t)offset + n - 1);
}

void cmd_users_page(struct cmd *c, const struct keyspace *ks, uint32_t offset, uint32_t n) {
    page(c, ks, KEY_USERS, offset, n);
}

void cmd_key_add(struct cmd *c, const struct keyspace *ks, const struct new_key *k) {
    cmd_begin_script(c, SCRIPT_KEY_ADD, 2);
    cmd_user_key(c, ks, &k->user, USER_RECORD);
    cmd_user_key(c, ks, &k->user, USER_KEYS);
    cmd_literal(c, k->key_hash);
    cmd_i64(c, k->expiry_ms);
    cmd_i64(c, k->now_ms);
    cmd_i64(c, k->keys_max);
    cmd_literal(c, k->verified);
    cmd_literal(c, k->rehashed);
    cmd_literal(c, k->place);
}

void cmd_key_expiry(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    const char *key_hash) {
    cmd_begin(c, "ZSCORE");
    cmd_user_key(c, ks, u, USER_KEYS);
    cmd_literal(c, key_hash);
}

void cmd_key_revoke(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                    const char *key_hash, const char *event, size_t event_len) {
    cmd_begin_script(c, SCRIPT_KEY_REVOKE, 1);
    cmd_user_key(c, ks, u, USER_KEYS);
    cmd_literal(c, key_hash);
    cmd_user_key(c, ks, u, USER_USER_BUS);
    cmd_borrow(c, event, event_len);
}

void cmd_publish_user(struct cmd *c, const struct keyspace *ks, const struct uuid *u,
                      const char *event, size_t event_len) {
    cmd_begin(c, "SPUBLISH");
    cmd_user_key(c, ks, u, USER_USER_BUS);
    cmd_borrow(c, event, event_len);
}

/* --- Counts --- */

void cmd_count_get(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len) {
    cmd_begin(c, "GET");
    cmd_tailed_key(c, ks, which, tail, len);
}

void cmd_count_add(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len) {
    cmd_begin(c, "INCR");
    cmd_tailed_key(c, ks, which, tail, len);
}

void cmd_count_expire(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                      const char *tail, size_t len, unsigned window_s) {
    cmd_begin(c, "EXPIRE");
    cmd_tailed_key(c, ks, which, tail, len);
    cmd_i64(c, window_s);
}

void cmd_count_expire_once(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                           const char *tail, size_t len, unsigned window_s) {
    cmd_count_expire(c, ks, which, tail, len, window_s);
    cmd_literal(c, "NX");
}

void cmd_count_ttl(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                   const char *tail, size_t len) {
    cmd_begin(c, "TTL");
    cmd_tailed_key(c, ks, which, tail, len);
}

void cmd_count_clear(struct cmd *c, const struct keyspace *ks, enum tailed_key which,
                     const char *tail, size_t len) {
    cmd_begin(c, "DEL");
    cmd_tailed_key(c, ks, which, tail, len);
}

/* --- Presence --- */

void cmd_beat(struct cmd *c, const struct keyspace *ks, const char *node_id, unsigned alive_ms) {
    cmd_begin_script(c, SCRIPT_BEAT, 1);
    cmd_global_key(c, ks, KEY_NODES);
    cmd_literal(c, node_id);
    cmd_i64(c, alive_ms);
}

void cmd_online_begin(struct cmd *c, const struct keyspace *ks, const char *node_id, bool online) {
    cmd_begin_script(c, SCRIPT_ONLINE, 2);
    cmd_global_key(c, ks, KEY_ONLINE);
    cmd_tailed_key(c, ks, KEY_NODE_USERS, node_id, strlen(node_id));
    cmd_literal(c, online ? "1" : "-1");
}

void cmd_online_user(struct cmd *c, const struct uuid *u) {
    cmd_uuid(c, u);
}

void cmd_reap(struct cmd *c, const struct keyspace *ks, const char *dead_node, size_t len,
              unsigned users_max) {
    cmd_begin_script(c, SCRIPT_REAP, 3);
    cmd_global_key(c, ks, KEY_NODES);
    cmd_global_key(c, ks, KEY_ONLINE);
    cmd_tailed_key(c, ks, KEY_NODE_USERS, dead_node, len);
    cmd_copy(c, dead_node, len);
    cmd_i64(c, users_max);
}

void cmd_online_count(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "ZCARD");
    cmd_global_key(c, ks, KEY_ONLINE);
}

void cmd_online_page(struct cmd *c, const struct keyspace *ks, uint32_t offset, uint32_t n) {
    page(c, ks, KEY_ONLINE, offset, n);
}

void cmd_online_among_begin(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "ZMSCORE");
    cmd_global_key(c, ks, KEY_ONLINE);
}

void cmd_node_gone(struct cmd *c, const struct keyspace *ks, const char *node_id) {
    cmd_begin(c, "ZREM");
    cmd_global_key(c, ks, KEY_NODES);
    cmd_literal(c, node_id);
}

/* --- Subscriptions --- */

void cmd_subscribe_channel(struct cmd *c, const struct keyspace *ks, const struct channel_id *ch,
                           bool on) {
    cmd_begin(c, on ? "SSUBSCRIBE" : "SUNSUBSCRIBE");
    cmd_channel_key(c, ks, ch, CHANNEL_BUS);
}

void cmd_subscribe_user(struct cmd *c, const struct keyspace *ks, const struct uuid *u, bool on) {
    cmd_begin(c, on ? "SSUBSCRIBE" : "SUNSUBSCRIBE");
    cmd_user_key(c, ks, u, USER_USER_BUS);
}

void cmd_subscribe_all(struct cmd *c, const struct keyspace *ks) {
    cmd_begin(c, "SSUBSCRIBE");
    cmd_global_key(c, ks, KEY_ALL_BUS);
}
