/* commands - see commands.h. The one file that names what lies above it. */
#include "chatctl/table/commands.h"

static const struct command *const GROUPS[] = {CMD_USER,    CMD_SESSION, CMD_CHANNEL, CMD_PURGE,
                                               CMD_MESSAGE, CMD_SEND,    CMD_EXPORT,  CMD_IMPORT,
                                               CMD_NODE,    CMD_FSCK,    CMD_SELF};

const struct command *commands_at(size_t i) {
    for (size_t g = 0; g < sizeof GROUPS / sizeof *GROUPS; g++)
        for (const struct command *c = GROUPS[g]; c->verb; c++)
            if (i-- == 0)
                return c;
    return NULL;
}
