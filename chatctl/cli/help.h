/* help - the table as text for people: --help at every level, and the synopsis of the man page. */
#ifndef CHATCTL_CLI_HELP_H
#define CHATCTL_CLI_HELP_H

#include "chatctl/table/invocation.h"
#include "common/base/buf.h"

#define HELP_MAX ((size_t)64 * 1024) /* bytes that hold any of these */

/* All commands; those of a noun; or one command with its arguments, options and examples. */
void help_all(struct buf *out);
void help_noun(struct buf *out, const char *noun);
void help_command(struct buf *out, const struct command *c);
/* "user ban USER [--for TIME] [--reason TEXT]" */
void help_usage(struct buf *out, const struct command *c, bool options);
/* The SYNOPSIS of chatctl.1.scd. */
void help_man_synopsis(struct buf *out);

#endif
