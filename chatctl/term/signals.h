/* signals - Ctrl-C as a flag: long work looks at interrupted() between its batches. A second Ctrl-C
 * ends the program at once. SIGPIPE is ignored, so that a closed pipe is an error of write() and no
 * death in the middle. */
#ifndef CHATCTL_TERM_SIGNALS_H
#define CHATCTL_TERM_SIGNALS_H

#include <stdbool.h>

void signals_init(void);
void signals_arm(void);     /* before each command: Ctrl-C was not pressed yet */
void signals_outlive(void); /* until then, a second Ctrl-C is no end either */
void signals_press(void);   /* as if it had been pressed */

/* The last thing, behind all tidying up: dies of the signal that came, if one did, so that a shell
 * ends the loop that the program was called in. */
void signals_die(void);

/* Was Ctrl-C pressed? Then stop between batches, say how far it got, STATUS_INTERRUPTED. */
bool interrupted(void);

#endif
