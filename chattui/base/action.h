/* action - what keys do beside editing the draft. The one table: default keys, names for the key
 * settings, F1's help and the manual page come from it.
 *
 * A row of ACTION_TABLE is (symbol, name, keys, who, help). Keys are as keys.h reads them, several
 * separated by spaces. `who` carries it out: update(), or the terminal frontend (it knows about
 * lines and windows), which tells update() of the outcome where that matters (EV_SCROLL,
 * EV_COMPLETE, EV_DRAFT). An empty help text: the row above speaks for this one too;
 * they are a series.
 */
#ifndef CHATTUI_BASE_ACTION_H
#define CHATTUI_BASE_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#define ACTION_TABLE(X)                                                                            \
    X(GO_1, "go-1", "Alt+1", UPDATE, "go to that channel of the list")                             \
    X(GO_2, "go-2", "Alt+2", UPDATE, "")                                                           \
    X(GO_3, "go-3", "Alt+3", UPDATE, "")                                                           \
    X(GO_4, "go-4", "Alt+4", UPDATE, "")                                                           \
    X(GO_5, "go-5", "Alt+5", UPDATE, "")                                                           \
    X(GO_6, "go-6", "Alt+6", UPDATE, "")                                                           \
    X(GO_7, "go-7", "Alt+7", UPDATE, "")                                                           \
    X(GO_8, "go-8", "Alt+8", UPDATE, "")                                                           \
    X(GO_9, "go-9", "Alt+9", UPDATE, "")                                                           \
    X(NEXT_ACTIVITY, "next-activity", "Alt+a", UPDATE,                                             \
      "go to the next channel where something is new, the most urgent first")                      \
    X(PREV_CHANNEL, "previous-channel", "Ctrl+P Alt+Left", UPDATE, "the channel above")            \
    X(NEXT_CHANNEL, "next-channel", "Ctrl+N Alt+Right", UPDATE, "the channel below")               \
    X(PAGE_UP, "page-up", "PgUp", TERMINAL, "back in the history; at its top more is loaded")      \
    X(PAGE_DOWN, "page-down", "PgDn", TERMINAL, "forward in the history")                          \
    X(LINE_UP, "line-up", "Alt+Up", TERMINAL, "back by one line")                                  \
    X(LINE_DOWN, "line-down", "Alt+Down", TERMINAL, "forward by one line")                         \
    X(TOP, "top", "Alt+Home", UPDATE, "to the beginning of what is loaded, and load more")         \
    X(BOTTOM, "bottom", "Alt+End", UPDATE, "to the newest message, and follow")                    \
    X(UNREAD, "unread", "Alt+u", UPDATE, "to the first unread message")                            \
    X(PREV_MENTION, "previous-mention", "Alt+p", UPDATE, "to the mention of you before")           \
    X(NEXT_MENTION, "next-mention", "Alt+n", UPDATE, "to the mention of you behind")               \
    X(OLDER_MATCH, "older-match", "Alt+,", UPDATE, "the match before, after /search")              \
    X(NEWER_MATCH, "newer-match", "Alt+.", UPDATE, "the match behind")                             \
    X(COMPLETE, "complete", "Tab", TERMINAL, "complete a name or a /command; again: the next one") \
    X(COMPLETE_BACK, "complete-back", "Shift+Tab", TERMINAL, "the one before")                     \
    X(NEWLINE, "newline", "Alt+Enter", TERMINAL, "a new line in the message")                      \
    X(CANCEL, "cancel", "Ctrl+C", TERMINAL, "clear the line, never the program")                   \
    X(EDITOR, "editor", "Alt+e", TERMINAL, "write the message in $VISUAL or $EDITOR")              \
    X(MEMBERS, "members", "Alt+m", UPDATE, "show or hide the members")                             \
    X(UNFOLD, "unfold", "Alt+w", UPDATE, "show long messages whole, or fold them again")           \
    X(RETRY, "retry", "Alt+r", UPDATE, "try the failed messages of this channel again")            \
    X(OPEN, "open", "Alt+o", UPDATE, "open the newest link of the channel")                        \
    X(HELP, "help", "F1", UPDATE, "this help")                                                     \
    X(REDRAW, "redraw", "Ctrl+L", TERMINAL, "draw everything anew")                                \
    X(SUSPEND, "suspend", "Ctrl+Z", TERMINAL, "back to the shell; `fg` returns")

enum action {
    ACTION_NONE = 0,
#define X(sym, name, keys, who, help) ACTION_##sym,
    ACTION_TABLE(X)
#undef X
        ACTIONS
};

enum action_who { ACTION_WHO_UPDATE, ACTION_WHO_TERMINAL };

struct action_def {
    const char *name, *keys, *help;
    enum action_who who;
};

/* 0 < a < ACTIONS. */
const struct action_def *action_def(enum action a);
/* ACTION_NONE: no action is called that. */
enum action action_find(const char *name);

#endif
