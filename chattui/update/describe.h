/* describe - gaps, states and the outbox in words. One place, so that the
 * screen and --plain say the same. Foreign text in them is still raw.
 */
#ifndef CHATTUI_UPDATE_DESCRIBE_H
#define CHATTUI_UPDATE_DESCRIBE_H

#include "chattui/model/keymap.h"
#include "chattui/model/model.h"
#include "common/base/buf.h"

/* A gap or epoch row. */
void describe_row(struct buf *out, const struct row *r);
/* The top of the timeline: "the beginning of the conversation"; "" for TOP_UNKNOWN. */
const char *describe_top(enum timeline_top top);
/* How a pending row stands: "sending", "waiting for the connection", "failed: too long - /retry,
 * /discard". */
void describe_pending(struct buf *out, const struct model *m, const struct row *r);
/* The connection: "online", "reconnecting in 3 s"; describe_conn also says why. */
void describe_conn_state(struct buf *out, const struct model *m);
void describe_conn(struct buf *out, const struct model *m);
/* The connection's trouble; "" = none. */
const char *describe_trouble(const struct model *m);
/* F1's and /help's text, from the tables: the keys as they are (NULL: there are none) and the
 * commands. */
void describe_help(struct buf *out, const struct keymap *keymap);
/* A message "/me waves" is an action: the text behind it; NULL: it is none. */
const char *describe_action(const char *text, size_t len);

#endif
