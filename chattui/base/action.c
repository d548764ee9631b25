/* action - see action.h. */
#include "chattui/base/action.h"

#include <string.h>

static const struct action_def DEFS[ACTIONS] = {
#define X(sym, name, keys, who, help) [ACTION_##sym] = {name, keys, help, ACTION_WHO_##who},
    ACTION_TABLE(X)
#undef X
};

const struct action_def *action_def(enum action a) {
    return &DEFS[a];
}

enum action action_find(const char *name) {
    for (enum action a = ACTION_NONE + 1; a < ACTIONS; a++)
        if (strcmp(DEFS[a].name, name) == 0)
            return a;
    return ACTION_NONE;
}
