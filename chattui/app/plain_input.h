/* plain_input - stdin as lines, for plain.h. One a process. */
#ifndef CHATTUI_APP_PLAIN_INPUT_H
#define CHATTUI_APP_PLAIN_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#define INPUT_LINE_MAX (64u << 10) /* bytes; the server's limit on messages is lower */

/* Reads on a thread of its own, since stdin may be anything and its flags belong to others, too;
 * `ready` is called on the loop when there is something to take. False: it can't be started. */
bool plain_input_open(uv_loop_t *loop, void (*ready)(void *arg), void *arg);
/* A line without its line feed, borrowed until the next call; NULL: none is here now. `ended`: and
 * none will come. `too_long`: it was longer than INPUT_LINE_MAX, and this is its beginning. */
const char *plain_input_take(size_t *len, bool *too_long, bool *ended);
/* Why it has ended before its end, as errno; 0: it hasn't. */
int plain_input_error(void);
/* How many lines nobody will take: of those read, and of those that can be without waiting. Before
 * plain_input_close; the input may not be open. Reads on, and so only at the end of the program. */
size_t plain_input_rest(void);
void plain_input_close(void);

#endif
