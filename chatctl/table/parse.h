/* parse - command lines, by the table. Words are fed one by one, so that completion, which stops in
 * the middle, sees the line as the parser does.
 *
 * Global options may stand anywhere, a command's own behind its verb; `--` ends the options.
 * Nothing may be abbreviated: a script must not change its meaning when an option is added.
 */
#ifndef CHATCTL_TABLE_PARSE_H
#define CHATCTL_TABLE_PARSE_H

#include "chatctl/table/invocation.h"

#define WHY_MAX 256

/* The options that every command has; ended by name NULL. */
extern const struct opt GLOBAL_OPTS[];

/* A command line, as far as its words have been fed. Texts borrow from the words. */
struct command_line {
    const char *redis, *prefix, *config, *format, *timeout; /* NULL: not given */
    bool json, yes, dry_run, quiet, no_color, no_pager, help, version;
    const char *noun; /* the first word, when it is a noun */
    const struct command *command;
    const char **args;
    size_t nargs;
    struct parsed_opt *parsed;
    size_t nparsed;
    const struct opt *pending; /* an option that waits for its value */
    bool only_args;            /* behind -- */
    size_t room;               /* words that args and parsed have room for */
    char why[WHY_MAX];         /* what is wrong */
};

/* For at most `words` words. False: out of memory. */
bool parse_init(struct command_line *l, size_t words);
void parse_free(struct command_line *l);
/* False: l->why says what is wrong with this word. */
bool parse_feed(struct command_line *l, const char *word);
/* The end: are all arguments there, and all values what they must be? `now_ms` is what "30d" ago
 * counts from. */
bool parse_finish(struct command_line *l, int64_t now_ms);
/* Counts "30d" ago from another now: that of the server, once it is known. */
void parse_dates(struct command_line *l, int64_t now_ms);

/* The option of this name that is possible here, or NULL. */
const struct opt *parse_find_opt(const struct command_line *l, const char *name, size_t len);

/* A value as text. False: `why` (WHY_MAX) says what is expected. */
bool parse_value(const struct opt *o, const char *text, int64_t now_ms, int64_t *out, char *why);

#endif
