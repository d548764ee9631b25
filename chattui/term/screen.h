/* screen - the terminal, and the only file that knows curses: shows a grid, rings, and leaves the
 * terminal as it was found, whatever ends the program.
 *
 * There is one terminal, and a crash handler reaches nothing but globals: so the functions take no
 * handle. Of the program's other files none writes to the terminal while the screen is open.
 */
#ifndef CHATTUI_TERM_SCREEN_H
#define CHATTUI_TERM_SCREEN_H

#include "chattui/base/grid.h"
#include "chattui/base/keys.h"
#include "chattui/model/theme.h"

#include <stdbool.h>
#include <stddef.h>

struct screen_options {
    const struct theme *theme; /* the user's looks; copied */
    bool no_color;
};

/* Takes the terminal over: alternate screen, raw mode, bracketed paste, focus events. False: `why`
 * says what is missing. An unknown $TERM is taken for xterm-256color. */
bool screen_open(const struct screen_options *options, char *why, size_t size);
/* Gives it back. May be called at any time, more than once. */
void screen_close(void);

/* Gives it back for a while (Ctrl-Z, an editor), and takes it over again and draws all. */
void screen_leave(void);
void screen_enter(void);

/* The terminal's size now; true if it changed since the last call. */
bool screen_size(int *rows, int *cols);
void screen_redraw(void); /* the next screen_show writes everything (Ctrl-L) */

/* Shows the grid: of a row that has not changed nothing is written. */
void screen_show(const struct grid *g);

/* Clicks and the wheel are reported; it takes the terminal's own selection away. */
void screen_mouse(bool on);

/* Tells what this terminal sends for its keys, by terminfo. While the screen is open. */
typedef void screen_key_fn(const char *bytes, struct key key, void *arg);
void screen_keys(screen_key_fn *fn, void *arg);

void screen_bell(void);
/* OSC 9, a notification of the terminal's own. Both texts have passed sanitize(). */
void screen_notify(const char *title, const char *body);

/* Async-signal-safe: gives the terminal back with write(2) and tcsetattr(3) alone. */
void screen_rescue(void);

#endif
