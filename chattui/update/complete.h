/* complete - what Tab makes of the input: people, /commands and their arguments.
 *
 * Completion goes through all that fits, one more at each Tab, and back by Shift+Tab; any other
 * change of the input ends it. People who spoke last come first.
 */
#ifndef CHATTUI_UPDATE_COMPLETE_H
#define CHATTUI_UPDATE_COMPLETE_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/model/model.h"

/* EV_COMPLETE: asks for SET_INPUT with the next one, if there is one. */
void complete_next(struct model *m, const struct event *e, struct effects *fx);
/* The input changed: unless it was by completion, this one has ended. */
void complete_end(struct model *m, const char *text, size_t len);

#endif
