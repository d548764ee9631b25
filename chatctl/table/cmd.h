/* cmd - the groups that the table of commands is made of, one a cmd_*.c file. Each ends with verb
 * NULL and is listed in commands.c. */
#ifndef CHATCTL_TABLE_CMD_H
#define CHATCTL_TABLE_CMD_H

#include "chatctl/table/commands.h"

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

#endif
