/* terminal - see terminal.h. */
#include "chattui/app/terminal.h"

#include "chattui/app/internal.h"
#include "chattui/io/desktop.h"
#include "chattui/term/crash.h"
#include "chattui/term/input.h"
#include "chattui/term/screen.h"
#include "common/base/sanitize.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_SIZE 512
#define NOTE_MAX 1024 /* bytes of a notification, sanitized */

/* --- Effects --- */

/* By the terminal, which may be on another machine than this program, and by the desktop. */
static void notify(struct terminal *t, const char *title, const char *body) {
    struct buf clean_title, clean_body;
    buf_init(&clean_title, NOTE_MAX);
    buf_init(&clean_body, NOTE_MAX);
    sanitize(&clean_title, title, strnlen(title, NOTE_MAX / 4), false);
    sanitize(&clean_body, body, strnlen(body, NOTE_MAX / 4), false);
    screen_notify(buf_cstr(&clean_title), buf_cstr(&clean_body));
    desktop_notify(&t->client.loop, buf_cstr(&clean_title), buf_cstr(&clean_body));
    buf_free(&clean_title);
    buf_free(&clean_body);
}

static void terminal_carry_out(const struct effect *fx, void *arg) {
    struct terminal *t = arg;
    switch (fx->kind) {
    case EFFECT_SET_INPUT:
        terminal_set_draft(t, fx->text, fx->cursor);
        break;
    case EFFECT_BELL:
        screen_bell();
        break;
    case EFFECT_NOTIFY:
        notify(t, fx->title, fx->text);
        break;
    case EFFECT_OPEN_URL:
        if (!desktop_open(&t->client.loop, fx->text))
            client_trouble(&t->client, "the link can't be opened: is there an xdg-open?");
        break;
    case EFFECT_EDITOR:
        terminal_edit(t, fx->text);
        break;
    default: /* the client's */
        break;
    }
}

static void terminal_done(void *arg) {
    struct terminal *t = arg;
    if (t->client.model.version != t->drawn_version)
        terminal_stale(t, false);
}

/* --- Signals --- */

/* In good order: drafts are saved, the server hears a goodbye. */
static void quit(struct terminal *t) {
    struct event e = {.kind = EV_QUIT};
    client_event(&t->client, &e);
    client_end(&t->client, t->client.status);
}

static void on_gone(void *arg) {
    quit(arg);
}

/* Also behind a SIGSTOP, which nobody hears of: the shell has had the terminal meanwhile. */
static void take_back(struct terminal *t) {
    if (t->editor)
        return;
    screen_leave();
    screen_enter();
    terminal_resize(t);
}

static void terminal_on_signal(uv_signal_t *handle, int number) {
    struct terminal *t = handle->data;
    switch (number) {
    case SIGWINCH:
        terminal_resize(t);
        break;
    case SIGTSTP:
        screen_leave();
        raise(SIGSTOP);
        break;
    case SIGCONT:
        take_back(t);
        break;
    case SIGINT: /* with raw mode no key sends it; while the editor runs it is the editor's */
        if (!t->editor)
            quit(t);
        break;
    default:
        quit(t);
        break;
    }
}

static void watch_signals(struct terminal *t) {
    static const int NUMBERS[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* the terminal is set back even by a job in the background */
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        uv_signal_init(&t->client.loop, &t->signals[i]);
        t->signals[i].data = t;
        uv_signal_start(&t->signals[i], terminal_on_signal, NUMBERS[i]);
    }
}

/* --- Beginning and end --- */

/* The user's keys and looks; errors say file and line. */
static bool read_files(struct terminal *t, struct theme *theme, char *why, size_t size) {
    const struct tui_settings *set = t->client.settings;
    keymap_init(&t->keymap);
    t->view.keymap = &t->keymap;
    theme->light = theme_is_light(set->background, getenv("COLORFGBG"));
    return (!*set->keys || keymap_read(&t->keymap, set->keys, why, size)) &&
           (!*set->theme || theme_read(theme, set->theme, why, size));
}

static void learn_key(const char *bytes, struct key key, void *arg) {
    struct terminal *t = arg;
    tokens_learn(&t->tty.tokens, bytes, key);
}

static bool open_terminal(struct terminal *t, const struct theme *theme, char *why, size_t size) {
    static const struct tty_hooks TTY = {terminal_token, on_gone};
    static const struct input_hooks INPUT = {terminal_enter, terminal_draft_changed};
    const char *no_color = getenv("NO_COLOR");
    struct screen_options options = {.theme = theme, .no_color = no_color && *no_color};
    if (!screen_open(&options, why, size))
        return false;
    crash_handle(screen_rescue);
    input_open(&INPUT, t);
    if (tty_open(&t->tty, &t->client.loop, &TTY, t)) {
        screen_keys(learn_key, t);
        return true;
    }
    snprintf(why, size, "the terminal can't be read: %s", strerror(errno));
    screen_close();
    return false;
}

static void start(struct terminal *t) {
    client_start(&t->client);
    terminal_draw_start(t);
    watch_signals(t); /* behind curses, which has handlers of its own */
    terminal_resize(t);
    client_load(&t->client);
}

/* The terminal first, whatever the rest takes. */
static void terminal_finish(struct terminal *t) {
    screen_close();
    if (t->editor)
        editor_abandon(t->editor);
    tty_close(&t->tty);
    terminal_draw_stop(t);
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        uv_close((uv_handle_t *)&t->signals[i], NULL);
    client_finish(&t->client);
    input_close();
}

int terminal_run(const struct tui_settings *settings) {
    static const struct frontend TERMINAL = {.carry_out = terminal_carry_out,
                                             .done = terminal_done};
    struct terminal *t = calloc(1, sizeof *t);
    struct theme theme = {0};
    char why[WHY_SIZE] = "out of memory";
    if (!t)
        return EXIT_FAILURE;
    client_init(&t->client, settings, &TERMINAL, t);
    if (read_files(t, &theme, why, sizeof why) && client_open(&t->client, why, sizeof why) &&
        open_terminal(t, &theme, why, sizeof why)) {
        start(t);
        uv_run(&t->client.loop, UV_RUN_DEFAULT);
        terminal_finish(t);
        if (*t->client.unsaved) /* nobody saw it on the screen, which is gone */
            fprintf(stderr, "chattui: what you wrote last is not kept: %s\n", t->client.unsaved);
    } else {
        fprintf(stderr, "chattui: %s\n", why);
        client_abandon(&t->client);
    }
    client_free(&t->client);
    grid_free(&t->grid);
    int status = t->client.status;
    free(t);
    return status;
}
