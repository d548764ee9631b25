/* update - everything that decides: an event comes in, the model changes, and effects say what is
 * to be done outside. Pure: no input or output, no clock, no randomness (the seed in the model
 * apart).
 *
 *     update(m, &event, &fx);
 *     for (size_t i = 0; i < fx.n; i++) carry_out(&fx.items[i]);
 *     effects_clear(&fx);
 *
 * The first event is EV_LOADED; it also begins to connect, or opens the dialogue. Where things are:
 * update_net.c the connection and signing in; update_response.c what the server says; update_send.c
 * what is due to be sent, the outbox among it; update_ui.c actions, drafts and scrolling; slash.c
 * commands.
 */
#ifndef CHATTUI_UPDATE_UPDATE_H
#define CHATTUI_UPDATE_UPDATE_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/model.h"

/* Appends to `fx`. */
void update(struct model *m, const struct event *e, struct effects *fx);

#endif
