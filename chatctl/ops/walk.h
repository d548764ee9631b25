/* walk - through a zset that may have a million members, by score, the oldest first. A page is what
 * a Redis can answer in well under a millisecond or two. A member that is moved to a higher score
 * meanwhile may be met twice, one that stays where it is exactly once. */
#ifndef CHATCTL_OPS_WALK_H
#define CHATCTL_OPS_WALK_H

#include "chatctl/table/invocation.h"

struct redisReply;

#define WALK_PAGE 500 /* members of a set */

struct walk {
    char key[KEY_MAX + 1];
    size_t key_len;
    char score[40]; /* where the next page begins … */
    uint64_t skip;  /* … and how many of that score have been met */
    const struct redisReply *page;
    size_t n;  /* members of the page */
    bool last; /* no page follows; set, it ends the walk */
};
/* Begins at the first member of this key. */
void walk_key(struct walk *w, const char *key, size_t len);
void walk_global(struct walk *w, const struct keyspace *ks, enum global_key k);
void walk_channel(struct walk *w, const struct keyspace *ks, const struct channel_id *ch,
                  enum channel_key k);
void walk_user(struct walk *w, const struct keyspace *ks, const struct uuid *u, enum user_key k);
/* Reads the next page when the last one is used up; *more false: that was all. The members of a
 * page, by walk_item, are valid until the next command. */
enum status walk_page(struct invocation *in, struct walk *w, bool *more);
/* Member i of the page, w->n of them. */
const char *walk_item(const struct walk *w, size_t i, size_t *len, int64_t *score);

/* Calls fn for each page; stops at the first status that isn't STATUS_DONE. Looking out for Ctrl-C
 * is fn's, which knows what to say. */
typedef enum status walk_fn(struct invocation *in, struct walk *w, void *arg);
enum status walk_each(struct invocation *in, struct walk *w, walk_fn *fn, void *arg);

#endif
