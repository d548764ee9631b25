/* doctor - is the Redis as the chat needs it? */
#ifndef CHATCTL_DOCTOR_H
#define CHATCTL_DOCTOR_H

#include "chatctl/commands.h"

enum status doctor(struct invocation *in);

#endif
