/* theme - how each kind of thing looks. The view speaks of styles, never of colours; the theme says
 * what they are, for terminals of 256 colours and of 8, and the screen carries it out. No style is
 * told from another by its colour alone: without colours (NO_COLOR, or a terminal that has none)
 * the attributes, marks and places remain.
 *
 * A look is written as words: `bold`, `dim`, `italic`, `underline`, `reverse`, a colour, `on` and a
 * colour; a colour is default, black, red, green, yellow, blue, magenta, cyan, white or 0 … 255.
 */
#ifndef CHATTUI_MODEL_THEME_H
#define CHATTUI_MODEL_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THEME_NICKS 12 /* colours that nicks are given by a hash of the name */

/* (symbol, name in the theme file, looks with 256 colours on a dark and on a light background, look
 * with 8 colours). A user whose background is guessed wrong still sees everything: nothing without
 * a background of its own is nearly white or black. */
#define STYLE_TABLE(X)                                                                             \
    X(TEXT, "text", "default", "default", "default")                                               \
    X(TITLE, "title", "bold 255 on 238", "bold 232 on 252", "reverse")                             \
    X(TITLE_MORE, "title-more", "250 on 238", "238 on 252", "reverse")                             \
    X(STATUS, "status", "250 on 238", "238 on 252", "reverse")                                     \
    X(STATUS_MESSAGE, "status-message", "bold 255 on 238", "bold 232 on 252", "reverse")           \
    X(STATUS_PRIVATE, "status-private", "bold 120 on 238", "bold 22 on 252", "bold reverse")       \
    X(STATUS_MENTION, "status-mention", "bold 215 on 238", "bold 88 on 252",                       \
      "bold underline reverse")                                                                    \
    X(STATUS_WARN, "status-warn", "bold 216 on 238", "bold 124 on 252", "bold reverse")            \
    X(BORDER, "border", "240", "250", "dim")                                                       \
    X(CHANNEL, "channel", "default", "default", "default")                                         \
    X(CHANNEL_CURRENT, "channel-current", "bold 255 on 24", "bold 255 on 24", "bold reverse")      \
    X(CHANNEL_MESSAGE, "channel-message", "bold", "bold", "bold")                                  \
    X(CHANNEL_PRIVATE, "channel-private", "bold 120", "bold 22", "bold green")                     \
    X(CHANNEL_MENTION, "channel-mention", "bold 215", "bold 130", "bold underline yellow")         \
    X(CHANNEL_MUTED, "channel-muted", "242", "243", "dim")                                         \
    X(MEMBER_ON, "member-online", "default", "default", "default")                                 \
    X(MEMBER_OFF, "member-offline", "242", "243", "dim")                                           \
    X(TIME, "time", "244", "243", "dim")                                                           \
    X(NICK_SELF, "nick-self", "bold", "bold", "bold")                                              \
    X(MENTION, "mention", "bold 215", "bold 130", "bold yellow")                                   \
    X(PENDING, "pending", "italic 246", "italic 241", "dim")                                       \
    X(FAILED, "failed", "bold 203", "bold 160", "bold red")                                        \
    X(GAP, "gap", "italic 179", "italic 94", "yellow")                                             \
    X(DAY, "day", "246", "241", "dim")                                                             \
    X(UNREAD, "unread", "bold 203", "bold 160", "bold red")                                        \
    X(NOTICE, "notice", "109", "24", "cyan")                                                       \
    X(PRESENCE, "presence", "244", "243", "dim")                                                   \
    X(WARNING, "warning", "216", "130", "bold")                                                    \
    X(MORE, "more", "bold 232 on 179", "bold 232 on 222", "bold reverse")                          \
    X(PROMPT, "prompt", "bold 110", "bold 25", "bold")                                             \
    X(INPUT, "input", "default", "default", "default")                                             \
    X(DIALOG, "dialog", "default", "default", "default")                                           \
    X(DIALOG_TITLE, "dialog-title", "bold", "bold", "bold")                                        \
    X(FIELD, "field", "underline", "underline", "underline")                                       \
    X(FIELD_FOCUS, "field-focus", "bold underline 255 on 24", "bold underline 255 on 24",          \
      "bold reverse")                                                                              \
    X(KEY, "key", "bold 110", "bold 25", "bold")                                                   \
    X(FOUND, "found", "reverse", "reverse", "reverse")                                             \
    X(NICK0, "nick-0", "203", "124", "red")                                                        \
    X(NICK1, "nick-1", "114", "28", "green")                                                       \
    X(NICK2, "nick-2", "179", "94", "yellow")                                                      \
    X(NICK3, "nick-3", "75", "25", "blue")                                                         \
    X(NICK4, "nick-4", "176", "127", "magenta")                                                    \
    X(NICK5, "nick-5", "80", "30", "cyan")                                                         \
    X(NICK6, "nick-6", "209", "130", "bold red")                                                   \
    X(NICK7, "nick-7", "150", "64", "bold green")                                                  \
    X(NICK8, "nick-8", "222", "58", "bold yellow")                                                 \
    X(NICK9, "nick-9", "111", "61", "bold blue")                                                   \
    X(NICK10, "nick-10", "141", "91", "bold magenta")                                              \
    X(NICK11, "nick-11", "116", "23", "bold cyan")

enum style {
#define X(sym, name, dark, light, plain) STYLE_##sym,
    STYLE_TABLE(X)
#undef X
        STYLES
};

enum look_attrs {
    LOOK_BOLD = 1,
    LOOK_DIM = 2,
    LOOK_ITALIC = 4,
    LOOK_UNDERLINE = 8,
    LOOK_REVERSE = 16
};

struct look {
    int16_t fg, bg; /* 0 … 255; -1 = the terminal's own */
    uint8_t attrs;  /* enum look_attrs */
};

struct theme {
    struct look looks[STYLES];
    bool own[STYLES]; /* set by the user, whatever the terminal has */
    bool light;       /* the terminal's background, for the looks that are not */
};

/* The built-in looks for a terminal of that many colours (0: attributes only). Those that the user
 * has set stay, without their colours where there are none. A zeroed theme has none of
 * the user's. */
void theme_fit(struct theme *t, int colors);

/* Sets a style by its name. False: `why` says whether the name or the look is wrong, and how. */
bool theme_set(struct theme *t, const char *name, const char *look, char *why, size_t size);

/* Reads lines `style = look` from a file; see pairs.h. */
bool theme_read(struct theme *t, const char *path, char *why, size_t size);

/* Is the background light? By the setting (auto, dark, light), else by $COLORFGBG ("0;15": the
 * number of its colour comes last), if there is one. */
bool theme_is_light(const char *setting, const char *colorfgbg);

bool theme_read_look(const char *text, struct look *out);

/* The style of a nick: stable, by a hash of the name. */
enum style theme_nick(const char *name, size_t len);

#endif
