/* manual - see manual.h. */
#include "chattui/io/manual.h"

#include "chattui/base/action.h"
#include "chattui/io/settings.h"
#include "chattui/model/theme.h"
#include "chattui/update/slash.h"

#include <string.h>

#define LITERAL "```\n"

static void add_flags(struct buf *out) {
    option_man(&TUI_PROGRAM, false, out);
}

static void add_settings(struct buf *out) {
    option_man(&TUI_PROGRAM, true, out);
}

static void add_help(struct buf *out, const char *help) {
    buf_str(out, "\n\t");
    option_man_text(out, help);
    buf_str(out, "\n\n");
}

/* An action without a help text belongs to the one before. */
static void add_keys(struct buf *out) {
    for (enum action a = ACTION_NONE + 1, next; a < ACTIONS; a = next) {
        for (next = a; next == a || (next < ACTIONS && !*action_def(next)->help); next++) {
            buf_str(out, next == a ? "*" : ", *");
            option_man_text(out, action_def(next)->keys);
            buf_char(out, '*');
        }
        add_help(out, action_def(a)->help);
    }
}

static void add_actions(struct buf *out) {
    buf_str(out, LITERAL);
    for (enum action a = ACTION_NONE + 1; a < ACTIONS; a++) {
        const struct action_def *d = action_def(a);
        if (*d->help)
            buf_fmt(out, "# %s\n", d->help);
        buf_fmt(out, "%s = %s\n", d->name, d->keys);
    }
    buf_str(out, LITERAL);
}

static void add_commands(struct buf *out) {
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++) {
        buf_fmt(out, "*/%s*%s", d->name, *d->args ? " " : "");
        option_man_text(out, d->args);
        add_help(out, d->help);
    }
}

static void add_styles(struct buf *out) {
    buf_str(out, LITERAL);
#define X(sym, name, dark, light, plain) buf_fmt(out, "%s = %s # %s\n", name, dark, plain);
    STYLE_TABLE(X)
#undef X
    buf_str(out, LITERAL);
}

static void add_light_styles(struct buf *out) {
    buf_str(out, LITERAL);
#define X(sym, name, dark, light, plain)                                                           \
    if (strcmp(dark, light) != 0)                                                                  \
        buf_fmt(out, "%s = %s\n", name, light);
    STYLE_TABLE(X)
#undef X
    buf_str(out, LITERAL);
}

void manual_part(const char *part, struct buf *out) {
    static const struct {
        const char *name;
        void (*add)(struct buf *out);
    } PARTS[] = {{"flags", add_flags},
                 {"settings", add_settings},
                 {"keys", add_keys},
                 {"actions", add_actions},
                 {"commands", add_commands},
                 {"styles", add_styles},
                 {"light-styles", add_light_styles}};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        if (strcmp(part, PARTS[i].name) == 0)
            PARTS[i].add(out);
}
