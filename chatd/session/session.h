/* session - one client connection: its user, its channels, the frames that wait to be written.
 *
 * Life: made when the WebSocket is established; when the socket is gone (`wsi` NULL) it stays until
 * the requests that had arrived have been carried out, and is freed then. So a request may keep a
 * pointer to its session. Outbound frames gather in the session's queue during one turn of the
 * loop; sessions with something queued stand on a list, and sessions_flush writes each with one
 * call at the turn's end. Loop thread only.
 */
#ifndef CHATD_SESSION_SESSION_H
#define CHATD_SESSION_SESSION_H

#include "chatd/base/frame.h"
#include "chatd/session/limits.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct lws;
struct op;
struct sub;

struct sessions;

/* Doubly linked, so that removal costs nothing. */
struct link_node {
    struct session *prev, *next;
};

struct session {
    struct sessions *all;
    struct lws *wsi; /* NULL: the socket is gone */
    struct uuid uuid;
    struct address *address;

    struct account *account; /* NULL: not signed in */
    char key_hash[KEY_HASH_TEXT + 1];
    uint64_t key_mark; /* of the key that belongs to key_hash, once it was sent; see auth.c */
    struct link_node same_account;
    bool signing_out; /* its signOut is under way */
    struct sub *subs;
    uint32_t sub_count;

    /* requests, oldest first; see op.h */
    struct op *op_head, *op_tail;
    uint32_t op_count, op_started;
    const struct channel *append_to; /* all started requests are appends to this one, or NULL */
    struct bucket rate;
    uint16_t bad_in_a_row, flooded, fragments;
    bool paused;
    bool advancing;             /* its requests are being started; see op.h */
    bool queued;                /* for admission … */
    struct session *queue_next; /* … see admission.h */

    /* outbound */
    bool dirty, choked, pinged, said_goodbye;
    bool peer_done, peer_ended; /* no close frame is waited for; nor anything else */
    bool echo;                  /* our close frame repeats the peer's code … */
    uint16_t peer_code;         /* … this */
    enum close_code finishing;  /* not CLOSE_NONE: what comes is ignored; to be closed so when all
                                   requests are answered … */
    enum close_code closing;    /* … as this is: when the queue is empty */
    uint16_t out_head, out_count, out_cap;
    struct frame **out; /* a ring */
    uint32_t out_bytes;
    struct session *dirty_next;

    uint32_t part_len, part_cap; /* a message that arrives in pieces */
    char *part;
    uint64_t heard_ms;      /* last sign of life */
    uint64_t policed_ms;    /* since when is_noisy counts … */
    uint64_t came_bytes;    /* … what came … */
    uint64_t counted_bytes; /* … of which in text frames, which have limits of their own */
    uint64_t unsigned_ms;   /* since when it isn't signed in */
    struct link_node heard; /* all sessions, longest silent first */
    struct link_node unsig; /* those not signed in, longest first */
    bool begun;             /* it isn't signed in, and some of a frame has come … */
    uint64_t begun_ms;      /* … since then */
    struct link_node half;  /* those, longest first */
};

struct session_list {
    struct session *first, *last;
};

struct sessions {
    struct session_list heard, unsig, half;
    struct session *dirty, *dirty_last;
    uint64_t count; /* alive, closing ones included */
    uint64_t max_outbound;
    uint64_t sent_bytes, slow; /* ever: written, and cut off as slow consumers */
    uint32_t resume_below; /* a paused session is read again when it has fewer requests waiting */
    struct frame *ping;
    bool policed,
        policed_loopback; /* are pings and the like limited, and from the loopback, too? */
    void (*gone)(struct session *s); /* the socket is gone and no request is left: clean up */
};

/* `gone` is called once per session, before it is freed. */
bool sessions_init(struct sessions *all, uint64_t max_outbound, void (*gone)(struct session *s));
void sessions_free(struct sessions *all);

/* For a socket that is open; takes the address over. `rate` is the limit on its requests a second.
 * NULL: no memory. */
struct session *session_new(struct sessions *all, struct lws *wsi, struct address *address,
                            uint64_t rate, uint64_t now_ms);
/* The socket is gone. May free the session. */
void session_detach(struct session *s);
/* Frees it if the socket is gone and no request is left. */
void session_release(struct session *s);

/* Queues a frame (takes its own reference). A session over its cap is cut off as a slow consumer.
 */
void session_push(struct session *s, struct frame *f);
/* Encoded JSON as a frame; the buf is reset. */
void session_push_json(struct session *s, struct buf *json);
/* Nothing is read any more until some of its requests are answered. */
void session_pause(struct session *s);
/* Closes once everything queued is written; the first reason counts. Reading stops at once. */
void session_close(struct session *s, enum close_code code);

/* The same once all requests that came before are answered. What comes now is ignored. */
void session_finish(struct session *s, enum close_code code);
/* The peer's close frame came, to be answered with `answer` (0: a code was not said). The requests
 * before it are answered first. */
void session_goodbye_came(struct session *s, unsigned answer);
/* What the peer sends can't be read. */
void session_broken(struct session *s);
/* The peer ended its side of the connection and may read on. True: it is owed something, and closed
 * when it has that. */
bool session_ended(struct session *s);
/* Is all said, on both sides? What is left is the end of the peer's socket. */
bool session_is_over(const struct session *s);
/* … on this wsi, which takes nothing but what is written. */
void session_moved(struct session *s, struct lws *wsi);

/* Something arrived: keeps the order of `heard`. Now and then the bytes that no limit on requests
 * counts are policed, such as pings: too many close the session. */
void session_heard(struct session *s, uint64_t now_ms);
/* Marks as signed in or not (the sign-in deadline starts anew). */
void session_mark_signed(struct session *s, bool in, uint64_t now_ms);

/* Notes whether one that isn't signed in is amid a frame: that may not take long. */
void session_mark_begun(struct session *s, bool begun, uint64_t now_ms);

/* Writes what is queued, one write a session. At the end of each turn of the loop. Returns how many
 * sessions had something. */
size_t sessions_flush(struct sessions *all);
/* The bytes that wait for its client to read them: its queue's, and the kernel's if it lags. */
size_t session_unread(const struct session *s);
/* The socket takes bytes again. */
void session_writeable(struct session *s);
/* Pings the silent, cuts off the dead, those that don't sign in, and sooner those that have begun
 * to say so. About twice a second. */
void sessions_sweep(struct sessions *all, uint64_t now_ms, uint64_t ping_ms, uint64_t sign_in_ms);
void sessions_each(struct sessions *all, void (*fn)(struct session *s, void *arg), void *arg);

#endif
