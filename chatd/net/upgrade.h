/* upgrade - the opening handshake of RFC 6455: who gets a WebSocket, and what others are told.
 * Pure. */
#ifndef CHATD_NET_UPGRADE_H
#define CHATD_NET_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>

#define UPGRADE_ANSWER_MAX 512

/* An answer that isn't 101. */
struct refusal {
    unsigned status;
    const char *why;        /* for people and the log; without control characters or quotes */
    unsigned retry_after_s; /* 0: not said */
};

/* Judges a whole head in which head_problem found nothing. `origins`: see head_origin_allowed.
 * .status 101: it gets its WebSocket. */
struct refusal upgrade_judge(const char *head, size_t len, const char *origins);

/* The answer to a head that may have one; returns its length. */
size_t upgrade_accept(const char *head, size_t len, char out[UPGRADE_ANSWER_MAX]);
/* … that may not. The connection is closed after it. */
size_t upgrade_refuse(const struct refusal *r, char out[UPGRADE_ANSWER_MAX]);

#endif
