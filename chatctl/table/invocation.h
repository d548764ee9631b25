/* invocation - one parsed command line, as a command's function sees it. */
#ifndef CHATCTL_TABLE_INVOCATION_H
#define CHATCTL_TABLE_INVOCATION_H

#include "chatctl/table/command.h"
#include "chatctl/term/output.h"
#include "chatctl/term/signals.h"
#include "chatctl/term/talk.h"
#include "common/redis/redis_sync.h"

struct ctl_settings;

struct invocation {
    const struct command *command;
    struct redis_sync *redis; /* NULL if no_redis */
    struct output *out;       /* for data; words go to stderr by say() and complain() */
    bool yes, dry_run, quiet;
    /* A key of another type than ours is no end, and not complained about: STATUS_WRONG_TYPE. */
    bool bears_wrong_type;
    bool interactive; /* stdin and stderr are terminals: may ask */
    size_t nargs;
    const char **args; /* positional, as typed */
    const struct parsed_opt *parsed;
    size_t nparsed;
    const struct ctl_settings *set; /* where the Redis is, for a command that opens it itself */
};

/* A line on stderr; none with --quiet. */
void say(const struct invocation *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* May this go on? Asks on a terminal, refuses without one, agrees with --yes. `what` is the
 * question. */
enum status confirm(struct invocation *in, const char *what);

#endif
