/* command - what a command is: a noun and a verb (`user list`) or a verb alone (`export`), with
 * positional arguments and options; one function, which finds its arguments parsed and checked. */
#ifndef CHATCTL_TABLE_COMMAND_H
#define CHATCTL_TABLE_COMMAND_H

#include "chatctl/table/opt.h"
#include "chatctl/table/status.h"

#include <stddef.h>

struct param {
    const char *name; /* "USER" */
    enum value value;
    bool optional, many; /* many: the last one may be repeated */
};

struct command {
    const char *noun, *verb;    /* noun NULL: the verb stands alone */
    const struct param *params; /* ended by name NULL; NULL = none */
    const struct opt *opts;     /* ended by name NULL; NULL = none but the global ones */
    const char *help;           /* one line */
    const char *details;        /* paragraphs and examples for --help; may be NULL */
    bool no_redis;              /* needs none, or opens it itself */
    enum status (*run)(struct invocation *in);
};

#endif
