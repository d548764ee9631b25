/* action - what keys do beside editing the line. The one table: default keys, names for the key
 * settings, F1's help and the manual page come from it.
 *
 * A row of ACTION_TABLE is (symbol, name, keys, who, help). Keys are as keys.h reads them, several
 * separated by spaces. `who` carries it out: CORE is update(); FACE is whoever owns the terminal
 * (it knows about lines and windows), which tells update() what came of it where that matters
 * (EV_SCROLL, EV_COMPLETE, EV_DRAFT). An empty help text: the row above speaks for this one too;
 * they are a series.
 */
#ifndef CHATTUI_BASE_ACTION_H
#define CHATTUI_BASE_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#define ACTION_TABLE(X)                                                                            \
    X(GO_1, "go-1", "Alt+1", CORE, "go to that channel of the list")                               \
    X(GO_2, "go-2", "Alt+2", CORE, "")                                                             \
    X(GO_3, "go-3", "Alt+3", CORE, "")                                                             \
    X(GO_4, "go-4", "Alt+4", CORE, "")                                                             \
    X(GO_5, "go-5", "Alt+5", CORE, "")                                                             \
    X(GO_6, "go-6", "Alt+6", CORE, "")                                                             \
    X(GO_7, "go-7", "Alt+7", CORE, "")                                                             \
    X(GO_8, "go-8", "Alt+8", CORE, "")                                                             \
    X(GO_9, "go-9", "Alt+9", CORE, "")                                                             \
    X(NEXT_ACTIVITY, "next-activity", "Alt+a", CORE,                                               \
      "go to the next channel where something is new, the most urgent first")                      \
    X(PREV_CHANNEL, "previous-channel", "Ctrl+P Alt+Left", CORE, "the channel above")              \
    X(NEXT_CHANNEL, "next-channel", "Ctrl+N Alt+Right", CORE, "the channel below")                 \
    X(PAGE_UP, "page-up", "PgUp", FACE, "back in the history; at its top more is loaded")          \
    X(PAGE_DOWN, "page-down", "PgDn", FACE, "forward in the history")                              \
    X(LINE_UP, "line-up", "Alt+Up", FACE, "back by one line")                                      \
    X(LINE_DOWN, "line-down", "Alt+Down", FACE, "forward by one line")                             \
    X(TOP, "top", "Alt+Home", CORE, "to the beginning of what is loaded, and load more")           \
    X(BOTTOM, "bottom", "Alt+End", CORE, "to the newest message, and follow")                      \
    X(UNREAD, "unread", "Alt+u", CORE, "to the first unread message")                              \
    X(PREV_MENTION, "previous-mention", "Alt+p", CORE, "to the mention of you before")             \
    X(NEXT_MENTION, "next-mention", "Alt+n", CORE, "to the mention of you behind")                 \
    X(OLDER_MATCH, "older-match", "Alt+,", CORE, "the match before, after /search")                \
    X(NEWER_MATCH, "newer-match", "Alt+.", CORE, "the match behind")                               \
    X(COMPLETE, "complete", "Tab", FACE, "complete a name or a /command; again: the next one")     \
    X(COMPLETE_BACK, "complete-back", "Shift+Tab", FACE, "the one before")                         \
    X(NEWLINE, "newline", "Alt+Enter", FACE, "a new line in the message")                          \
    X(CANCEL, "cancel", "Ctrl+C", FACE, "clear the line, never the program")                       \
    X(EDITOR, "editor", "Alt+e", FACE, "write the message in $VISUAL or $EDITOR")                  \
    X(MEMBERS, "members", "Alt+m", CORE, "show or hide the members")                               \
    X(UNFOLD, "unfold", "Alt+w", CORE, "show long messages whole, or fold them again")             \
    X(RETRY, "retry", "Alt+r", CORE, "try the failed messages of this channel again")              \
    X(OPEN, "open", "Alt+o", CORE, "open the newest link of the channel")                          \
    X(HELP, "help", "F1", CORE, "this help")                                                       \
    X(REDRAW, "redraw", "Ctrl+L", FACE, "draw everything anew")                                    \
    X(SUSPEND, "suspend", "Ctrl+Z", FACE, "back to the shell; `fg` returns")

enum action {
    ACTION_NONE = 0,
#define X(sym, name, keys, who, help) ACTION_##sym,
    ACTION_TABLE(X)
#undef X
        ACTIONS
};

enum action_who { ACTION_WHO_CORE, ACTION_WHO_FACE };

struct action_def {
    const char *name, *keys, *help;
    enum action_who who;
};

/* 0 < a < ACTIONS. */
const struct action_def *action_def(enum action a);
/* ACTION_NONE: no action is called that. */
enum action action_find(const char *name);

#endif
