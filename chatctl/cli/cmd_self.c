/* cmd_self - what chatctl says about itself. */
#include "chatctl/cli/help.h"
#include "chatctl/table/commands.h"
#include "common/base/standard.h"

#include <stdio.h>
#include <string.h>

/* A command, or without a verb the first one of the noun. */
static const struct command *find(const char *noun, const char *verb) {
    const struct command *c;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (c->noun && strcmp(c->noun, noun) == 0 && (!verb || strcmp(c->verb, verb) == 0))
            return c;
    return NULL;
}

/* `help ban`: all commands of this verb. False: there is none. */
static bool help_verb(struct buf *text, const char *verb) {
    const struct command *c, *only = NULL;
    size_t n = 0;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (strcmp(c->verb, verb) == 0) {
            only = c;
            n++;
        }
    if (n == 1)
        help_command(text, only);
    for (size_t i = 0; n > 1 && (c = commands_at(i)); i++)
        if (strcmp(c->verb, verb) == 0) {
            buf_str(text, "usage: chatctl ");
            help_usage(text, c, true);
            buf_fmt(text, "\n       %s\n", c->help);
        }
    return n > 0;
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
    else if (second || !help_verb(&text, first)) {
        complain("no command '%.60s%s%.60s'", first, second ? " " : "", second ? second : "");
        buf_free(&text);
        return STATUS_NOT_FOUND;
    }
    fwrite(text.data, 1, text.len, stdout);
    buf_free(&text);
    return standard_printed("chatctl") ? STATUS_DONE : STATUS_FAILED;
}

static const struct param HELP_PARAMS[] = {{"COMMAND", VALUE_TEXT, true, true},
                                           {NULL, VALUE_NONE, false, false}};

const struct command CMD_SELF[] = {
    {NULL, "help", HELP_PARAMS, NULL, "explain all commands, those of a noun, or one", NULL, true,
     help},
    {NULL, NULL, NULL, NULL, NULL, NULL, false, NULL},
};
