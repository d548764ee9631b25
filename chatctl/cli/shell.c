/* shell - see shell.h. */
#include "chatctl/cli/shell.h"

#include "chatctl/cli/complete.h"
#include "chatctl/cli/help.h"
#include "chatctl/term/signals.h"
#include "chatctl/term/talk.h"
#include "chatctl/term/words.h"
#include "common/base/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_MAX 1000
#define CANDIDATES_MAX 300
#define TAB_TIMEOUT_MS 250 /* how long Tab may wait for Redis */
#define HINT_MAX 4096

enum outcome { RAN, IS_EMPTY, LEAVE };

/* Runs one line; *status is its command's. */
static enum outcome run_line(struct runner *runner, const char *text, enum status *status) {
    struct words w;
    enum outcome outcome = RAN;
    *status = STATUS_FAILED;
    if (!words_split(&w, text)) {
        complain("out of memory");
        return RAN;
    }
    if (w.open) {
        complain("a quote (%c) is opened and not closed", w.open);
        *status = STATUS_USAGE;
    } else if (w.n == 0)
        outcome = IS_EMPTY;
    else if (w.n == 1 && (strcmp(w.v[0], "exit") == 0 || strcmp(w.v[0], "quit") == 0))
        outcome = LEAVE;
    else
        *status = runner_run(runner, w.n, w.v);
    words_free(&w);
    return outcome;
}

/* --- From a pipe --- */

static enum status run_script(struct runner *runner) {
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    enum status status = STATUS_DONE;
    enum outcome outcome = RAN;
    runner->has_stdin = false;
    for (unsigned long n = 1;
         status == STATUS_DONE && outcome != LEAVE && (len = getline(&line, &size, stdin)) >= 0;
         n++) {
        if (strlen(line) != (size_t)len) {
            complain("line %lu: not text", n);
            status = STATUS_USAGE;
            break;
        }
        size_t bom = n == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        outcome = run_line(runner, line + bom, &status);
        if (outcome != RAN)
            status = STATUS_DONE;
        if (status != STATUS_DONE)
            complain("stopped at line %lu", n);
    }
    if (ferror(stdin)) {
        complain("can't read stdin: %s", strerror(errno));
        status = STATUS_FAILED;
    }
    free(line);
    return status;
}

/* --- On a terminal --- */

/* State for readline's call-backs, which carry no pointer of ours. */
static struct {
    struct runner *runner;
    char *found[CANDIDATES_MAX + 1];
    size_t n, next;
} tab;

static struct redis_sync *redis_for_tab(const struct command_line *cl, void *arg) {
    (void)cl;
    (void)arg;
    struct runner *runner = tab.runner;
    struct err e;
    if (runner->redis)
        return runner->redis;
    settings_free(&runner->used);
    if (settings_load(&runner->used, &runner->base))
        runner->redis = redis_sync_open(&runner->used.uri, &runner->used.keys, TAB_TIMEOUT_MS, &e);
    if (runner->redis) /* the next command opens its own, with its own patience */
        runner->used.timeout = TAB_TIMEOUT_MS;
    return runner->redis;
}

static void take_candidate(const char *candidate, const char *help, void *arg) {
    (void)help;
    (void)arg;
    if (tab.n < CANDIDATES_MAX && (tab.found[tab.n] = strdup(candidate)))
        tab.n++;
}

static char *next_candidate(const char *text, int again) {
    (void)text;
    if (!again)
        tab.next = 0;
    return tab.next < tab.n ? tab.found[tab.next++] : NULL; /* readline frees it */
}

/* With nothing to offer, the usage of the command says what is expected. */
static void hint(const struct words *w) {
    struct command_line cl;
    struct buf text;
    if (!parse_init(&cl, w->n))
        return;
    for (size_t i = 0; i < w->n && parse_feed(&cl, w->v[i]); i++)
        ;
    buf_init(&text, HINT_MAX);
    if (cl.command) {
        help_usage(&text, cl.command, true);
        fprintf(rl_outstream, "\n%s\n", buf_cstr(&text));
        rl_on_new_line();
    }
    buf_free(&text);
    parse_free(&cl);
}

static char **on_tab(const char *text, int start, int end) {
    (void)start;
    (void)end;
    struct words w;
    char **matches = NULL, empty[] = "";
    char *before = strndup(rl_line_buffer, (size_t)rl_point);
    rl_attempted_completion_over = 1;
    tab.n = 0;
    if (!before || !words_split(&w, before)) {
        free(before);
        return NULL;
    }
    if (w.ended)
        w.v[w.n++] = empty; /* words_split leaves room for one more */
    if (complete(w.n, w.v, redis_for_tab, take_candidate, NULL) == COMPLETE_FILES)
        matches = rl_completion_matches(text, rl_filename_completion_function);
    else if (tab.n) {
        rl_filename_completion_desired = 1; /* for the quoting that comes with it */
        matches = rl_completion_matches(text, next_candidate);
    } else
        hint(&w);
    words_free(&w);
    free(before);
    return matches;
}

static int is_quoted(char *text, int at) {
    int slashes = 0;
    while (at > slashes && text[at - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2;
}

/* A name with spaces: with backslashes, or as it is behind a quote that the user has opened. */
static char *quote(char *text, int match, char *quote_char) {
    (void)match;
    char *out = malloc(2 * strlen(text) + 3), *p = out;
    if (!out)
        return NULL;
    if (quote_char && *quote_char) {
        *p++ = *quote_char;
        memcpy(p, text, strlen(text) + 1);
        return out;
    }
    for (; *text; text++) {
        if (strchr(rl_filename_quote_characters, *text))
            *p++ = '\\';
        *p++ = *text;
    }
    *p = '\0';
    return out;
}

static char *unquote(char *text, int quote_char) {
    (void)quote_char;
    struct words w;
    char *out = NULL;
    if (words_split(&w, text)) {
        out = strdup(w.n ? w.v[0] : "");
        words_free(&w);
    }
    return out ? out : strdup(text);
}

/* Ctrl-C clears the cl. */
static int on_signal(void) {
    if (!interrupted())
        return 0;
    signals_arm();
    fputs("^C\n", rl_outstream);
    rl_replace_line("", 1);
    rl_on_new_line();
    rl_redisplay();
    return 0;
}

static void prepare_readline(struct runner *runner) {
    tab.runner = runner;
    rl_readline_name = "chatctl";
    rl_attempted_completion_function = on_tab;
    rl_completer_word_break_characters = " \t\n\"'";
    rl_completer_quote_characters = "'\"";
    rl_filename_quote_characters = " \t\n\\\"'#";
    rl_char_is_quoted_p = is_quoted;
    rl_filename_quoting_function = quote;
    rl_filename_dequoting_function = unquote;
    rl_signal_event_hook = on_signal;
    rl_variable_bind("mark-directories", "off"); /* a user may be called like one */
    using_history();
    stifle_history(HISTORY_MAX);
}

/* $XDG_STATE_HOME/chatctl/history; made if need be, for the user alone. */
static bool history_file(char *out, size_t size) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char dir[900];
    if (state && *state == '/')
        snprintf(dir, sizeof dir, "%s", state);
    else if (home && *home == '/')
        snprintf(dir, sizeof dir, "%s/.local/state", home);
    else
        return false;
    for (char *p = dir + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(dir, 0755);
        *p = '/';
    }
    mkdir(dir, 0755);
    snprintf(out, size, "%s/chatctl", dir);
    mkdir(out, 0700);
    snprintf(out, size, "%s/chatctl/history", dir);
    return true;
}

static void save_history(const char *path) {
    mode_t before = umask(077);
    write_history(path);
    chmod(path, 0600);
    umask(before);
}

/* A secret in the words: a URI with a password, or one behind a command that takes none there, also
 * if its name is spelled wrong. */
static bool holds_secret(const char *line) {
    struct words w;
    struct command_line cl;
    const char *scheme = strstr(line, "://");
    if (scheme && strchr(scheme, '@'))
        return true;
    if (!words_split(&w, line))
        return true;
    bool near = false, good = parse_init(&cl, w.n);
    for (size_t i = 0; i < w.n; i++) {
        struct suggest s = suggest_begin(w.v[i], strlen(w.v[i]));
        suggest_try(&s, "passwd");
        suggest_try(&s, "password");
        near = near || s.best || strcasestr(w.v[i], "pass") || strcasestr(w.v[i], "secret") ||
               strcasestr(w.v[i], "redis");
        good = good && parse_feed(&cl, w.v[i]);
    }
    for (const struct opt *o = cl.command ? cl.command->opts : NULL; o && o->name; o++)
        near = near || strcmp(o->name, "password-file") == 0;
    good = good && parse_finish(&cl, 0);
    parse_free(&cl);
    words_free(&w);
    return near && !good;
}

static void remember(char *line) {
    for (size_t n = strlen(line); n && line[n - 1] == ' '; n--) /* Tab leaves one behind */
        line[n - 1] = '\0';
    const HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (*line && *line != ' ' && !holds_secret(line) && (!last || strcmp(last->line, line) != 0))
        add_history(line);
}

static enum status run_terminal(struct runner *runner) {
    char path[1024];
    bool keeps = history_file(path, sizeof path);
    enum status status = STATUS_DONE;
    enum outcome outcome = RAN;
    char *line;
    prepare_readline(runner);
    if (keeps)
        read_history(path);
    if (!runner->base.quiet)
        fputs("chatctl: help lists the commands, Tab completes, Ctrl-D leaves.\n", stderr);
    while (outcome != LEAVE && (signals_arm(), line = readline("chatctl> "))) {
        remember(line);
        outcome = run_line(runner, line, &status);
        free(line);
    }
    if (outcome != LEAVE)
        fputc('\n', stderr);
    if (keeps)
        save_history(path);
    clear_history();
    return STATUS_DONE;
}

enum status shell_run(struct runner *runner) {
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? run_terminal(runner)
                                                         : run_script(runner);
}
