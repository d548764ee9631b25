/* resp - a command as the bytes that Redis reads (RESP: *3 $3 SET …). Pure.
 *
 * hiredis' redisFormatCommandArgv goes through sprintf twice an argument, which was a sixth of all
 * instructions that a stored message cost. */
#ifndef COMMON_REDIS_RESP_H
#define COMMON_REDIS_RESP_H

#include "common/redis/cmd.h"

/* Returns the bytes, to be freed, and their number; NULL when there is no memory or the command has
 * failed. */
char *resp_format(const struct cmd *c, size_t *len);

#endif
