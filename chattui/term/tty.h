/* tty - keys from the terminal, on the loop: reads, has the bytes taken apart (keys.h), and waits
 * as long as a lone Esc or an open paste needs.
 *
 * It reads through an open file of its own. Non-blocking mode belongs to the open file, not to the
 * descriptor: set on stdin it would be stdout's too, whose writes would be cut short, and would
 * stay behind for the shell.
 */
#ifndef CHATTUI_TERM_TTY_H
#define CHATTUI_TERM_TTY_H

#include "chattui/base/tokens.h"

#include <stdbool.h>

#include <uv.h>

struct tty_hooks {
    token_fn *token;
    void (*gone)(void *arg); /* the terminal was closed; nothing more will come */
};

struct tty {
    uv_poll_t poll;
    uv_timer_t timer;
    struct tokens tokens;
    struct tty_hooks hooks;
    void *arg;
    int fd; /* -1: not open */
};

/* False: stdin is no terminal, or can't be opened anew (errno says why). */
bool tty_open(struct tty *t, uv_loop_t *loop, const struct tty_hooks *hooks, void *arg);
/* Reading is paused while the terminal is another program's. */
void tty_pause(struct tty *t);
void tty_resume(struct tty *t);
/* Closes the handles; `t` must live until the loop has run once more. */
void tty_close(struct tty *t);

#endif
