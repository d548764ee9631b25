/* doctor - is the Redis as the chat needs it? */
#ifndef CHATCTL_COMMANDS_DOCTOR_H
#define CHATCTL_COMMANDS_DOCTOR_H

#include "chatctl/table/invocation.h"

enum status doctor(struct invocation *in);

#endif
