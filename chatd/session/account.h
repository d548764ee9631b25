/* account - the users who are signed in on this node. Each is one struct account, shared by their
 * sessions here; as long as there is one, the node listens on the user's bus and counts as a place
 * where the user is online. Loop thread only. */
#ifndef CHATD_SESSION_ACCOUNT_H
#define CHATD_SESSION_ACCOUNT_H

#include "chatd/base/names.h"
#include "chatd/redis/redis.h"
#include "chatd/session/hub.h"
#include "chatd/session/session.h"
#include "common/base/table.h"
#include "common/proto/model.h"
#include "common/redis/event.h"

struct account {
    struct table_node node;
    struct uuid uuid;
    char name[NAME_MAX_BYTES + 1];
    uint8_t name_len;
    bool listed; /* in the table: it has sessions */
    struct {
        uint16_t link;  /* the shard over whose link it is heard, or NO_SHARD: it isn't */
        uint64_t asked; /* the number of its SSUBSCRIBE there */
    } bus;
    uint32_t refs;                      /* sessions and requests */
    struct bucket rate[KEEPER_BUCKETS]; /* of all its sessions here */
    struct session *sessions;           /* linked by same_account */
};

enum { ACCOUNT_REQUESTS, ACCOUNT_LEAVES };

struct accounts {
    /* Dependencies, set before accounts_init. */
    struct redis *redis;
    struct hub *hub;
    struct names *names;
    void (*came)(struct account *acc, void *arg); /* the first session signed in */
    void (*went)(struct account *acc, void *arg); /* the last one is gone */
    void *arg;

    struct table table;
    struct keeper keeper; /* of the rates of users who have gone */
};

bool accounts_init(struct accounts *a); /* false: no memory */
void accounts_free(struct accounts *a);
struct account *account_find(struct accounts *a, const struct uuid *user);
struct account *account_ref(struct account *acc);
void account_unref(struct account *acc);

/* Signs a session in (or, if it is the same user, gives it another key). Out of memory closes it.
 */
void account_enter(struct accounts *a, struct session *s, const struct uuid *user, const char *name,
                   size_t name_len, const char *key_hash);
/* Signs it out: it leaves its channels too. Does nothing if it isn't signed in. */
void account_leave(struct accounts *a, struct session *s);

/* Asks Redis whether the user and the keys in use are still good, and signs out the sessions of
 * those that aren't: an event may have been missed. */
void account_check(struct accounts *a, struct account *acc);
/* Another node or chatctl says that what the user is called may have changed. */
void account_forget_name(struct accounts *a, const struct uuid *user);
/* Something came on the user's bus. */
void account_event(struct accounts *a, struct account *acc, const struct event *ev);

#endif
