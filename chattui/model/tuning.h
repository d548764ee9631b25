/* tuning - what /set changes while the program runs, and the configuration file sets from the
 * start: one table of switches and numbers. (What can't change while it runs is in settings.h.)
 *
 * A row of TUNING_TABLE is (name as a C word, name as people write it, default, least, most, help).
 * A switch has least 0 and most 1 and is written on or off.
 */
#ifndef CHATTUI_MODEL_TUNING_H
#define CHATTUI_MODEL_TUNING_H

#include <stdbool.h>
#include <stddef.h>

#define TUNING_TABLE(X)                                                                            \
    X(bell, "bell", 1, 0, 1, "ring the bell at mentions and private messages")                     \
    X(notify, "notify", 1, 0, 1, "desktop notifications of them while the terminal has no focus")  \
    X(presence, "presence", 0, 0, 1, "show who comes online and goes, not only joins and leaves")  \
    X(members, "members", 1, 0, 1, "show the members' list where there is room")                   \
    X(mouse, "mouse", 0, 0, 1, "let the mouse scroll and pick channels")                           \
    X(seconds, "seconds", 0, 0, 1, "show the time with seconds")                                   \
    X(colors, "nick-colors", 1, 0, 1, "give each name its colour")                                 \
    X(paste_lines, "paste-lines", 5, 1, 1000, "ask before a message of more lines is sent")        \
    X(fold_lines, "fold-lines", 30, 0, 10000,                                                      \
      "fold a message that takes more lines of the screen; 0: none")                               \
    X(history_pages, "search-pages", 20, 0, 1000,                                                  \
      "pages of 99 older messages that a search may load")

struct tuning {
#define X(field, name, dflt, least, most, help) int field;
    TUNING_TABLE(X)
#undef X
};

struct tuning_def {
    const char *name, *help;
    int dflt, least, most;
};

const struct tuning_def *tuning_def(size_t i); /* NULL past the end */
void tuning_defaults(struct tuning *t);
int tuning_get(const struct tuning *t, size_t i);
void tuning_put(struct tuning *t, size_t i, int value); /* value is in range */
/* Sets by name and text ("on", "off", a number). NULL: done; else what is wrong, a literal. */
const char *tuning_set(struct tuning *t, const char *name, const char *value);

#endif
