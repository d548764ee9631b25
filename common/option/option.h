/* option - one table of options makes flags, environment, config file keys, defaults, --help, and
 * (for completion and man pages) a listing. Flag > environment > file > default.
 *
 * A program declares `static const struct option_def OPTIONS[]` ended by a row with name NULL, and
 * one struct of settings that the rows point into by offset. libconfuse is used only in
 * option_file.c.
 */
#ifndef COMMON_OPTION_OPTION_H
#define COMMON_OPTION_OPTION_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_STR,      /* char *: allocated; free with option_free */
    OPTION_BOOL,     /* bool: flag alone = true; elsewhere yes/no/true/false/on/off/1/0 */
    OPTION_NUM,      /* uint64_t in [min, max] */
    OPTION_SIZE,     /* uint64_t bytes in [min, max]: 4096, 64k, 16M, 1G (powers of 1024) */
    OPTION_DURATION, /* uint64_t milliseconds in [min, max]: 500ms, 10s, 5m, 2h, 30d; bare = seconds
                      */
    OPTION_CHOICE    /* char *: one of the words in `choices`, separated by | */
};

struct option_def {
    const char *name; /* "log-level": --log-level, CHATD_LOG_LEVEL, log-level = … in the file */
    char letter;      /* short flag, or 0 */
    enum option_type type;
    size_t offset;       /* offsetof(struct settings, field) */
    const char *dflt;    /* as text; NULL = unset (NULL string) */
    uint64_t min, max;   /* numeric types */
    const char *choices; /* OPTION_CHOICE */
    const char *arg;     /* placeholder in help: "HOST:PORT" */
    const char *help;    /* one line; "" hides it from --help */
    const char *group;   /* heading in --help; NULL = same as the row before */
};

struct option_program {
    const char *name;     /* "chatd" */
    const char *env;      /* "CHATD_" */
    const char *synopsis; /* after "usage: " */
    const char *about;    /* one paragraph */
    const struct option_def *options;
    /* Config files read, where they exist, when --config isn't given: each is laid over the one
     * before. Ended by NULL; NULL = none. */
    const char *const *default_files;
    /* Called, if not NULL, for each value that stands in a file. */
    void (*on_file_value)(void *settings, const struct option_def *d, const char *path);
    /* Told, if not NULL, what is wrong, in one line, instead of stderr. */
    void (*complain)(const char *message);
    /* The file is read again: what isn't a regular one, and so may be empty by now or keep its
     * reader waiting, is refused. */
    bool again;
};

enum option_outcome {
    OPTION_RUN,  /* settings are filled, go on */
    OPTION_EXIT, /* --help or --version was printed to stdout: exit 0 */
    OPTION_LOST, /* … and could not be written there: exit 1 */
    OPTION_ERROR /* message on stderr, with file:line or the flag's name: exit 2 */
};

/* Fills `settings` (zeroed by the caller): defaults, then the file named by --config (or
 * <env>CONFIG, or else the default_files), then the environment, then argv. --help, --version and
 * --config FILE are built in (not rows of the table). Positional arguments are refused. Flags are
 * `--name value`,
 * `--name=value`, `-x value`; `--no-name` for booleans; did-you-mean for an unknown one. A value
 * out of range, an unknown key (file:line), a missing or unreadable file (only when named) is
 * OPTION_ERROR. */
enum option_outcome option_load(const struct option_program *p, int argc, char **argv,
                                void *settings, const char *version);
int option_status(enum option_outcome outcome); /* the program's exit status */
void option_free(const struct option_program *p, void *settings);

/* The text of --help: groups, flags aligned, defaults in brackets. */
void option_help(const struct option_program *p, struct buf *out);
/* The same for a man page, as scdoc: flags, or what the config file may say. The latter ends before
 * the group OPTION_INSTEAD, which is the table's last. */
#define OPTION_INSTEAD "Instead of running"
void option_man(const struct option_program *p, bool as_settings, struct buf *out);
/* A text there, with what scdoc gives a meaning to escaped. */
void option_man_text(struct buf *out, const char *s);
/* A TSV row an option: name, letter, type, arg, default, help. For completions and docs. */
void option_list(const struct option_program *p, struct buf *out);

/* Have two settings different values for this row? */
bool option_differs(const struct option_def *d, const void *a, const void *b);
/* Exchanges them. */
void option_swap(const struct option_def *d, void *a, void *b);

/* Parses one value as the row says into the field at `settings` + offset. False: `why` (size bytes)
 * says what is expected. Exposed for tests and reloads. */
bool option_set(const struct option_def *d, void *settings, const char *text, char *why,
                size_t size);

#endif
