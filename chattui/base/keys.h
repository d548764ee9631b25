/* keys - a key with its modifiers, and its name for people. Pure. */
#ifndef CHATTUI_BASE_KEYS_H
#define CHATTUI_BASE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys that are no character: (symbol, name). Characters are their code points, letters with Ctrl
 * in lower case. */
#define KEY_TABLE(X)                                                                               \
    X(UP, "Up")                                                                                    \
    X(DOWN, "Down")                                                                                \
    X(LEFT, "Left")                                                                                \
    X(RIGHT, "Right")                                                                              \
    X(HOME, "Home")                                                                                \
    X(END, "End")                                                                                  \
    X(PAGE_UP, "PgUp")                                                                             \
    X(PAGE_DOWN, "PgDn")                                                                           \
    X(INSERT, "Insert")                                                                            \
    X(DELETE, "Delete")                                                                            \
    X(BACKSPACE, "Backspace")                                                                      \
    X(TAB, "Tab")                                                                                  \
    X(ENTER, "Enter")                                                                              \
    X(ESCAPE, "Esc")                                                                               \
    X(SPACE, "Space")                                                                              \
    X(F1, "F1")                                                                                    \
    X(F2, "F2")                                                                                    \
    X(F3, "F3")                                                                                    \
    X(F4, "F4")                                                                                    \
    X(F5, "F5")                                                                                    \
    X(F6, "F6")                                                                                    \
    X(F7, "F7")                                                                                    \
    X(F8, "F8")                                                                                    \
    X(F9, "F9")                                                                                    \
    X(F10, "F10")                                                                                  \
    X(F11, "F11")                                                                                  \
    X(F12, "F12")

enum key_code {
    KEYCODE_NONE = 0, /* a sequence that no key is known for */
    KEYCODE_FIRST = 0x110000,
#define X(sym, name) KEYCODE_##sym,
    KEY_TABLE(X)
#undef X
};

enum key_mods { MOD_SHIFT = 1, MOD_ALT = 2, MOD_CTRL = 4 };

struct key {
    uint32_t code; /* a code point or an enum key_code */
    uint8_t mods;  /* enum key_mods; of characters only Alt and Ctrl */
};

bool key_eq(struct key a, struct key b);
/* "Alt+a", "Ctrl+N", "Shift+Tab", "F1", "PgUp": both ways; reading ignores case but in a character
 * that stands without Ctrl. False: `text` names no key. */
bool key_read(const char *text, struct key *out);
#define KEY_TEXT 32
void key_format(struct key k, char out[KEY_TEXT]);
/* The sequence that xterm sends for a key that is no character, whatever this terminal did: the one
 * that programs know best. 0: it has none. */
size_t key_sequence(struct key k, char out[KEY_TEXT]);

#endif
