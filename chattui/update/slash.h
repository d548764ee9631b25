/* slash - the /commands. One table: parsing, checks, /help, completion and the manual page's
 * section come from it.
 *
 * A line that begins with / is a command; `//x` says "/x". Arguments are words, the last of them is
 * the rest of the line where the table says so.
 */
#ifndef CHATTUI_UPDATE_SLASH_H
#define CHATTUI_UPDATE_SLASH_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/model.h"

#include <stdbool.h>
#include <stddef.h>

/* What Tab offers for an argument. */
enum slash_value {
    SLASH_TEXT,    /* names of people in the channel */
    SLASH_USER,    /* anybody */
    SLASH_CHANNEL, /* what is in the list */
    SLASH_SETTING,
    SLASH_COMMAND,
    SLASH_ALIAS,
    SLASH_WORDS /* those of `words` */
};

#define SLASH_ARGS 2

struct slash_call {
    struct model *m;
    const struct event *e; /* for its uuid */
    struct effects *fx;
    struct channel *channel;     /* the current one */
    const char *arg[SLASH_ARGS]; /* NUL-terminated; "" = not given */
};

struct slash_def {
    const char *name; /* without the slash */
    const char *args; /* "NAME [TEXT]", for people */
    const char *help;
    unsigned least, most; /* how many arguments; the last one is the rest of the line */
    enum slash_value values[SLASH_ARGS];
    const char *words;                    /* SLASH_WORDS: separated by | */
    bool (*run)(struct slash_call *call); /* see slash_run.h */
};

const struct slash_def *slash_at(size_t i); /* in the order of the help; NULL past the end */
const struct slash_def *slash_find(const char *name, size_t len);

/* Also for the configuration file. NULL: done; else what is wrong, a literal. */
const char *alias_set(struct model *m, const char *name, const char *text);

/* Carries out a line that begins with a single slash. What is wrong is said in the status line, and
 * the line given back. */
void slash_run(struct model *m, const struct event *e, struct effects *fx);

#endif
