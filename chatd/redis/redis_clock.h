/* redis_clock - the time by Redis' clock, which all nodes share: what expires does so by it, or a
 * node whose own clock is wrong would refuse what is good, and drop it for the others, too. */
#ifndef CHATD_REDIS_REDIS_CLOCK_H
#define CHATD_REDIS_REDIS_CLOCK_H

#include "chatd/redis/redis.h"

/* Looks at it: behind each break of the link and every few seconds, since Redis may be another, and
 * its clock may be set. What is sent behind it finds it known. */
void redis_clock_ask(struct redis *r);
/* In ms since 1970; by our own clock until Redis has answered once. */
int64_t redis_clock_now(const struct redis *r);

#endif
