/* cmd_self - what chatctl says about itself. */
#include "chatctl/cmd.h"
#include "chatctl/help.h"

#include <stdio.h>
#include <string.h>

#define HELP_MAX ((size_t)64 * 1024)

static const struct command *find(const char *noun, const char *verb) {
    const struct command *c;
    for (size_t i = 0; (c = command_at(i)); i++)
        if (noun ? c->noun && strcmp(c->noun, noun) == 0 && (!verb || strcmp(c->verb, verb) == 0)
                 : !c->noun && strcmp(c->verb, verb) == 0)
            return c;
    return NULL;
}

static enum status help(struct invocation *in) {
    struct buf text;
    const char *first = in->nargs > 0 ? in->args[0] : NULL;
    const char *second = in->nargs > 1 ? in->args[1] : NULL;
    buf_init(&text, HELP_MAX);
    if (!first)
        help_all(&text);
    else if (!second && find(first, NULL))
        help_noun(&text, first);
    else if (second && find(first, second))
        help_command(&text, find(first, second));
    else if (!second && find(NULL, first))
        help_command(&text, find(NULL, first));
    else {
        complain("no command '%.60s%s%.60s'", first, second ? " " : "", second ? second : "");
        buf_free(&text);
        return STATUS_NOT_FOUND;
    }
    fwrite(text.data, 1, text.len, stdout);
    buf_free(&text);
    return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

static const struct param HELP_PARAMS[] = {{"COMMAND", VALUE_TEXT, true, true},
                                           {NULL, VALUE_NONE, false, false}};

const struct command CMD_SELF[] = {
    {NULL, "help", HELP_PARAMS, NULL, "explain all commands, those of a noun, or one", NULL, true,
     help},
    {NULL, NULL, NULL, NULL, NULL, NULL, false, NULL},
};
