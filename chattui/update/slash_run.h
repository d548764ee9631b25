/* slash_run - carries out what was entered with a / before it. `//x` says "/x". Arguments are
 * words, the last of them is the rest of the command where the table says so.
 */
#ifndef CHATTUI_UPDATE_SLASH_RUN_H
#define CHATTUI_UPDATE_SLASH_RUN_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"
#include "chattui/update/slash.h"

#include <stdbool.h>

struct slash_call {
    struct model *m;
    const struct event *e; /* for its uuid */
    struct effects *fx;
    struct conversation *conversation; /* the current one */
    const char *arg[SLASH_ARGS];       /* NUL-terminated; "" = not given */
};

/* Carries out a command that begins with a single slash. A mistake is told in the status line, and
 * the text given back. */
void slash_run(struct model *m, const struct event *e, struct effects *fx);

/* slash_NAME for each row of the table. False: it was not done, the user was told why, and gets the
 * text back. */
#define X(name, ...) bool slash_##name(struct slash_call *call);
SLASH_TABLE(X)
#undef X

#endif
