/* option - see option.h. Sources and their order: defaults, file, environment and flags
 * are laid over each other in this order. The values are option_value.c's, the file is
 * option_file.c's. */
#include "common/base/standard.h"
#include "common/base/suggest.h"
#include "common/option/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_MAX ((size_t)64 * 1024)
#define NAME_LEN_MAX 64
#define WHY_MAX 256

/* `where` is what the user wrote: the flag, the variable, or "default of --x". */
static bool apply(const struct option_program *p, const struct option_def *d, void *settings,
                  const char *text, const char *where) {
    char why[WHY_MAX];
    return option_set(d, settings, text, why, sizeof why) ||
           option_complain(p, "%s: %s", where, why);
}

static const struct option_def *find_long(const struct option_program *p, const char *name,
                                          size_t len) {
    const struct option_def *d = option_find(p->options, name, len);
    return d ? d : option_find(OPTION_BUILTIN, name, len);
}

static const struct option_def *find_letter(const struct option_program *p, char letter) {
    const struct option_def *tables[] = {p->options, OPTION_BUILTIN};
    for (size_t i = 0; i < 2; i++)
        for (const struct option_def *d = tables[i]; d->name; d++)
            if (d->letter == letter)
                return d;
    return NULL;
}

/* The visible option that `name` is most likely a slip for, or NULL. */
static const char *nearest(const struct option_program *p, const char *name, size_t len) {
    const struct option_def *tables[] = {p->options, OPTION_BUILTIN};
    struct suggest s = suggest_begin(name, len);
    for (size_t i = 0; i < 2; i++)
        for (const struct option_def *d = tables[i]; d->name; d++)
            if (*d->help)
                suggest_try(&s, d->name);
    return s.best;
}

struct flag {
    const struct option_def *def;
    const char *value;
    char shown[NAME_LEN_MAX + 4]; /* "--log-level" */
};

static bool unknown_flag(const struct option_program *p, const char *name, size_t len,
                         const struct flag *f) {
    const char *guess = nearest(p, name, len);
    if (guess)
        return option_complain(p, "unknown option %s; did you mean --%s?", f->shown, guess);
    return option_complain(p, "unknown option %s (%s --help lists them all)", f->shown, p->name);
}

/* Finds what `arg`, which begins with '-', names; --no-x counts as x with the value "no". */
static bool name_flag(const struct option_program *p, const char *arg, struct flag *f) {
    bool long_name = arg[1] == '-';
    const char *name = arg + (long_name ? 2 : 1);
    size_t len = long_name ? strcspn(name, "=") : strlen(name);
    const char *given = name[len] ? name + len + 1 : NULL;
    snprintf(f->shown, sizeof f->shown, "%.*s", (int)(name + len - arg), arg);
    if (long_name)
        f->def = find_long(p, name, len);
    else
        f->def = len == 1 ? find_letter(p, *name) : NULL;
    f->value = !given && f->def && f->def->type == OPTION_BOOL ? "yes" : given;
    if (f->def)
        return true;
    if (long_name && !strncmp(name, "no-", 3)) {
        f->def = option_find(p->options, name + 3, len - 3);
        f->value = "no";
        if (f->def && f->def->type == OPTION_BOOL)
            return !given || option_complain(p, "%s takes no value", f->shown);
    }
    return unknown_flag(p, name, len, f);
}

/* Reads the flag at argv[*i] with its value and moves *i behind both. */
static bool read_flag(const struct option_program *p, int argc, char **argv, int *i,
                      struct flag *f) {
    const char *arg = argv[(*i)++];
    if (arg[0] != '-' || !arg[1])
        return option_complain(p, "unexpected argument '%s' (%s --help says what it takes)", arg,
                               p->name);
    if (!name_flag(p, arg, f))
        return false;
    if (!f->value && *i < argc)
        f->value = argv[(*i)++];
    return f->value || option_complain(p, "%s needs a value", f->shown);
}

static void print_help(const struct option_program *p) {
    struct buf b;
    buf_init(&b, HELP_MAX);
    option_help(p, &b);
    fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
}

/* The first look at argv: its form, and the flags that are no settings. */
static enum option_outcome read_builtins(const struct option_program *p, int argc, char **argv,
                                         const char *version, const char **file) {
    for (int i = 1; i < argc;) {
        struct flag f = {0};
        if (!read_flag(p, argc, argv, &i, &f))
            return OPTION_ERROR;
        if (f.def == &OPTION_BUILTIN[OPTION_CONFIG])
            *file = f.value;
        if (f.def == &OPTION_BUILTIN[OPTION_HELP])
            print_help(p);
        if (f.def == &OPTION_BUILTIN[OPTION_VERSION])
            printf("%s %s\n", p->name, version);
        if (f.def == &OPTION_BUILTIN[OPTION_HELP] || f.def == &OPTION_BUILTIN[OPTION_VERSION])
            return standard_printed(p->name) ? OPTION_EXIT : OPTION_LOST;
    }
    return OPTION_RUN;
}

static bool load_flags(const struct option_program *p, int argc, char **argv, void *settings) {
    for (int i = 1; i < argc;) {
        struct flag f = {0};
        if (!read_flag(p, argc, argv, &i, &f))
            return false;
        bool setting = f.def != &OPTION_BUILTIN[OPTION_CONFIG];
        if (setting && !apply(p, f.def, settings, f.value, f.shown))
            return false;
    }
    return true;
}

/* CHATD_LOG_LEVEL for "log-level". An empty variable counts as unset. Returns its value or NULL. */
static const char *env_get(const struct option_program *p, const char *option,
                           char name[2 * NAME_LEN_MAX]) {
    snprintf(name, 2 * NAME_LEN_MAX, "%s%s", p->env, option);
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
        else if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool load_env(const struct option_program *p, void *settings) {
    char name[2 * NAME_LEN_MAX];
    for (const struct option_def *d = p->options; d->name; d++) {
        const char *value = env_get(p, d->name, name);
        if (value && !apply(p, d, settings, value, name))
            return false;
    }
    return true;
}

static bool load_default_files(const struct option_program *p, void *settings) {
    for (const char *const *path = p->default_files; path && *path; path++)
        if (!option_file_load(p, *path, false, settings))
            return false;
    return true;
}

static bool load_defaults(const struct option_program *p, void *settings) {
    for (const struct option_def *d = p->options; d->name; d++) {
        char where[NAME_LEN_MAX + 16];
        snprintf(where, sizeof where, "default of --%s", d->name);
        if (d->dflt && !apply(p, d, settings, d->dflt, where))
            return false;
    }
    return true;
}

int option_status(enum option_outcome outcome) {
    switch (outcome) {
    case OPTION_RUN:
    case OPTION_EXIT:
        return 0;
    case OPTION_LOST:
        return 1;
    case OPTION_ERROR:
        break;
    }
    return 2;
}

enum option_outcome option_load(const struct option_program *p, int argc, char **argv,
                                void *settings, const char *version) {
    char env[2 * NAME_LEN_MAX];
    const char *file = env_get(p, OPTION_BUILTIN[OPTION_CONFIG].name, env);
    enum option_outcome outcome = read_builtins(p, argc, argv, version, &file);
    if (outcome == OPTION_RUN &&
        !(load_defaults(p, settings) &&
          (file ? option_file_load(p, file, true, settings) : load_default_files(p, settings)) &&
          load_env(p, settings) && load_flags(p, argc, argv, settings)))
        outcome = OPTION_ERROR;
    if (outcome != OPTION_RUN)
        option_free(p, settings);
    return outcome;
}
