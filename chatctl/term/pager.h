/* pager - a long listing on a terminal goes through the user's pager, as git's does: CHATCTL_PAGER,
 * else PAGER, else less, which leaves at once when everything fits on the screen. An empty one, or
 * "cat", is none. While it runs, stdout is a pipe to it, and so is stderr where that is the
 * terminal: two writers would spoil the screen. */
#ifndef CHATCTL_TERM_PAGER_H
#define CHATCTL_TERM_PAGER_H

#include <stdbool.h>

/* Begins; without a pager nothing happens. stdout must be a terminal. */
void pager_start(void);
/* Puts stdout and stderr back and waits for the user to leave it. Nothing to do: nothing happens.
 */
void pager_end(void);
bool pager_runs(void);
/* The pipe broke, since the user has left: then work for it ends, as by Ctrl-C, but in good order.
 */
void pager_left(void);
/* Did the user leave the last one early? */
bool pager_was_left(void);

#endif
