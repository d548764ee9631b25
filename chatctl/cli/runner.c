/* runner - see runner.h. */
#include "chatctl/cli/runner.h"

#include "chatctl/cli/help.h"
#include "chatctl/term/pager.h"
#include "chatctl/term/signals.h"
#include "common/base/clock.h"
#include "common/base/standard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void runner_free(struct runner *runner) {
    redis_sync_close(runner->redis);
    runner->redis = NULL;
    settings_free(&runner->used);
}

/* --- Help --- */

static enum status print(struct buf *text) {
    fwrite(text->data, 1, text->len, stdout);
    buf_free(text);
    return standard_printed("chatctl") ? STATUS_DONE : STATUS_FAILED;
}

static enum status print_help(const struct command_line *cl) {
    struct buf text;
    buf_init(&text, HELP_MAX);
    if (cl->command)
        help_command(&text, cl->command);
    else if (cl->noun)
        help_noun(&text, cl->noun);
    else
        help_all(&text);
    return print(&text);
}

static enum status print_usage(const struct command_line *cl) {
    struct buf text;
    complain("%s", cl->why);
    if (!cl->command)
        return STATUS_USAGE;
    buf_init(&text, HELP_MAX);
    help_usage(&text, cl->command, true);
    fprintf(stderr, "usage: chatctl %s\n", buf_cstr(&text));
    buf_free(&text);
    return STATUS_USAGE;
}

/* --- Running --- */

/* The shell's own options hold wherever its line says nothing else. */
static void inherit(struct command_line *l, const struct command_line *base) {
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
static enum status open_redis(struct runner *runner, struct ctl_settings *set) {
    struct err e = {0};
    if (runner->redis && same_server(&runner->used, set) && redis_sync_alive(runner->redis)) {
        settings_free(set);
        return STATUS_DONE;
    }
    runner_free(runner);
    runner->used = *set;
    runner->redis =
        redis_sync_open(&runner->used.uri, &runner->used.keys, (unsigned)set->timeout, &e);
    return runner->redis ? STATUS_DONE : fail(&e);
}

static struct output *make_output(const struct ctl_settings *set, const struct command_line *cl) {
    bool terminal = isatty(STDOUT_FILENO);
    enum format format = terminal ? FORMAT_TABLE : FORMAT_TSV;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    if (set->format)
        output_format_parse(set->format, &format);
    struct output *out = output_new(format);
    if (!out)
        return NULL;
    output_set_color(out, terminal && !cl->no_color && !(no_color && *no_color) && term &&
                              strcmp(term, "dumb") != 0);
    output_set_pager(out, terminal && !cl->no_pager);
    return out;
}

static enum status execute(struct runner *runner, struct command_line *cl) {
    struct ctl_settings set;
    enum status status = STATUS_USAGE;
    if (!settings_load(&set, cl)) {
        settings_free(&set);
        return STATUS_USAGE;
    }
    struct output *out = make_output(&set, cl);
    if (cl->command->no_redis) {
        redis_sync_close(runner->redis);
        runner->redis = NULL;
        settings_free(&runner->used);
        runner->used = set;
        status = STATUS_DONE;
    } else
        status = open_redis(runner, &set);
    if (!out)
        status = STATUS_FAILED;
    if (status == STATUS_DONE && !cl->command->no_redis)
        parse_dates(cl, redis_sync_now(runner->redis));
    if (status == STATUS_DONE) {
        struct invocation in = {.command = cl->command,
                                .redis = cl->command->no_redis ? NULL : runner->redis,
                                .out = out,
                                .yes = cl->yes,
                                .dry_run = cl->dry_run,
                                .quiet = cl->quiet,
                                .interactive = runner->has_stdin && isatty(STDIN_FILENO) &&
                                               isatty(STDERR_FILENO),
                                .nargs = cl->nargs,
                                .args = cl->args,
                                .parsed = cl->parsed,
                                .nparsed = cl->nparsed,
                                .set = &runner->used};
        status = cl->command->run(&in);
        if (!output_end(out) && status == STATUS_DONE)
            status = STATUS_FAILED;
        if (pager_runs() && (pager_end(), pager_was_left())) /* its reader had enough */
            status = STATUS_DONE;
    }
    output_free(out);
    if (status == STATUS_UNAVAILABLE) /* the shell's next command connects anew */
        runner_free(runner);
    return status;
}

enum status runner_run(struct runner *runner, size_t argc, char **argv) {
    struct command_line cl;
    enum status status;
    if (!parse_init(&cl, argc)) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < argc; i++)
        ok = parse_feed(&cl, argv[i]);
    ok = ok && parse_finish(&cl, clock_wall_ms());
    inherit(&cl, &runner->base);
    signals_arm();
    if (!ok)
        status = print_usage(&cl);
    else if (cl.version) {
        printf("chatctl %s\n", CHATCTL_VERSION);
        status = standard_printed("chatctl") ? STATUS_DONE : STATUS_FAILED;
    } else if (cl.help || !cl.command)
        status = print_help(&cl);
    else
        status = execute(runner, &cl);
    parse_free(&cl);
    return status;
}
