/* option_help - the option table as text: for people (--help) and for programs (TSV). */
#include "common/option/internal.h"

#include <stdio.h>

#define COLUMN_MAX 34 /* where the help texts begin, at most */

static const char *const TYPE_NAMES[] = {
    [OPTION_STR] = "str",   [OPTION_BOOL] = "bool",         [OPTION_NUM] = "num",
    [OPTION_SIZE] = "size", [OPTION_DURATION] = "duration", [OPTION_CHOICE] = "choice"};

/* "  -l, --listen HOST:PORT"; returns its length. */
static size_t flag_text(const struct option_def *d, bool builtin, char *out, size_t size) {
    char letter[] = {'-', d->letter, ',', '\0'};
    const char *no = d->type == OPTION_BOOL && !builtin ? "[no-]" : "", *arg = option_arg(d);
    int n = snprintf(out, size, "  %3s --%s%s%s%s", d->letter ? letter : "", no, d->name,
                     *arg ? " " : "", arg);
    return n < 0 ? 0 : (size_t)n;
}

static size_t help_column(const struct option_program *p) {
    const struct option_def *tables[] = {p->options, OPTION_BUILTIN};
    size_t widest = 0;
    for (size_t i = 0; i < 2; i++)
        for (const struct option_def *d = tables[i]; d->name; d++) {
            size_t n = *d->help ? flag_text(d, i == 1, NULL, 0) + 2 : 0;
            if (n > widest && n <= COLUMN_MAX)
                widest = n;
        }
    return widest;
}

static void help_rows(const struct option_def *table, bool builtin, size_t column,
                      struct buf *out) {
    const char *group = NULL; /* a heading not yet printed */
    for (const struct option_def *d = table; d->name; d++) {
        char flags[256];
        group = d->group ? d->group : group;
        if (!*d->help)
            continue;
        if (group)
            buf_fmt(out, "\n%s:\n", group);
        group = NULL;
        if (flag_text(d, builtin, flags, sizeof flags) + 2 <= column)
            buf_fmt(out, "%-*s%s", (int)column, flags, d->help);
        else
            buf_fmt(out, "%s\n%*s%s", flags, (int)column, "", d->help);
        if (d->dflt && *d->dflt)
            buf_fmt(out, " [%s]", d->dflt);
        buf_char(out, '\n');
    }
}

static void help_files(const struct option_program *p, struct buf *out) {
    const char *const *path = p->default_files;
    if (!path || !*path)
        return;
    buf_fmt(out, "The file is the one named by --config or %sCONFIG, else %s", p->env, *path);
    while (*++path)
        buf_fmt(out, " and, over it, %s", *path);
    buf_str(out, ".\n");
}

void option_help(const struct option_program *p, struct buf *out) {
    size_t column = help_column(p);
    buf_fmt(out, "usage: %s\n\n%s\n", p->synopsis, p->about);
    help_rows(p->options, false, column, out);
    help_rows(OPTION_BUILTIN, true, column, out);
    buf_fmt(
        out,
        "\nA setting is taken from its flag, else from the environment (%sNAME, with _ for -),\n"
        "else from the file (name = value, a line each), else it has the default in brackets.\n",
        p->env);
    help_files(p, out);
}

void option_list(const struct option_program *p, struct buf *out) {
    const struct option_def *tables[] = {p->options, OPTION_BUILTIN};
    for (size_t i = 0; i < 2; i++)
        for (const struct option_def *d = tables[i]; d->name; d++)
            buf_fmt(out, "%s\t%.1s\t%s\t%s\t%s\t%s\n", d->name, &d->letter, TYPE_NAMES[d->type],
                    d->choices ? d->choices : option_arg(d), d->dflt ? d->dflt : "", d->help);
}
