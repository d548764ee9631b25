/* password - READ_PASSWORD: the password from the configured file, or from what a command prints.
 * Its first line counts.
 */
#ifndef CHATTUI_IO_PASSWORD_H
#define CHATTUI_IO_PASSWORD_H

#include "chattui/io/net.h"

struct tui_settings;
struct tui_password;

/* Is there a file or command to read it from? */
bool tui_password_has(const struct tui_settings *set);

/* Begins to read; one EV_PASSWORD comes, from the loop, never from within. The command runs in
 * /bin/sh with the terminal's input closed, for a minute at most. Wiped afterwards. NULL: no
 * memory. */
struct tui_password *tui_password_read(uv_loop_t *loop, const struct tui_settings *set,
                                       tui_event_fn *fn, void *arg);

#endif
