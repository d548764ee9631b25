/* log - through a channel's log, a page at a time: memory is bounded by a page, and so is what
 * Redis does in one go. */
#ifndef CHATCTL_OPS_LOG_H
#define CHATCTL_OPS_LOG_H

#include "chatctl/table/invocation.h"
#include "chatctl/term/progress.h"

struct redisReply;

#define LOG_END UINT64_MAX

struct log_range {
    struct channel_id channel;
    bool back;            /* the newest first */
    uint64_t after;       /* of those behind this seq … */
    uint64_t up_to;       /* … and none behind this one; LOG_END: all */
    uint64_t limit;       /* so many at most; 0: all */
    struct progress *bar; /* moves with each page; may be NULL */
};

struct log_entry {
    const struct redisReply *reply;
    struct message message; /* borrows from the reply; of what is no message of ours, seq alone */
    bool good;              /* it is one of ours */
};

/* False: that was enough. The entry lives as long as the call, which sends no command. */
typedef bool log_fn(const struct log_entry *entry, void *arg);

/* Calls fn for each entry. STATUS_INTERRUPTED, without a word, when a page was to be read and
 * Ctrl-C had been pressed. */
enum status log_each(struct invocation *in, const struct log_range *range, log_fn *fn, void *arg);

#endif
