/* complete - what could stand where the cursor is: the one engine behind the completions of bash,
 * zsh and fish and behind Tab in the shell. It sees the line as the parser does. */
#ifndef CHATCTL_CLI_COMPLETE_H
#define CHATCTL_CLI_COMPLETE_H

#include "chatctl/table/parse.h"

enum completion {
    COMPLETE_WORDS, /* what was given to the function, and nothing else */
    COMPLETE_FILES  /* a file belongs here */
};

/* Gives the Redis to ask for names, once they are needed; NULL: there are none to be had. */
typedef struct redis_sync *complete_redis_fn(const struct command_line *cl, void *arg);
typedef void complete_fn(const char *candidate, const char *help, void *arg);

/* `words`: the line up to the cursor without the program's name; the last (maybe empty) is the one
 * to be completed. `fn` gets candidates that begin with it. */
enum completion complete(size_t n, char **words, complete_redis_fn *redis, complete_fn *fn,
                         void *arg);

/* chatctl __complete [--quoted] WORDS…: a candidate a line, TAB, its description; `:files` when a
 * file belongs there.
 * --quoted: the words are as the shell's user typed them, with quotes and backslashes. Always 0,
 * without a word when something is wrong, and within 300 ms. */
int complete_main(size_t n, char **words);

#endif
