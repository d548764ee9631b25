/* purge - takes messages out of channels, and puts them back.
 *
 * A purge really removes: the log is what chatd serves, counts and resumes from, and a mark that
 * every reader would have to honour would be forgotten by one of them. The removed entries go, in
 * the same script call, into the trash of this purge, a stream that lapses after the grace time; so
 * a purge that is killed anywhere leaves every message in exactly one of the two. It works in
 * batches of PURGE_BATCH, each well under 2 ms of Redis, and never touches seq or epoch: the
 * numbers stay spent.
 *
 * Clients hear of it: those connected by an event, those that come back by the marks, which are
 * kept by the channel's seq at the time, so that "everything since you were here" is a range of
 * them.
 *
 * Restoring can't put entries back into a stream (ids only grow), so the log is put together anew
 * beside the old one, in batches, while chatd goes on appending; the last step copies what has come
 * meanwhile and changes the two over. One lock a channel keeps two purges or restores apart; it
 * lapses by itself.
 */
#ifndef CHATCTL_OPS_PURGE_H
#define CHATCTL_OPS_PURGE_H

#include "chatctl/ops/ask.h"

#define PURGE_BATCH 100
#define RESTORABLE_MAX 100 /* purges of a channel that are looked at */
#define PURGE_GRACE_MS ((int64_t)24 * 3600 * 1000)

/* A plan: fixed by epoch and seq, so that what goes is what was there when it was made. */
struct purge {
    struct channel_id channel;
    struct uuid epoch;
    enum purge_mode mode;
    struct uuid what;      /* PURGE_FROM: the sender; PURGE_ONE: the message */
    uint64_t after, up_to; /* after: 0 but for PURGE_ONE */
    uint64_t messages;     /* how many; see purge_count */
};

/* Plans for everything that is in the channel now. */
enum status purge_plan(struct invocation *in, const struct channel_id *ch, struct purge *p);
/* Narrows a plan: to messages sent before `ms`, to all but the newest n, to those of this sender.
 */
enum status purge_before(struct invocation *in, struct purge *p, int64_t ms);
enum status purge_keep(struct invocation *in, struct purge *p, uint64_t n);
void purge_from(struct purge *p, const struct uuid *sender);
/* Counts p->messages, exactly; reads the log where it must. */
enum status purge_count(struct invocation *in, struct purge *p);
/* Does it. *moved is how many went, whatever the status. STATUS_CONFLICT: another purge is at work,
 * or the epoch has changed; nothing more was removed. grace_ms 0: for good. */
enum status purge_run(struct invocation *in, const struct purge *p, int64_t grace_ms,
                      uint64_t *moved);

/* The purges that can be restored, the newest last; at most `max`. */
struct restorable {
    struct uuid id;
    struct purge_record record;
};
enum status purge_list(struct invocation *in, const struct channel_id *ch, struct restorable *out,
                       size_t max, size_t *n);
/* Puts the messages of one back. *restored: how many, if all went well. STATUS_CONFLICT:
 * another purge or restore is at work; STATUS_NOT_FOUND: its grace time is over. */
enum status purge_restore(struct invocation *in, const struct channel_id *ch,
                          const struct restorable *purge, uint64_t *restored);

#endif
