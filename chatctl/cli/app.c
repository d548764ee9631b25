/* app - see app.h. */
#include "chatctl/cli/app.h"

#include "chatctl/cli/help.h"
#include "chatctl/term/pager.h"
#include "chatctl/term/signals.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_MAX ((size_t)64 * 1024)

void app_free(struct app *app) {
    redis_sync_close(app->redis);
    app->redis = NULL;
    settings_free(&app->used);
}

/* --- Help --- */

static enum status print(struct buf *text) {
    fwrite(text->data, 1, text->len, stdout);
    bool ok = fflush(stdout) == 0;
    buf_free(text);
    return ok ? STATUS_DONE : STATUS_FAILED;
}

static enum status print_help(const struct line *line) {
    struct buf text;
    buf_init(&text, HELP_MAX);
    if (line->command)
        help_command(&text, line->command);
    else if (line->noun)
        help_noun(&text, line->noun);
    else
        help_all(&text);
    return print(&text);
}

static enum status usage(const struct line *line) {
    struct buf text;
    complain("%s", line->why);
    if (!line->command)
        return STATUS_USAGE;
    buf_init(&text, HELP_MAX);
    help_usage(&text, line->command, true);
    fprintf(stderr, "usage: chatctl %s\n", buf_cstr(&text));
    buf_free(&text);
    return STATUS_USAGE;
}

/* --- Running --- */

/* What the shell was started with goes where its line says nothing else. */
static void inherit(struct line *l, const struct line *base) {
    const char **mine[] = {&l->redis, &l->prefix, &l->config, &l->timeout};
    const char *const theirs[] = {base->redis, base->prefix, base->config, base->timeout};
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++)
        if (!*mine[i])
            *mine[i] = theirs[i];
    if (!l->format && !l->json) {
        l->format = base->format;
        l->json = base->json;
    }
    l->yes |= base->yes;
    l->dry_run |= base->dry_run;
    l->quiet |= base->quiet;
    l->no_color |= base->no_color;
    l->no_pager |= base->no_pager;
}

static bool same_server(const struct ctl_settings *a, const struct ctl_settings *b) {
    return a->redis && b->redis && strcmp(a->redis, b->redis) == 0 &&
           strcmp(a->prefix, b->prefix) == 0 && a->timeout == b->timeout;
}

/* Takes `set` over. */
static enum status open_store(struct app *app, struct ctl_settings *set) {
    struct err e = {0};
    if (app->redis && same_server(&app->used, set) && redis_sync_alive(app->redis)) {
        settings_free(set);
        return STATUS_DONE;
    }
    app_free(app);
    app->used = *set;
    app->redis = redis_sync_open(&app->used.uri, &app->used.keys, (unsigned)set->timeout, &e);
    return app->redis ? STATUS_DONE : fail(&e);
}

static struct output *make_output(const struct ctl_settings *set, const struct line *line) {
    bool terminal = isatty(STDOUT_FILENO);
    enum format format = terminal ? FORMAT_TABLE : FORMAT_TSV;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    if (set->format)
        output_format_parse(set->format, &format);
    struct output *out = output_new(format);
    if (!out)
        return NULL;
    output_set_color(out, terminal && !line->no_color && !(no_color && *no_color) && term &&
                              strcmp(term, "dumb") != 0);
    output_set_pager(out, terminal && !line->no_pager);
    return out;
}

static enum status execute(struct app *app, const struct line *line) {
    struct ctl_settings set;
    enum status status = STATUS_USAGE;
    if (!settings_load(&set, line)) {
        settings_free(&set);
        return STATUS_USAGE;
    }
    struct output *out = make_output(&set, line);
    if (line->command->no_redis) {
        redis_sync_close(app->redis);
        app->redis = NULL;
        settings_free(&app->used);
        app->used = set;
        status = STATUS_DONE;
    } else
        status = open_store(app, &set);
    if (!out)
        status = STATUS_FAILED;
    if (status == STATUS_DONE) {
        struct invocation in = {.command = line->command,
                                .redis = line->command->no_redis ? NULL : app->redis,
                                .out = out,
                                .yes = line->yes,
                                .dry_run = line->dry_run,
                                .quiet = line->quiet,
                                .interactive =
                                    app->has_stdin && isatty(STDIN_FILENO) && isatty(STDERR_FILENO),
                                .nargs = line->nargs,
                                .args = line->args,
                                .parsed = line->parsed,
                                .nparsed = line->nparsed,
                                .set = &app->used};
        status = line->command->run(&in);
        if (!output_end(out) && status == STATUS_DONE)
            status = STATUS_FAILED;
        if (pager_runs() && (pager_end(), pager_was_left())) /* who left it had enough */
            status = STATUS_DONE;
    }
    output_free(out);
    if (status == STATUS_UNAVAILABLE) /* the shell's next command connects anew */
        app_free(app);
    return status;
}

enum status app_run(struct app *app, size_t argc, char **argv) {
    struct line line;
    enum status status;
    if (!line_init(&line, argc)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < argc; i++)
        ok = line_feed(&line, argv[i]);
    ok = ok && line_finish(&line, clock_wall_ms());
    inherit(&line, &app->base);
    signals_arm();
    if (!ok)
        status = usage(&line);
    else if (line.version) {
        printf("chatctl %s\n", CHATCTL_VERSION);
        status = fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
    } else if (line.help || !line.command)
        status = print_help(&line);
    else
        status = execute(app, &line);
    line_free(&line);
    return status;
}
