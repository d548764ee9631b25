/* net - the connection to the server: carries out the effects CONNECT, CLOSE and SEND, and tells
 * what comes of them and what the server says as events.
 */
#ifndef CHATTUI_IO_NET_H
#define CHATTUI_IO_NET_H

#include "chattui/model/effect.h"
#include "chattui/model/event.h"

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct tui_net;

/* An event of net or journal: EV_NET_OPEN, EV_NET_CLOSED, EV_RESPONSE; EV_PERSISTED, EV_PASSWORD.
 * The receiver fills in the time. Pointers are valid during the call. */
typedef void tui_event_fn(struct event *e, void *arg);

/* `ca_file`: see wsclient.h; `fn` is called from the loop, never from within these functions. NULL:
 * `why` says what is wrong. */
struct tui_net *tui_net_new(uv_loop_t *loop, const char *ca_file, tui_event_fn *fn, void *arg,
                            char *why, size_t size);

/* False: not an effect of net's. A request that can't be sent closes the connection, so that those
 * under way are known to be lost. */
bool tui_net_carry_out(struct tui_net *n, const struct effect *fx);

/* Ends the connection with a goodbye: run the loop until nothing is left, then free. */
void tui_net_end(struct tui_net *n);
void tui_net_free(struct tui_net *n); /* NULL is fine */

#endif
