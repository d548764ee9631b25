/* desktop - programs of the user's desktop, started beside the client: notify-send for a
 * notification, xdg-open for a link. By exec with an argument vector, never through a shell; their
 * output goes nowhere, and nobody waits for them. One that isn't there is no error.
 */
#ifndef CHATTUI_IO_DESKTOP_H
#define CHATTUI_IO_DESKTOP_H

#include "common/base/buf.h"

#include <stdbool.h>

#include <uv.h>

#define DESKTOP_CHILDREN 8 /* at a time; more are dropped */

/* Title and body have passed sanitize(). The body's markup is defused. */
bool desktop_notify(uv_loop_t *loop, const char *title, const char *body);

/* Opens a link if it is an http or https one; false: it isn't, or could not be started. */
bool desktop_open(uv_loop_t *loop, const char *url);

#endif
