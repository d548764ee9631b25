/* ask - questions to Redis that several commands put, and the walks through what may have a million
 * members.
 *
 * All return a status; what is wrong has been complained about. Nothing here reads a whole set or
 * log at once: a page is what a Redis can answer in well under a millisecond or two.
 */
#ifndef CHATCTL_OPS_ASK_H
#define CHATCTL_OPS_ASK_H

#include "chatctl/table/commands.h"
#include "common/redis/reply.h"

#define LOG_PAGE 500  /* entries of a log */
#define WALK_PAGE 500 /* members of a set */

/* Sends the scratch command. *r is valid until the next one; it is no error. */
enum status ask(struct invocation *in, const struct redisReply **r);
/* For errors that redis_sync_do or a parser gave. */
enum status ask_position(struct invocation *in, const struct channel_id *ch,
                         struct channel_state *out);
enum status ask_log(struct invocation *in, const struct channel_id *ch, struct log_info *out);
enum status ask_i64(struct invocation *in, int64_t *out); /* the scratch command; nil is 0 */

/* Through a zset, by score, oldest first. A member that is moved to a higher score meanwhile may be
 * met twice, one that stays where it is exactly once. */
struct walk {
    char key[KEY_MAX + 1];
    size_t key_len;
    char score[40]; /* where the next page begins … */
    uint64_t skip;  /* … and how many of that score have been met */
    const struct redisReply *page;
    size_t n, at; /* of the page: members and scores */
    bool last;
};
void walk_global(struct walk *w, const struct keyspace *ks, enum global_key k);
void walk_channel(struct walk *w, const struct keyspace *ks, const struct channel_id *ch,
                  enum channel_key k);
void walk_user(struct walk *w, const struct keyspace *ks, const struct uuid *u, enum user_key k);
/* Reads the next page when the last one is used up; *more false: that was all. The members of a
 * page, by walk_item, are valid until the next command. */
enum status walk_page(struct invocation *in, struct walk *w, bool *more);
/* Member i of the page, w->n of them. */
const char *walk_item(const struct walk *w, size_t i, size_t *len, int64_t *score);

/* Calls fn for every channel, least active first: for those active before the call once, for those
 * active since then perhaps twice. Stops at the first status that isn't STATUS_DONE. */
typedef enum status (*channel_fn)(struct invocation *in, const struct channel_id *ch,
                                  int64_t activity, void *arg);
enum status each_channel(struct invocation *in, channel_fn fn, void *arg);
/* The channels named by the arguments from `first` on, or every one if there are none. */
enum status each_named(struct invocation *in, size_t first, channel_fn fn, void *arg);

/* What Ctrl-C leaves: says how far it got. */
enum status stopped(const struct invocation *in, const char *what, uint64_t done);

/* Sends the scratch command, a step of a script that works under a channel's lock, and reads where
 * it got. STATUS_CONFLICT with `locked` complained: another has the lock. STEP_OTHER is the
 * caller's to explain. */
enum status ask_step(struct invocation *in, struct step_result *out, const char *locked);

#endif
