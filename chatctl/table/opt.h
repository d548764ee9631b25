/* opt - the options of a command, as the table describes them and as a command line gives them. */
#ifndef CHATCTL_TABLE_OPT_H
#define CHATCTL_TABLE_OPT_H

#include <stdbool.h>
#include <stdint.h>

/* An argument or an option's value: parsed accordingly, and completed accordingly. */
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

struct parsed_opt {
    const struct opt *opt;
    const char *text;
    int64_t number; /* VALUE_NUMBER, _DURATION, _DATE */
};

struct invocation;

/* The value of an option, or false / NULL / dflt if it wasn't given. Of one given twice the last
 * counts. */
bool opt_given(const struct invocation *in, const char *name);
const char *opt_text(const struct invocation *in, const char *name);
int64_t opt_number(const struct invocation *in, const char *name, int64_t dflt);

#endif
