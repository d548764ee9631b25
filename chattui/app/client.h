/* client - a running chattui, whatever its frontend: the loop, the model, the network, the journal
 * and the timers. Everything that happens becomes an event; update() decides; the effects are
 * carried out in order: the network's, the journal's and the clock's here, the others by the
 * frontend.
 *
 *     client_init ─▶ client_open ─▶ client_start ─▶ client_load, the loop ─▶ client_finish
 *                        └──────────── false ────────────────────────────────────┴─▶ client_free
 *
 * One thread: the loop's.
 */
#ifndef CHATTUI_APP_CLIENT_H
#define CHATTUI_APP_CLIENT_H

#include "chattui/io/journal.h"
#include "chattui/io/net.h"
#include "chattui/io/settings.h"
#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/model.h"

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

/* A frontend's share; `arg` is the one given to client_init. */
struct frontend {
    /* An event that the model does not know yet; NULL: nothing is to be done about it. */
    void (*coming)(const struct event *e, void *arg);
    /* An effect that is not the client's. May cause events: theirs are behind those under way. */
    void (*carry_out)(const struct effect *fx, void *arg);
    /* An event and all that came of it are done: changes are to be shown. */
    void (*done)(void *arg);
    bool plain; /* there is no dialogue: see struct model_options */
};

struct client {
    const struct tui_settings *settings;
    const struct frontend *frontend;
    void *arg;
    uv_loop_t loop;
    struct model model;
    struct effects fx;
    bool carrying_out; /* effects are being carried out: others are appended to them */
    struct tui_net *net;
    struct tui_journal *journal;
    uv_timer_t wake, patience; /* patience: with the network, at the end */
    char unsaved[256]; /* what the last event could not put on the disk, and why; "" = all was */
    bool ended;
    int status; /* of the program: failure, until client_end says otherwise */
};

/* Fills *c, which is zeroed. The settings are borrowed for its life. */
void client_init(struct client *c, const struct tui_settings *settings,
                 const struct frontend *frontend, void *arg);
/* The model, the journal and the network. False: `why` says what is wrong. */
bool client_open(struct client *c, char *why, size_t size);
void client_start(struct client *c); /* the timers: from here on client_finish is due */
/* Reads what is kept of the user: EV_LOADED, from within. */
void client_load(struct client *c);

/* Fills in the time, updates the model, and carries out what comes of it. */
void client_event(struct client *c, struct event *e);
/* Something that was asked for can't be done: the user is told. */
void client_trouble(struct client *c, const char *text);
/* The program ends with this status when the loop comes round. Only the first time counts. */
void client_end(struct client *c, int status);

/* Says goodbye to the server and closes the client's handles. The frontend has closed its own. */
void client_finish(struct client *c);
void client_abandon(struct client *c); /* the same before client_start: what client_open opened */
void client_free(struct client *c);    /* not *c itself */

#endif
