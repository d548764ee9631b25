/* user_commands - the functions behind the rows of CMD_USER, which are in cmd_user.c. */
#ifndef CHATCTL_COMMANDS_USER_COMMANDS_H
#define CHATCTL_COMMANDS_USER_COMMANDS_H

#include "chatctl/table/invocation.h"

/* user_list.c */
enum status user_list(struct invocation *in);
enum status user_show(struct invocation *in);
/* user_edit.c */
enum status user_add(struct invocation *in);
enum status user_passwd(struct invocation *in);
enum status user_rename(struct invocation *in);
enum status user_delete(struct invocation *in);
/* user_ban.c */
enum status user_ban(struct invocation *in);
enum status user_unban(struct invocation *in);
enum status user_kick(struct invocation *in);

#endif
