/* effect - what update() wants done: a list, carried out in order by the frontend, then cleared.
 *
 * Strings live in the list's own memory until effects_clear. The list is bounded; update() never
 * asks for more than fits, since it sends only as many requests as may be under way (ASKS_MAX).
 */
#ifndef CHATTUI_MODEL_EFFECT_H
#define CHATTUI_MODEL_EFFECT_H

#include "chattui/base/saved.h"
#include "common/proto/model.h"
#include "common/proto/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum effect_kind {
    /* For net. */
    EFFECT_CONNECT, /* text: the server's URL. One connection at a time: the former was closed */
    EFFECT_CLOSE,   /* close the connection, or stop opening it. No EV_NET_CLOSED comes of it */
    EFFECT_SEND,    /* request: to be composed and sent */

    /* For journal. */
    EFFECT_SAVE_KEY,    /* user, name, key: for this server */
    EFFECT_LOAD,        /* uuid: we are this user now, whose files were not read yet: EV_LOADED with
                         * its conversations and entries (the rest of it isn't looked at) */
    EFFECT_FORGET_KEY,  /* the server refused it, or signed us out */
    EFFECT_OUTBOX_ADD,  /* entry: durably, before EV_PERSISTED answers. Again with the same uuid: it
                         * replaces (its `from` became known); then nobody waits for it, but
                         * it must be on disk before the effects behind it are carried out */
    EFFECT_OUTBOX_DROP, /* uuid: stored by the server, or given up by the user */
    EFFECT_SAVE_CONVERSATION, /* conversation: as it is now, its draft included */
    EFFECT_READ_PASSWORD,     /* from the configured file or command; EV_PASSWORD answers */

    /* For the frontend. */
    EFFECT_SET_INPUT, /* text, cursor: the draft becomes this */
    EFFECT_BELL,
    EFFECT_NOTIFY,   /* title, text: foreign text, to be sanitized */
    EFFECT_OPEN_URL, /* text: http or https, printable ASCII; no shell */
    EFFECT_EDITOR,   /* text: open it in the editor; the result is the new draft (EV_DRAFT) */
    EFFECT_WAKE,     /* at_ms: EV_TICK then (monotonic), instead of the time asked for before */
    EFFECT_QUIT      /* status */
};

struct effect {
    enum effect_kind kind;
    const char *text; /* NUL-terminated; "" when not said */
    size_t len;       /* of text */
    const char *title;
    size_t cursor;
    struct uuid uuid;       /* OUTBOX_DROP; SAVE_KEY, LOAD: the user */
    const char *name, *key; /* SAVE_KEY */
    uint64_t at_ms;
    int status;
    struct request *request; /* SEND: strings inside the list; id.json is a number */
    struct saved_entry *entry;
    struct saved_conversation *conversation;
};

#define EFFECTS_MAX 512
#define EFFECTS_BYTES (8u << 20)

struct effects {
    size_t n;
    struct effect items[EFFECTS_MAX];
    struct effects_block *blocks; /* of the strings; never moved */
    size_t bytes;
    bool overrun; /* something did not fit, or there was no memory: a defect; it was dropped */
};

void effects_init(struct effects *fx);
void effects_clear(struct effects *fx); /* wipes the strings: there may be a password among them */
void effects_free(struct effects *fx);

/* For update(): adds one, zeroed but for its kind and empty strings; never NULL (what doesn't fit
 * goes into a spare one that nobody sees). */
struct effect *effects_add(struct effects *fx, enum effect_kind kind);
/* Copies of bytes, and zeroed room, with the life of the list; NUL behind. "" when there is no
 * memory. */
char *effects_copy(struct effects *fx, const char *s, size_t len);
void *effects_room(struct effects *fx, size_t size); /* NULL: no memory */
/* Asks for SET_INPUT with a copy of the text. */
void effects_set_input(struct effects *fx, const char *text, size_t len, size_t cursor);

#endif
