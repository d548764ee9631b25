/* settings - see settings.h. The options are chatd's way of reading them (common/option/option.h):
 * the same words in the file, and the same errors with file:cl. */
#include "chatctl/table/settings.h"

#include "chatctl/term/talk.h"
#include "common/base/secret.h"
#include "common/option/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_FILE "/etc/chatctl.conf"
#define PATH_SIZE 1024

#define AT(field) offsetof(struct ctl_settings, field)

static const struct option_def OPTIONS[] = {
    {"redis", 'r', OPTION_STR, AT(redis), "redis://127.0.0.1:6379", 0, 0, NULL, "URI", "-", NULL},
    {"prefix", 'p', OPTION_STR, AT(prefix), "chat:", 0, 0, NULL, "P", "-", NULL},
    {"format", 'F', OPTION_CHOICE, AT(format), NULL, 0, 0, "table|tsv|json|jsonl", NULL, "-", NULL},
    {"timeout", 0, OPTION_DURATION, AT(timeout), "5s", 10, 600000, NULL, "TIME", "-", NULL},
    {NULL, 0, OPTION_STR, 0, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* $XDG_CONFIG_HOME/chatctl.conf. Empty, which is no file, for a user without a home. */
static void user_file(char out[PATH_SIZE]) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    *out = '\0';
    if (config && *config == '/')
        snprintf(out, PATH_SIZE, "%s/chatctl.conf", config);
    else if (home && *home == '/')
        snprintf(out, PATH_SIZE, "%s/.config/chatctl.conf", home);
}

static void note_file(void *settings, const struct option_def *d, const char *path) {
    if (d->offset == AT(redis))
        ((struct ctl_settings *)settings)->redis_file = path;
}

/* The line's options as the flags that option_load reads. Returns how many. */
static int as_flags(const struct command_line *cl, char flags[][PATH_SIZE], char **argv) {
    const char *format = !cl->format && cl->json ? "json" : cl->format;
    const struct {
        const char *name, *text;
    } GIVEN[] = {{"config", cl->config},
                 {"redis", cl->redis},
                 {"prefix", cl->prefix},
                 {"format", format},
                 {"timeout", cl->timeout}};
    int n = 0;
    static char name[] = "chatctl";
    argv[n++] = name;
    for (size_t i = 0; i < sizeof GIVEN / sizeof *GIVEN; i++) {
        if (!GIVEN[i].text)
            continue;
        snprintf(flags[n], PATH_SIZE, "--%s=%s", GIVEN[i].name, GIVEN[i].text);
        argv[n] = flags[n];
        n++;
    }
    argv[n] = NULL;
    return n;
}

/* Does the URI in effect stand in a file that others can read? */
static bool is_exposed(const struct ctl_settings *set, const struct command_line *cl) {
    const char *env = getenv("CHATCTL_REDIS");
    struct stat st;
    return !cl->redis && !(env && *env) && set->redis_file && stat(set->redis_file, &st) == 0 &&
           S_ISREG(st.st_mode) && (st.st_mode & 0007);
}

static bool check(struct ctl_settings *set, const struct command_line *cl) {
    char why[WHY_MAX];
    if (!redis_uri_parse(set->redis, &set->uri, why, sizeof why)) {
        complain("--redis: %s", why);
        return false;
    }
    if (*set->uri.password && cl->redis) {
        complain("--redis: a password on the command line can be seen by every user of this "
                 "machine: put the URI into CHATCTL_REDIS or a file (--config)");
        return false;
    }
    if (*set->uri.password && is_exposed(set, cl)) {
        complain("%s: with a password in it it must not be readable by others: chmod 600",
                 set->redis_file);
        return false;
    }
    if (!keyspace_init(&set->keys, set->prefix)) {
        complain("--prefix: expected 1 to %d letters, digits and _ - . :", PREFIX_MAX);
        return false;
    }
    return true;
}

bool settings_load(struct ctl_settings *set, const struct command_line *cl) {
    char path[PATH_SIZE], flags[8][PATH_SIZE], *argv[8];
    const char *const files[] = {SYSTEM_FILE, path, NULL};
    struct option_program program = {.name = "chatctl",
                                     .env = "CHATCTL_",
                                     .options = OPTIONS,
                                     .default_files = files,
                                     .on_file_value = note_file};
    *set = (struct ctl_settings){0};
    user_file(path);
    int argc = as_flags(cl, flags, argv);
    bool ok = option_load(&program, argc, argv, set, "") == OPTION_RUN && check(set, cl);
    set->redis_file = NULL; /* it may point into `path` */
    return ok;
}

void settings_free(struct ctl_settings *set) {
    struct option_program program = {.name = "chatctl", .env = "CHATCTL_", .options = OPTIONS};
    if (set->redis)
        secret_wipe(set->redis, strlen(set->redis));
    option_free(&program, set);
    secret_wipe(&set->uri, sizeof set->uri);
}
