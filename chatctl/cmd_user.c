/* cmd_user - users and their sessions. */
#include "chatctl/cmd.h"

const struct command CMD_USER[] = {{NULL, NULL, NULL, NULL, NULL, NULL, false, NULL}};
const struct command CMD_SESSION[] = {{NULL, NULL, NULL, NULL, NULL, NULL, false, NULL}};
