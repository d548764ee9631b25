/* update - everything that decides: an event comes in, the model changes, and effects say what is
 * to be done outside. Pure: no input or output, no clock, no randomness (the seed in the model
 * apart).
 *
 *     update(m, &event, &fx);
 *     for (size_t i = 0; i < fx.n; i++) carry_out(&fx.items[i]);
 *     effects_clear(&fx);
 *
 * The first event is EV_LOADED; it also begins to connect, or opens the dialogue. The files, from
 * the top: update.c hands events out; update_ui.c, update_dialog.c and slash_run.c take the user's,
 * update_response.c and update_message.c the server's; update_pump.c sends requests that are due;
 * conn.c has the connection and signing in, outbox_send.c entries on their way, conversation.c read
 * marks and drafts, ask.c requests under way.
 */
#ifndef CHATTUI_UPDATE_UPDATE_H
#define CHATTUI_UPDATE_UPDATE_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/model.h"

/* Appends to `fx`. */
void update(struct model *m, const struct event *e, struct effects *fx);

#endif
