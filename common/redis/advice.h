/* advice - settings of Redis that nothing depends on, and what suits a chat better than what Redis
 * comes with: an embedded one has them, `chatctl doctor` tells of them. */
#ifndef COMMON_REDIS_ADVICE_H
#define COMMON_REDIS_ADVICE_H

/* stream-node-max-bytes. A stream's first message takes this much at once. Half of Redis' own 4096
 * makes a private channel of a few messages 2 kB smaller, and a message of a long one 11 % larger;
 * a quarter would save 3 kB, and cost 46 %. */
#define ADVICE_NODE_BYTES 2048

#endif
