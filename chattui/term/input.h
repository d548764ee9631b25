/* input - the draft that the user writes: readline's editing, history and inputrc behind an
 * interface that owns no terminal. Keys come in as bytes, the draft is looked at to be drawn.
 *
 * Readline keeps all of its state in globals, so there is one input in a process: the functions
 * take no handle. It never reads, writes or waits: it gets the bytes of one key at a time (from
 * keys.h), is never shown a bracketed paste, which it would wait for the end of, and draws nothing.
 */
#ifndef CHATTUI_TERM_INPUT_H
#define CHATTUI_TERM_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define INPUT_MAX (256u << 10) /* bytes of a draft; more is not taken */
#define INPUT_HISTORY 1000     /* lines remembered */

struct input_hooks {
    void (*enter)(const char *text, void *arg); /* Enter; the draft is empty behind it */
    void (*changed)(void *arg);                 /* text, cursor or prompt may have: draw it anew */
};

/* The draft, to be drawn. Valid until the next call of an input function. */
struct input_look {
    const char *prompt; /* of readline's search or a numeric argument; "" otherwise */
    const char *text;   /* as typed, with NUL: may hold line feeds and control characters */
    size_t len, cursor; /* bytes */
    bool command;       /* vi's command mode */
};

void input_open(const struct input_hooks *hooks, void *arg);
void input_close(void);

/* A key. An unbound one is swallowed if it is a sequence (`named`), so that an unknown key leaves
 * no rubbish in the draft. */
void input_key(const char *bytes, size_t len, bool named);
/* Does the user's inputrc, or readline by itself, know this key? */
bool input_is_bound(const char *bytes, size_t len);

/* Text from elsewhere: CR and CR LF become LF, other control characters are dropped, invalid
 * UTF-8 becomes U+FFFD. Never submits. False: it was longer than the draft may be, and cut. */
bool input_insert(const char *text, size_t len);

/* Replaces the draft; can't be undone. `cursor` in bytes, clamped. */
void input_set(const char *text, size_t cursor);
/* As Ctrl-C does: ends a search, else empties the draft. */
void input_cancel(void);
/* Puts a line into the history that the arrow keys and Ctrl-R go through. */
void input_remember(const char *line);

struct input_look input_look(void);

/* The terminal's size, for readline's own reckoning. */
void input_resize(int rows, int cols);

#endif
