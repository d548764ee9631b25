/* settings - see settings.h. */
#include "chattui/io/settings.h"

#include "chattui/io/manual.h"
#include "common/client/ws_url.h"
#include "common/proto/validate.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 1024
#define TIMEOUT_MAX (7ull * 24 * 3600 * 1000) /* ms */
#define AT(field) offsetof(struct tui_settings, field)

/* clang-format off */
#define STR(name, letter, field, arg, help, group) \
    {name, letter, OPTION_STR, AT(field), NULL, 0, 0, NULL, arg, help, group}
#define FLAG(name, field, help, group) \
    {name, 0, OPTION_BOOL, AT(field), "no", 0, 0, NULL, NULL, help, group}
/* clang-format on */

#define IS_SWITCH(least, most) ((least) == 0 && (most) == 1)
#define YES_NO(value) ((value) ? "yes" : "no")

/* The index of each row of TUNING_TABLE among the values. */
enum {
#define X(field, name, dflt, least, most, help) TUNED_##field,
    TUNING_TABLE(X)
#undef X
};

/* clang-format off */
#define TUNED(field, name, dflt, least, most, help) \
    {name, 0, IS_SWITCH(least, most) ? OPTION_BOOL : OPTION_NUM, \
     AT(tuned) + TUNED_##field * sizeof(union tuning_value), \
     IS_SWITCH(least, most) ? YES_NO(dflt) : #dflt, least, most, NULL, \
     IS_SWITCH(least, most) ? NULL : "N", help, NULL}

static const struct option_def OPTIONS[] = {
    STR("server", 's', server, "URL",
        "wss://HOST[:PORT][/PATH] or ws://…; HOST alone: wss, or here ws at port 8080; else the "
        "last one",
        "The server"),
    STR("ca", 0, ca, "FILE", "trust the authorities in this PEM file instead of the system's",
        NULL),

    STR("user", 'u', user, "NAME", "who to sign in as, this time; else the last one without this",
        "The user"),
    STR("password-file", 0, password_file, "FILE",
        "the password is the first line of this file, if a password is needed", NULL),
    STR("password-command", 0, password_command, "COMMAND",
        "the password is the first line of what this shell command prints", NULL),

    FLAG("plain", plain, "lines in, lines out: for pipes and screen readers", "Plain mode"),
    {"format", 'F', OPTION_CHOICE, AT(format), "text", 0, 0, "text|jsonl", NULL,
     "how --plain prints: as text, or the messages as JSON, one a line", NULL},
    STR("join", 'j', join, "NAMES",
        "users whose private conversations --plain opens, by comma; the last gets the lines", NULL),
    FLAG("stay", stay, "go on printing when the input has ended", NULL),
    {"timeout", 0, OPTION_DURATION, AT(timeout_ms), "0", 0, TIMEOUT_MAX, NULL, "DURATION",
     "how long --plain waits for the server, such as 30s, before it ends with 1; 0: for ever",
     NULL},

    STR("theme", 0, theme, "FILE", "looks; else the file theme beside the configuration",
        "The screen"),
    {"background", 0, OPTION_CHOICE, AT(background), "auto", 0, 0, "auto|dark|light", NULL,
     "what the built-in looks are for; auto: as $COLORFGBG says, else dark", NULL},
    STR("keys", 0, keys, "FILE", "keys of actions; else the file keys beside the configuration",
        NULL),
#define X(field, name, dflt, least, most, help) TUNED(field, name, dflt, least, most, help),
    TUNING_TABLE(X)
#undef X

    STR("state", 0, state, "DIR",
        "where keys, drafts and unsent messages are kept; else $XDG_STATE_HOME/chattui", "Files"),
    FLAG("list-options", list_options, "", NULL), /* for completions; see option_list */
    {"man-part", 0, OPTION_CHOICE, AT(man_part), NULL, 0, 0, MANUAL_PARTS, NULL, "", NULL},
    {NULL, 0, OPTION_STR, 0, NULL, 0, 0, NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* The user's own directories, filled by tui_settings_load: the table of programs points to them. */
static char config_file[PATH_SIZE];
static const char *const CONFIG_FILES[] = {config_file, NULL};

const struct option_program TUI_PROGRAM = {
    .name = "chattui",
    .env = "CHATTUI_",
    .synopsis = "chattui [--server URL] [--user NAME] [--plain] …",
    .about = "A terminal client for chatd.",
    .options = OPTIONS,
    .default_files = CONFIG_FILES,
};

/* $VARIABLE/chattui/name or ~/below/chattui/name. False: the user has no home. */
static bool own_path(const char *variable, const char *below, const char *name,
                     char out[PATH_SIZE]) {
    const char *base = getenv(variable), *home = getenv("HOME");
    *out = '\0';
    if (base && *base == '/')
        snprintf(out, PATH_SIZE, "%s/chattui%s", base, name);
    else if (home && *home == '/')
        snprintf(out, PATH_SIZE, "%s/%s/chattui%s", home, below, name);
    return *out;
}

static bool refuse(const char *option, const char *what) {
    fprintf(stderr, "chattui: --%s: %s\n", option, what);
    return false;
}

static void put_field(char **field, const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return;
    free(*field);
    *field = copy;
}

/* A file beside the configuration counts if it is there. */
static void find_beside(char **field, const char *name) {
    char path[PATH_SIZE];
    if (!**field && own_path("XDG_CONFIG_HOME", ".config", name, path) && access(path, F_OK) == 0)
        put_field(field, path);
}

/* An empty text that was given, mostly a variable of a script that isn't set, must not pass for
 * none: what was meant for somebody would be said elsewhere, or by somebody else. */
static bool check_given(struct tui_settings *set) {
    for (const struct option_def *d = OPTIONS; d->name; d++) {
        char **field = (char **)((char *)set + d->offset);
        if (d->type != OPTION_STR)
            continue;
        if (*field && !**field)
            return refuse(d->name, "it is empty");
        if (!*field)
            *field = strdup("");
        if (!*field)
            return false;
    }
    return true;
}

/* The names of --join: one that was cut would be somebody else's. */
static bool check_join(const char *names) {
    for (const char *s = names; *names; s++) {
        size_t len = strcspn(s, ",");
        if (strspn(s, " ") >= len)
            return refuse("join", "a name in it is empty");
        if (len > NAME_MAX_BYTES)
            return refuse("join", "a name in it is too long");
        s += len;
        if (!*s)
            break;
    }
    return true;
}

/* In the form in which it is kept: a server's files are found by its address. */
static bool check_server(struct tui_settings *set) {
    struct ws_url url;
    char why[200], text[WS_URL_TEXT];
    if (!ws_url_parse(set->server, &url, why, sizeof why))
        return refuse("server", why);
    ws_url_format(&url, text);
    put_field(&set->server, text);
    return true;
}

static bool check(struct tui_settings *set) {
    char path[PATH_SIZE];
    if (!check_given(set) || (*set->server && !check_server(set)) || !check_join(set->join))
        return false;
    if (*set->password_file && *set->password_command)
        return refuse("password-file", "not together with --password-command");
    find_beside(&set->theme, "/theme");
    find_beside(&set->keys, "/keys");
    if (!*set->state) {
        if (!own_path("XDG_STATE_HOME", ".local/state", "", path))
            return refuse("state", "there is no home directory to keep anything in: name one");
        put_field(&set->state, path);
    }
    return true;
}

bool tui_settings_only_prints(const struct tui_settings *set) {
    return set->list_options || set->man_part;
}

enum option_outcome tui_settings_load(struct tui_settings *set, int argc, char **argv) {
    own_path("XDG_CONFIG_HOME", ".config", "/config", config_file);
    enum option_outcome outcome = option_load(&TUI_PROGRAM, argc, argv, set, CHATTUI_VERSION);
    if (outcome == OPTION_RUN && !tui_settings_only_prints(set) && !check(set))
        return OPTION_ERROR;
    return outcome;
}

void tui_settings_free(struct tui_settings *set) {
    option_free(&TUI_PROGRAM, set);
}

void tui_settings_tuning(const struct tui_settings *set, struct tuning *out) {
    tuning_defaults(out);
    const struct tuning_def *d;
    for (size_t i = 0; (d = tuning_def(i)); i++) {
        bool on_off = d->least == 0 && d->most == 1;
        tuning_put(out, i, on_off ? set->tuned[i].on : (int)set->tuned[i].number);
    }
}
