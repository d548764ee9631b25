/* cursor - how far `message tail --cursor-file` got: a line a channel, its id, epoch and seq. Pure.
 */
#ifndef CHATCTL_TERM_CURSOR_H
#define CHATCTL_TERM_CURSOR_H

#include "common/proto/model.h"

#define CURSOR_LINE 160 /* bytes that hold any line, with its line feed and NUL */

/* False: not such a line. */
bool cursor_read(const char *line, struct channel_id *ch, struct position *at);
void cursor_write(const struct channel_id *ch, const struct position *at, char out[CURSOR_LINE]);

#endif
