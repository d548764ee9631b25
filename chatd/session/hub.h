/* hub - which of this node's sessions are joined to which channels, and the fan-out to them. Knows
 * nothing of Redis. Loop thread only. */
#ifndef CHATD_SESSION_HUB_H
#define CHATD_SESSION_HUB_H

#include "chatd/base/frame.h"
#include "chatd/session/reorder.h"
#include "common/base/table.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct session;

/* A live frame that came while the join was under way. */
struct sub_held {
    uint64_t seq;
    struct frame *frame;
};

/* One session's part in one channel. */
struct sub {
    struct channel *channel;
    struct session *session;
    struct sub *next; /* of the same session */
    uint32_t index;   /* in channel->subs */
    bool joined;      /* false: the join is under way, live frames are held */
    uint64_t from;    /* has everything up to this seq */
    struct sub_held *held;
    uint32_t held_count, held_cap;
};

enum bus_state { BUS_OFF, BUS_ASKED, BUS_ON };

/* A join that waits for the channel's subscription. */
struct channel_wait {
    struct channel_wait *next;
    void (*fn)(void *arg, bool subscribed);
    void *arg;
};

struct channel {
    struct table_node node;
    struct channel_id id;
    struct channel *prev, *next; /* all channels, a ring for the quiet check */
    struct sub **subs;
    uint32_t count, cap;
    uint32_t pins;        /* references beside the subs: it stays while there are any */
    uint16_t slot;        /* of its keys in Redis */
    struct reorder order; /* what it holds is delivery.c's */

    /* State of the modules of chatd/channel, each its own. */
    struct {
        enum bus_state state;
        uint16_t link;                /* the shard over whose link it is heard; see bus.h */
        uint64_t asked;               /* the number of its SSUBSCRIBE there; see struct bus_link */
        struct position missed_since; /* where it stood when the subscription was lost; epoch nil:
                                         it wasn't */
        struct channel_wait *waits;
    } bus;
    struct {
        bool reading, listed; /* its stream is being read; is to be read */
        uint64_t due_ms;
        struct channel *next; /* of those whose stream is to be read */
    } repair;
    struct {
        uint32_t in_flight; /* messages of this node that aren't settled */
        bool touched;       /* since presence wrote the index of channels */
    } append;
};

struct hub {
    struct table channels;
    struct channel *ring; /* any of them, NULL if there are none */
    void (*opened)(struct channel *ch, void *arg);
    void (*closed)(struct channel *ch, void *arg); /* before it is freed */
    void *arg;
};

/* The hooks are called as each channel begins and ends. False: no memory. */
bool hub_init(struct hub *h, void (*opened)(struct channel *ch, void *arg),
              void (*closed)(struct channel *ch, void *arg), void *arg);
void hub_free(struct hub *h);

struct channel *hub_find(struct hub *h, const struct channel_id *id); /* or NULL */
/* Finds or makes a channel and pins it; NULL: no memory. */
struct channel *hub_pin(struct hub *h, const struct channel_id *id);
void hub_unpin(struct hub *h, struct channel *ch);

/* Calls fn for every channel, pinned meanwhile; fn may close it and others. */
void hub_each(struct hub *h, void (*fn)(struct channel *ch, void *arg), void *arg);

struct sub *sub_find(const struct session *s, const struct channel *ch); /* or NULL */
/* A sub in the state of joining. NULL: no memory. */
struct sub *sub_open(struct channel *ch, struct session *s);
void sub_close(struct hub *h, struct sub *sub);
/* While the join is under way: keeps what isn't a message for behind its answer. */
void sub_hold(struct sub *sub, struct frame *f);
/* The join is answered with everything up to `from`, of the channel's epoch: lets go what was
 * held beyond that. */
void sub_joined(struct sub *sub, uint64_t from);

/* Gives message `seq` to every joined session that doesn't have it yet; to `sender` (may be NULL)
 * as `own`. Returns to how many. */
uint32_t hub_fan_out(struct channel *ch, uint64_t seq, struct frame *f,
                     const struct session *sender, struct frame *own);
/* A new epoch begins behind `base`; fn is called for each joined session. */
void hub_new_epoch(struct channel *ch, uint64_t base, void (*fn)(struct sub *sub, void *arg),
                   void *arg);

#endif
