/* reply - Redis replies as values: pure parsers, redisReply in, model out. Text returned by
 * pointer into a reply (names, texts) lives as long as the reply.
 *
 * Every parser returns ERR_OK or fills `e`:
 *   NULL reply (the link was lost)                 ERR_UNAVAILABLE
 *   LOADING, OOM, READONLY, MISCONF, NOREPLICAS …  ERR_UNAVAILABLE
 *   another error, or a reply of the wrong shape   ERR_INTERNAL, no data in e->detail
 */
#ifndef COMMON_REDIS_REPLY_H
#define COMMON_REDIS_REPLY_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/proto/model.h"
#include "common/redis/lineage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

/* Any reply that isn't an error. */
enum err_code reply_ok(const struct redisReply *r, struct err *e);
bool reply_is_noscript(const struct redisReply *r);
bool reply_is_nil(const struct redisReply *r);
const char *reply_error(const struct redisReply *r); /* its text; NULL: it is none */
/* An integer, or a string that is one. A nil is `absent`. */
enum err_code reply_i64(const struct redisReply *r, int64_t absent, int64_t *v, struct err *e);
/* A string. A nil gives *s = NULL. */
enum err_code reply_str(const struct redisReply *r, const char **s, size_t *len, struct err *e);
/* A uuid. A nil, or what is no uuid, gives the nil uuid. */
enum err_code reply_uuid(const struct redisReply *r, struct uuid *u, struct err *e);
bool reply_is_error(const struct redisReply *r, const char *word); /* "WRONGTYPE", "BUSYKEY" … */
bool reply_is_denied(const struct redisReply *r); /* the user has no right to it; see grants.h */
/* An array, of any length. */
enum err_code reply_array(const struct redisReply *r, size_t *n, struct err *e);
uint64_t reply_entry_seq(const struct redisReply *entry); /* of a stream; 0: it has none */
const struct redisReply *reply_item(const struct redisReply *array, size_t i);

/* One item of append.lua's answer. */
struct append_result {
    struct position at;
    bool repeat;          /* stored earlier: `first` is that message, unless gone */
    bool gone;            /* … and has been removed since */
    struct message first; /* all but the channel */
    int64_t receivers;    /* nodes that heard it */
};
enum err_code reply_append(const struct redisReply *r, size_t i, struct append_result *out,
                           struct err *e);

/* Where a channel stands. One that has never been used, or whose position is damaged: epoch nil. */
struct channel_state {
    struct position at;
    uint64_t base; /* first seq of the epoch */
    struct lineage lineage;
};
/* Is what somebody at `at` has the beginning of what the channel has? */
bool channel_state_has(const struct channel_state *s, const struct position *at);

/* join.lua */
struct join_result {
    struct channel_state state;
    int64_t members;
    const struct redisReply *listed; /* array of uuids: reply_array, reply_item, reply_uuid */
};
enum err_code reply_join(const struct redisReply *r, struct join_result *out, struct err *e);

/* The run id in INFO's section "server". False, and an empty text, where it isn't said (or may not
 * be asked). */
#define RUN_MAX 40
bool reply_run(const struct redisReply *r, char out[RUN_MAX + 1]);

/* TIME: ms since 1970. */
enum err_code reply_time(const struct redisReply *r, int64_t *out, struct err *e);

/* cmd_position. */
enum err_code reply_position(const struct redisReply *r, struct channel_state *out, struct err *e);
/* cmd_place. As `at` above: nil, 0 where there is none. */
enum err_code reply_place(const struct redisReply *r, struct position *out, struct err *e);

/* cmd_log_info. Of a log that isn't there: exists false. */
struct log_info {
    bool exists;
    uint64_t length, first, last; /* seqs of the first and last entry, 0 if it is empty */
    uint64_t top;                 /* the highest that ever was: last-generated-id */
};
enum err_code reply_log_info(const struct redisReply *r, struct log_info *out, struct err *e);

/* One call of purge.lua, restore.lua, rename.lua or relog.lua. */
enum step_state { STEP_DONE, STEP_MORE, STEP_LOCKED, STEP_OTHER }; /* another epoch; trash gone */
struct step_result {
    enum step_state state;
    char at[64]; /* seq or entry id that was reached */
    uint64_t moved;
};
enum err_code reply_step(const struct redisReply *r, struct step_result *out, struct err *e);

/* One item of cmd_marks: everything up to a seq is gone, or what `sender` said up to it (nil:
 * everything), or one message, or `lost`: there were too many to keep. False: none of these. */
struct mark {
    bool lost;
    bool one;
    uint64_t up_to;
    struct uuid message, sender;
};
bool reply_mark(const struct redisReply *item, struct mark *out);

/* cmd_purge_get. A purge that can't be restored any more: found false. */
struct purge_record {
    bool found;
    struct uuid epoch, what;
    char mode[8];
    uint64_t up_to;
    int64_t moved, at_ms, until_ms;
};
enum err_code reply_purge_record(const struct redisReply *r, struct purge_record *out,
                                 struct err *e);

/* One entry of XRANGE or XREVRANGE. False: it lacks fields or holds nonsense; skip and count it.
 * Fields that are not known are ignored. `seq` is the number before the dash of the id in any case,
 * 0 if it is none. */
bool reply_entry(const struct redisReply *entry, const struct channel_id *channel,
                 struct message *out);

/* cmd_user_get. `found` false: no such user. */
struct user_record {
    bool found;
    const char *name;
    size_t name_len;
    char hash[SECRET_HASH_MAX]; /* "" = none that could be right */
    int64_t created_ms, banned_until_ms;
    const char *seen; /* places, as key_add.lua has them; borrows from the reply */
    size_t seen_len;
};
enum err_code reply_user(const struct redisReply *r, struct user_record *out, struct err *e);

/* A payload on a link that has subscriptions. False: something else (a pong, an error). */
enum push_kind { PUSH_SUBSCRIBED, PUSH_UNSUBSCRIBED, PUSH_MESSAGE };
struct push {
    enum push_kind kind;
    const char *channel, *payload;
    size_t channel_len, payload_len;
};
bool reply_push(const struct redisReply *r, struct push *out);

#endif
