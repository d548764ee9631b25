/* cmd_node - nodes, numbers, and whether the Redis is as it should be. */
#include "chatctl/cmd.h"

const struct command CMD_NODE[] = {{NULL, NULL, NULL, NULL, NULL, NULL, false, NULL}};
