/* option_def - the rows: those that every program has, looking one up, and what is wrong with one,
 * told. */
#include "common/option/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 8192 /* paths are long */

const struct option_def OPTION_BUILTIN[] = {
    [OPTION_CONFIG] = {.name = "config",
                       .arg = "FILE",
                       .help = "read settings from FILE",
                       .group = "General"},
    [OPTION_HELP] = {.name = "help",
                     .letter = 'h',
                     .type = OPTION_BOOL,
                     .help = "print this and exit"},
    [OPTION_VERSION] = {.name = "version",
                        .type = OPTION_BOOL,
                        .help = "print the version and exit"},
    {.name = NULL}};

const struct option_def *option_find(const struct option_def *table, const char *name, size_t len) {
    for (const struct option_def *d = table; d->name; d++)
        if (!strncmp(d->name, name, len) && !d->name[len])
            return d;
    return NULL;
}

const char *option_arg(const struct option_def *d) {
    static const char *const names[] = {
        [OPTION_STR] = "TEXT",  [OPTION_BOOL] = "",         [OPTION_NUM] = "N",
        [OPTION_SIZE] = "SIZE", [OPTION_DURATION] = "TIME", [OPTION_CHOICE] = "WORD"};
    if (d->arg)
        return d->arg;
    return d->choices ? d->choices : names[d->type];
}

/* What a terminal would obey is shown as ?, in place: words of others may be in it. Not by
 * sanitize(), which needs a locale. */
static void option_defuse(char *text) {
    for (unsigned char *s = (unsigned char *)text; *s; s++) {
        bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f;
        if (c1)
            s[1] = '?';
        if (c1 || *s < ' ' || *s == 0x7f)
            *s = '?';
    }
}

static void vcomplain(const struct option_program *p, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void vcomplain(const struct option_program *p, const char *fmt, va_list ap) {
    char message[MESSAGE_MAX];
    vsnprintf(message, sizeof message, fmt, ap);
    option_defuse(message);
    if (p->complain)
        p->complain(message);
    else
        fprintf(stderr, "%s: %s\n", p->name, message);
}

bool option_complain(const struct option_program *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vcomplain(p, fmt, ap);
    va_end(ap);
    return false;
}
