/* outbox - messages that were entered and are not known to be stored. An entry is here, and in the
 * journal on disk, from Enter until the server's acknowledgement, whatever happens to the
 * connection, the program or the machine in between; its message UUID is made once, so that sending
 * it again can't double it.
 *
 * How an entry goes:
 *
 *   SAVING ──on disk──▶ READY ──sent──▶ SENT ──own UUID comes back──▶ gone (stored at its seq)
 *                         ▲              │ connection lost, or error that may pass
 *                         └── WAIT ◀─────┤ (after a while, same UUID)
 *                         └── CHECK ◀────┤ connection lost, OUTBOX_SURE_MS after the first try
 *                                        └──▶ FAILED: error that will not pass; /retry, /discard
 *
 * One entry of a channel is under way at a time. It costs a round trip an entry, and keeps an entry
 * from overtaking one that was refused for the moment; and of each channel at most one has an
 * unknown fate when the connection goes.
 *
 * A failed entry stays so, over restarts too, until the user decides: nothing that was refused is
 * sent again behind anybody's back. Without a screen (--plain) nobody would decide: there the exit
 * status tells, and it is not kept.
 *
 * The server knows a message UUID for 10 minutes. An older entry of unknown fate is not sent
 * blindly, but looked for: if it was stored, then behind the place where the channel stood when it
 * was first sent (`from`). CHECK joins the channel anew and waits until the timeline holds
 * everything behind that: then either the message was found there, or it was never stored and is
 * sent. If the numbering changed meanwhile nobody can tell, and the entry fails, saying so.
 */
#ifndef CHATTUI_MODEL_OUTBOX_H
#define CHATTUI_MODEL_OUTBOX_H

#include "common/base/err.h"
#include "common/proto/model.h"
#include "common/proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX 1000
#define OUTBOX_BYTES_MAX (4u << 20)
#define OUTBOX_SURE_MS (9 * 60 * 1000) /* the server's 10 minutes, less a margin */

enum outbox_state { OUT_SAVING, OUT_READY, OUT_SENT, OUT_WAIT, OUT_CHECK, OUT_FAILED };

struct outbox_entry {
    struct uuid uuid;
    struct recipient to;
    enum outbox_state state;
    uint64_t order;       /* of entering */
    int64_t created_ms;   /* wall clock */
    uint64_t tried_ms;    /* monotonic: the first try; 0 = none by this process */
    bool was_sent;        /* or may have been; the journal says so before it is */
    struct position from; /* was_sent: where the channel stood before */
    bool refused;         /* the journal says so */
    bool old;             /* from an earlier run: tried not before created_ms */
    bool sure;            /* it is known not to be stored, or the user wants it sent in any case */
    unsigned checks;      /* CHECK: pages that may still be looked through */
    unsigned tries;
    uint64_t retry_ms; /* WAIT: when */
    uint64_t ask;      /* SENT: the request's id */
    unsigned error;    /* FAILED: enum err_code; 0 = none of the server's */
    char why[160];     /* FAILED, WAIT: for people; foreign text; "" = none */
    size_t len;
    char text[]; /* NUL-terminated */
};

struct outbox {
    struct outbox_entry **entries; /* in the order of entering */
    size_t n, cap, bytes;
    uint64_t last_order;
};

void outbox_free(struct outbox *o);
/* Enters a copy. NULL: full, or no memory. */
struct outbox_entry *outbox_add(struct outbox *o, const struct uuid *uuid,
                                const struct recipient *to, const char *text, size_t len);
struct outbox_entry *outbox_find(const struct outbox *o, const struct uuid *uuid);
/* The one that is next of its channel: the first that has not failed; NULL = none. */
struct outbox_entry *outbox_next(const struct outbox *o, const struct recipient *to);
void outbox_drop(struct outbox *o, struct outbox_entry *entry); /* frees it */
/* How many entries of a channel (NULL: of all) wait or have failed. */
size_t outbox_count(const struct outbox *o, const struct recipient *to, bool failed);
/* May it have been stored more than OUTBOX_SURE_MS ago without our knowing? */
bool outbox_doubtful(const struct outbox_entry *entry, uint64_t now_ms, int64_t wall_ms);

bool recipient_eq(const struct recipient *a, const struct recipient *b);

#endif
