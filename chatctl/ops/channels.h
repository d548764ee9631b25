/* channels - all channels, or those that a command line names, one after the other. */
#ifndef CHATCTL_OPS_CHANNELS_H
#define CHATCTL_OPS_CHANNELS_H

#include "chatctl/table/invocation.h"

/* activity: when it was last used, ms since 1970; 0 of a channel that was named. */
typedef enum status channel_fn(struct invocation *in, const struct channel_id *ch, int64_t activity,
                               void *arg);

/* Calls fn for every channel, least active first: for those active before the call once, for those
 * active since then perhaps twice. Stops at the first status that isn't STATUS_DONE. */
enum status channels_each(struct invocation *in, channel_fn *fn, void *arg);
/* The channels named by the arguments from `first` on, or every one if there are none. */
enum status channels_each_named(struct invocation *in, size_t first, channel_fn *fn, void *arg);

#endif
