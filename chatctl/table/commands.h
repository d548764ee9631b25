/* commands - the one table of everything chatctl can do. The parser, --help at every level,
 * completion, the shell and the man page's synopsis are made from it; a command is named nowhere
 * else. */
#ifndef CHATCTL_TABLE_COMMANDS_H
#define CHATCTL_TABLE_COMMANDS_H

#include "chatctl/table/command.h"

/* The groups that it is made of, one or two a cmd_*.c file. Each ends with verb NULL. */
extern const struct command CMD_USER[];
extern const struct command CMD_SESSION[];
extern const struct command CMD_NODE[];
extern const struct command CMD_CHANNEL[];
extern const struct command CMD_MESSAGE[];
extern const struct command CMD_SEND[]; /* message send */
extern const struct command CMD_EXPORT[];
extern const struct command CMD_IMPORT[];
extern const struct command CMD_FSCK[];
extern const struct command CMD_PURGE[]; /* channel purge, purges, restore */
extern const struct command CMD_SELF[];  /* help */

/* All of them, group after group, in the order of the help; NULL past the end. */
const struct command *commands_at(size_t i);

#endif
