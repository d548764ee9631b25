/* slash - the table of /commands: parsing, checks, /help, completion, the manual page's section and
 * the functions that run them (slash_run.h) come from it.
 */
#ifndef CHATTUI_UPDATE_SLASH_H
#define CHATTUI_UPDATE_SLASH_H

#include "chattui/model/model.h"

#include <stddef.h>

/* The words that Tab offers for an argument. */
enum slash_value {
    SLASH_TEXT,    /* names of people in the channel */
    SLASH_USER,    /* anybody */
    SLASH_CHANNEL, /* those in the list */
    SLASH_SETTING,
    SLASH_COMMAND,
    SLASH_ALIAS,
    SLASH_WORDS /* those of `words` */
};

#define SLASH_ARGS 2

/* (name, arguments for people, help, how many arguments at least and at most, Tab's offer for
 * the first and the second, words of SLASH_WORDS separated by |). The last argument is the rest of
 * the command. In the order of the help; slash_NAME runs it. */
#define SLASH_TABLE(X)                                                                             \
    X(join, "NAME", "open the conversation with somebody, or `public`", 1, 1, USER, TEXT, NULL)    \
    X(msg, "NAME TEXT", "send somebody a private message", 2, 2, USER, TEXT, NULL)                 \
    X(part, "[NAME]", "leave this conversation, or the one named", 0, 1, CHANNEL, TEXT, NULL)      \
    X(me, "TEXT", "say what you do: `* alice TEXT`", 1, 1, TEXT, TEXT, NULL)                       \
    X(buffer, "TEXT", "go to the channel whose name has these letters in this order", 1, 1,        \
      CHANNEL, TEXT, NULL)                                                                         \
    X(list, "", "the channels, with what is new in them", 0, 0, TEXT, TEXT, NULL)                  \
    X(names, "", "the members of this channel", 0, 0, TEXT, TEXT, NULL)                            \
    X(users, "[online]", "the users of this server", 0, 1, WORDS, TEXT, "online")                  \
    X(search, "[TEXT]", "find a text in this channel, case apart; without: stop searching", 0, 1,  \
      TEXT, TEXT, NULL)                                                                            \
    X(clear, "[off]", "hide what is on the screen (it is not deleted), or show it again", 0, 1,    \
      WORDS, TEXT, "off")                                                                          \
    X(read, "", "mark everything everywhere as read", 0, 0, TEXT, TEXT, NULL)                      \
    X(mute, "[on|off]", "no activity and bell from this channel, but for mentions", 0, 1, WORDS,   \
      TEXT, "on|off")                                                                              \
    X(pin, "[on|off]", "keep this channel at the head of the list", 0, 1, WORDS, TEXT, "on|off")   \
    X(url, "[N]", "the links of this channel, numbered from the newest; with N: open it", 0, 1,    \
      TEXT, TEXT, NULL)                                                                            \
    X(edit, "[TEXT]", "write a message in $VISUAL or $EDITOR", 0, 1, TEXT, TEXT, NULL)             \
    X(retry, "[all]", "try the failed messages of this channel again", 0, 1, WORDS, TEXT, "all")   \
    X(discard, "[all]", "give up the failed messages of this channel", 0, 1, WORDS, TEXT, "all")   \
    X(connect, "[URL]", "connect now; another server is another chattui", 0, 1, TEXT, TEXT, NULL)  \
    X(reconnect, "", "close the connection and open it anew", 0, 0, TEXT, TEXT, NULL)              \
    X(signout, "", "give up the access key, and ask for a password again", 0, 0, TEXT, TEXT, NULL) \
    X(set, "[NAME [VALUE]]", "the settings, or one of them, until the program ends", 0, 2,         \
      SETTING, WORDS, "on|off")                                                                    \
    X(alias, "[NAME [LINE]]", "call a line /NAME; what follows the name is added to it", 0, 2,     \
      ALIAS, COMMAND, NULL)                                                                        \
    X(unalias, "NAME", "forget an alias", 1, 1, ALIAS, TEXT, NULL)                                 \
    X(help, "[COMMAND]", "the keys and commands, or what one command does", 0, 1, COMMAND, TEXT,   \
      NULL)                                                                                        \
    X(quit, "[now]", "leave; `now`: without asking, though messages wait to be sent", 0, 1, WORDS, \
      TEXT, "now")

struct slash_def {
    const char *name; /* without the slash */
    const char *args; /* "NAME [TEXT]", for people */
    const char *help;
    unsigned least, most; /* how many arguments; the last one is the rest of the command */
    enum slash_value values[SLASH_ARGS];
    const char *words; /* SLASH_WORDS: separated by | */
};

const struct slash_def *slash_at(size_t i); /* in the order of the help; NULL past the end */
const struct slash_def *slash_find(const char *name, size_t len); /* NULL: there is none */

#endif
