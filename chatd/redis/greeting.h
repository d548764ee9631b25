/* greeting - the handshake of a link to Redis: authentication, database, name, role, permissions,
 * durability, schema, scripts. All of it is asked at once; each answer lets the link go on, try
 * again later, or tells that the server refuses us for good. Loop thread only. */
#ifndef CHATD_REDIS_GREETING_H
#define CHATD_REDIS_GREETING_H

#include "chatd/redis/redis_link.h"
#include "common/redis/reply.h"

enum greeting_end {
    GREETING_DONE,   /* all was answered well */
    GREETING_LATER,  /* not now: see `why` */
    GREETING_REFUSED /* not before somebody changes something */
};

struct grant;

struct greeting {
    /* Dependencies. */
    const struct redis_uri *uri;
    const struct keyspace *ks;
    const char *name; /* shows in CLIENT LIST */
    const struct redis_link_hooks *link;
    struct cmd *cmd; /* scratch */
    /* Sends *cmd. A lost answer is called back with NULL, which ends nothing here: the link has
     * gone down then. */
    void (*send)(struct redis_link *l, const struct cmd *c, link_reply_fn fn, void *arg,
                 link_aux aux);
    void (*end)(struct redis_link *l, enum greeting_end how, const char *why);
    struct redis_link *arg; /* theirs */

    unsigned due;              /* answers to come */
    const struct grant *asked; /* the last permission that an answer came for */
    bool evicts;               /* it was told that the server throws data away */
    bool told;                 /* that the server isn't set up to keep much */

    /* Of the server, as it has said. */
    char run[RUN_MAX + 1];
};

/* Asks for everything; `end` is called once, unless the link goes down. */
void greeting_begin(struct greeting *g);

#endif
