/* rename - names the messages of a user anew, where they are kept: in a channel's log, and in what
 * purges took out of it and a restore would bring back.
 *
 * An entry of a stream can't be changed, so the stream is put together anew, as by purge_restore;
 * see purge.h. Numbers and epoch stay; nobody is told, since nothing was said. */
#ifndef CHATCTL_OPS_RENAME_H
#define CHATCTL_OPS_RENAME_H

#include "chatctl/ops/ask.h"

/* How many messages of the sender in the log bear another name; reads the whole log. */
enum status rename_count(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *sender, const char *name, uint64_t *n);
/* Names those in the log anew; STATUS_CONFLICT: a purge is at work. Cut short, by Ctrl-C too, it
 * has changed nothing, and *n is 0. */
enum status rename_log(struct invocation *in, const struct channel_id *ch,
                       const struct uuid *sender, const char *name, uint64_t *n);
/* The same in the trash of every purge that can be restored. */
enum status rename_trash(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *sender, const char *name);

#endif
