/* option_man - the option table as a part of a man page, in scdoc's language. */
#include "common/option/internal.h"

#include <string.h>

#define MARKUP "\\*_[]<>#~`+" /* what scdoc gives a meaning to */

void option_man_text(struct buf *out, const char *s) {
    for (; *s; s++) {
        if (strchr(MARKUP, *s))
            buf_char(out, '\\');
        buf_char(out, *s);
    }
}

static void add_arg(struct buf *out, const struct option_def *d) {
    const char *arg = option_arg(d);
    if (!*arg)
        return;
    buf_str(out, " _");
    option_man_text(out, arg);
    buf_char(out, '_');
}

/* "*-l*, *--listen* _HOST:PORT_" */
static void add_flag(struct buf *out, const struct option_def *d) {
    if (d->letter)
        buf_fmt(out, "*-%c*, ", d->letter);
    buf_fmt(out, "*--%s*", d->name);
    if (d->type == OPTION_BOOL && d->dflt)
        buf_fmt(out, ", *--no-%s*", d->name);
    add_arg(out, d);
}

/* "*listen* = _HOST:PORT_" */
static void add_setting(struct buf *out, const struct option_def *d) {
    buf_fmt(out, "*%s* =", d->name);
    if (d->type == OPTION_BOOL)
        buf_str(out, " *yes*|*no*");
    add_arg(out, d);
}

static void add_table(struct buf *out, const struct option_def *table, bool as_settings) {
    const char *group = NULL; /* a heading not yet printed */
    for (const struct option_def *d = table; d->name; d++) {
        group = d->group ? d->group : group;
        if (!*d->help)
            continue;
        if (as_settings && group && strcmp(group, OPTION_INSTEAD) == 0)
            return;
        if (group)
            buf_fmt(out, "## %s\n\n", group);
        group = NULL;
        if (as_settings)
            add_setting(out, d);
        else
            add_flag(out, d);
        buf_str(out, "\n\t");
        option_man_text(out, d->help);
        if (d->dflt && *d->dflt) {
            buf_str(out, ". Default: *");
            option_man_text(out, d->dflt);
            buf_char(out, '*');
        }
        buf_str(out, "\n\n");
    }
}

void option_man(const struct option_program *p, bool as_settings, struct buf *out) {
    add_table(out, p->options, as_settings);
    if (!as_settings)
        add_table(out, OPTION_BUILTIN, false);
}
