/* commands - the one table of everything chatctl can do. The parser, --help at every level,
 * completion, the shell and the man page's synopsis are made from it; a command is named nowhere
 * else.
 *
 * A command is a noun and a verb (`user list`) or a verb alone (`export`), with positional
 * arguments and options. Each is one function in a cmd_*.c file, which finds its arguments parsed
 * and checked.
 */
#ifndef CHATCTL_TABLE_COMMANDS_H
#define CHATCTL_TABLE_COMMANDS_H

#include "chatctl/term/output.h"
#include "common/base/err.h"
#include "common/redis/redis_sync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses: documented in chatctl(1), the same everywhere. */
enum status {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_NOT_FOUND = 3,
    STATUS_CONFLICT = 4,
    STATUS_UNAVAILABLE = 5,
    STATUS_REFUSED = 6, /* would destroy something, and nobody said --yes */
    STATUS_INTERRUPTED = 130
};

/* What an argument or an option's value is: parsed accordingly, and completed accordingly. */
enum value {
    VALUE_NONE, /* a flag */
    VALUE_TEXT,
    VALUE_NUMBER,   /* 0 … 10^15 */
    VALUE_DURATION, /* 90s 30m 2h 30d 4w; milliseconds */
    VALUE_DATE,     /* 2024-05-01, 2024-05-01T12:00Z, or a duration ago; ms since 1970 */
    VALUE_USER,     /* a username or a uuid */
    VALUE_CHANNEL,  /* public, alice,bob, or an id */
    VALUE_FILE,
    VALUE_CHOICE /* one of `choices`, separated by | */
};

struct opt {
    const char *name; /* "online": --online */
    char letter;      /* or 0 */
    enum value value;
    const char *arg; /* placeholder in help, "GLOB"; NULL for a flag */
    const char *choices;
    const char *help;
};

struct param {
    const char *name; /* "USER" */
    enum value value;
    bool optional, many; /* many: the last one may be repeated */
};

struct invocation;
struct settings;

struct command {
    const char *noun, *verb;    /* noun NULL: the verb stands alone */
    const struct param *params; /* ended by name NULL; NULL = none */
    const struct opt *opts;     /* ended by name NULL; NULL = none but the global ones */
    const char *help;           /* one line */
    const char *details;        /* paragraphs and examples for --help; may be NULL */
    bool no_store;              /* needs no Redis */
    enum status (*run)(struct invocation *in);
};

/* All of them, group after group (see cmd.h), in the order of the help; NULL past the end. */
const struct command *command_at(size_t i);

/* One parsed command line, as a command's function sees it. */
struct invocation {
    const struct command *command;
    struct redis_sync *redis; /* NULL if no_store */
    struct output *out;       /* for data; talk goes to stderr by say() and complain() */
    bool yes, dry_run, quiet;
    bool interactive; /* stdin and stderr are terminals: may ask */
    size_t nargs;
    const char **args; /* positional, as typed */
    const struct parsed_opt *parsed;
    size_t nparsed;
    const struct settings *set; /* where the Redis is, for a command that opens it itself */
};

struct parsed_opt {
    const struct opt *opt;
    const char *text;
    int64_t number; /* VALUE_NUMBER, _DURATION, _DATE */
};

/* The value of an option, or NULL / false / dflt if it wasn't given. */
bool given(const struct invocation *in, const char *name);
const char *opt_text(const struct invocation *in, const char *name);
int64_t opt_number(const struct invocation *in, const char *name, int64_t dflt);

/* Talk, to stderr; say() is silent with --quiet. */
void say(const struct invocation *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the error and returns its exit status: the one place where errors become statuses. */
enum status fail(const struct err *e);
/* May this go on? Asks on a terminal, refuses without one, agrees with --yes. `what` is the
 * question. */
enum status confirm(struct invocation *in, const char *what);
/* True once Ctrl-C was pressed: stop between batches, say how far it got, return
 * STATUS_INTERRUPTED. */
bool interrupted(void);

/* Looks up a user by name or uuid / a channel by "public", "alice,bob" or id. STATUS_NOT_FOUND is
 * complained about. `name` gets the stored username (NAME_MAX_BYTES + 1), may be NULL. */
enum status find_user(struct invocation *in, const char *text, struct uuid *out, char *name);
enum status find_channel(struct invocation *in, const char *text, struct channel_id *out);
/* "public" or "alice,bob" (uuids for users without a record), into size bytes; returns out. */
const char *channel_name(struct invocation *in, const struct channel_id *ch, char *out,
                         size_t size);

#endif
