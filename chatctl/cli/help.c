/* help - see help.h. */
#include "chatctl/cli/help.h"

#include "chatctl/table/commands.h"
#include "chatctl/table/parse.h"
#include "common/proto/validate.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 36   /* where texts begin, behind what stands left of them */
#define LINE_MAX 96 /* of a usage that is broken */

static void add_param(struct buf *out, const struct param *p) {
    buf_fmt(out, p->optional ? " [%s%s]" : " %s%s", p->name, p->many ? "…" : "");
}

static void add_opt(struct buf *out, const struct opt *o) {
    const char *arg = o->arg ? o->arg : o->choices;
    buf_fmt(out, "--%s%s%s", o->name, arg ? " " : "", arg ? arg : "");
}

void help_usage(struct buf *out, const struct command *c, bool options) {
    buf_fmt(out, "%s%s%s", c->noun ? c->noun : "", c->noun ? " " : "", c->verb);
    for (const struct param *p = c->params; p && p->name; p++)
        add_param(out, p);
    for (const struct opt *o = c->opts; options && o && o->name; o++) {
        buf_str(out, " [");
        add_opt(out, o);
        buf_char(out, ']');
    }
}

/* `text`, moved to COLUMN behind the line's beginning at `start`. */
static void help_add_text(struct buf *out, size_t start, const char *text) {
    size_t n = out->failed ? 0 : utf8_count(out->data + start, out->len - start);
    if (n + 2 > COLUMN) {
        buf_char(out, '\n');
        n = 0;
    }
    buf_fmt(out, "%*s%s\n", (int)(COLUMN - n), "", text);
}

static void add_opts(struct buf *out, const char *heading, const struct opt *opts) {
    if (opts && opts->name)
        buf_fmt(out, "\n%s:\n", heading);
    for (const struct opt *o = opts; o && o->name; o++) {
        char letter[] = {'-', o->letter, ',', '\0'};
        size_t start = out->len;
        buf_fmt(out, "  %3s ", o->letter ? letter : "");
        add_opt(out, o);
        help_add_text(out, start, o->help);
    }
}

static void add_commands(struct buf *out, const char *noun) {
    const struct command *c;
    const char *before = NULL;
    for (size_t i = 0; (c = commands_at(i)); i++) {
        if (noun && (!c->noun || strcmp(c->noun, noun) != 0))
            continue;
        if (i > 0 && !noun && (!c->noun != !before || (before && strcmp(c->noun, before) != 0)))
            buf_char(out, '\n');
        before = c->noun;
        size_t start = out->len;
        buf_str(out, "  ");
        help_usage(out, c, false);
        help_add_text(out, start, c->help);
    }
}

void help_all(struct buf *out) {
    buf_str(out, "usage: chatctl [OPTIONS] NOUN VERB [ARGUMENTS]\n"
                 "       chatctl                    (a shell; from a pipe: a command a line)\n\n"
                 "Administers a chat, straight on its Redis, with or without a chatd running.\n\n");
    add_commands(out, NULL);
    add_opts(out, "Options of every command, anywhere on the line", GLOBAL_OPTS);
    buf_str(
        out,
        "\nUsers are named by name or UUID; channels are public, alice,bob or an id.\n"
        "What redis, prefix, format and timeout are not given is taken from CHATCTL_REDIS …,\n"
        "else from ~/.config/chatctl.conf or /etc/chatctl.conf (redis = \"unix:///run/…\").\n"
        "\nExit status: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict, 5 Redis unavailable,\n"
        "6 refused without --yes, 130 interrupted.\n"
        "\nExamples:\n"
        "  chatctl user list --online\n"
        "  chatctl user ban mallory --for 2h --reason spam\n"
        "  chatctl --json stats\n"
        "\nchatctl NOUN VERB --help says more about a command.\n");
}

void help_noun(struct buf *out, const char *noun) {
    buf_fmt(out, "usage: chatctl %s VERB [ARGUMENTS]\n\n", noun);
    add_commands(out, noun);
    const struct command *c;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (c->noun && strcmp(c->noun, noun) == 0)
            break;
    if (c)
        buf_fmt(out, "\nExample:\n  chatctl %s %s --help\n", noun, c->verb);
}

/* "usage: chatctl user list [--online] …", broken between options. */
static void add_usage(struct buf *out, const struct command *c) {
    static const char LEAD[] = "usage: chatctl ";
    struct buf usage;
    buf_init(&usage, 8192);
    help_usage(&usage, c, true);
    buf_str(out, LEAD);
    size_t column = strlen(LEAD);
    for (const char *p = buf_cstr(&usage); *p;) {
        const char *end = strstr(p + 1, " [");
        size_t len = end ? (size_t)(end - p) : strlen(p);
        if (column + len > LINE_MAX && *p == ' ') {
            buf_fmt(out, "\n%*s", (int)strlen(LEAD) - 1, "");
            column = strlen(LEAD) - 1;
        }
        buf_add(out, p, len);
        column += len;
        p += len;
    }
    buf_free(&usage);
}

void help_command(struct buf *out, const struct command *c) {
    add_usage(out, c);
    buf_fmt(out, "\n\n%c%s.\n", *c->help >= 'a' && *c->help <= 'z' ? *c->help - 32 : *c->help,
            c->help + 1);
    size_t len = c->details ? strlen(c->details) : 0;
    while (len && c->details[len - 1] == '\n')
        len--;
    if (len)
        buf_fmt(out, "\n%.*s\n", (int)len, c->details);
    add_opts(out, "Options", c->opts);
    add_opts(out, "Options of every command", GLOBAL_OPTS);
}

void help_man_synopsis(struct buf *out) {
    const struct command *c;
    buf_str(out, "*chatctl* [_OPTIONS_] _NOUN_ _VERB_ [_ARGUMENTS_]++\n*chatctl* [_OPTIONS_]");
    for (size_t i = 0; (c = commands_at(i)); i++) {
        buf_fmt(out, "%s*chatctl%s%s %s*", i ? "++\n" : "\n\n", c->noun ? " " : "",
                c->noun ? c->noun : "", c->verb);
        for (const struct param *p = c->params; p && p->name; p++)
            buf_fmt(out, p->optional ? " [_%s_%s]" : " _%s_%s", p->name, p->many ? "…" : "");
        for (const struct opt *o = c->opts; o && o->name; o++) {
            const char *arg = o->arg ? o->arg : o->choices;
            buf_fmt(out, arg ? " [*--%s* _%s_]" : " [*--%s*%s]", o->name, arg ? arg : "");
        }
    }
    buf_char(out, '\n');
}
