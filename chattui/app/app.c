/* app - see app.h. */
#include "chattui/app/app.h"

#include "chattui/app/internal.h"
#include "chattui/io/password.h"
#include "chattui/term/crash.h"
#include "chattui/term/input.h"
#include "chattui/term/screen.h"
#include "chattui/update/update.h"

#include "common/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHY_SIZE 512
#define GOODBYE_MS 1000 /* for the closing handshake, when the program ends */
#define FRAME_MS 16
#define FRAME_NS (FRAME_MS * 1000000ull)

/* --- Events --- */

void app_event(struct app *app, struct event *e) {
    e->now_ms = clock_mono_ms();
    e->wall_ms = clock_wall_ms();
    update(&app->model, e, &app->fx);
    if (app->is_carrying) /* it came of an effect: its own are behind those under way */
        return;
    app->is_carrying = true;
    for (size_t i = 0; i < app->fx.n; i++)
        app_carry_out(app, &app->fx.items[i]);
    app->is_carrying = false;
    effects_clear(&app->fx);
    if (app->model.version != app->drawn_version)
        app_stale(app, false);
}

/* --- Drawing --- */

void app_stale(struct app *app, bool urgent) {
    app->is_stale = true;
    app->is_urgent = app->is_urgent || urgent;
}

struct layout app_layout(const struct app *app) {
    struct input_look look = input_look();
    return view_layout(&app->model, &look, app->grid.rows, app->grid.cols);
}

void app_fill(struct app *app) {
    const struct channel *c = model_current(&app->model);
    struct event e = {.kind = EV_SCROLL};
    if (!c || timeline_top(&c->timeline) != TOP_MORE ||
        (c == app->filled && c->timeline.version == app->filled_version))
        return;
    struct layout l = app_layout(app);
    app->filled = c;
    app->filled_version = c->timeline.version;
    if (l.too_small || !view_shows_top(&app->model, &l))
        return;
    e.u.scroll = view_scroll(&app->model, &l, 0);
    app_event(app, &e);
}

static void draw(struct app *app) {
    struct input_look look = input_look();
    app->is_stale = app->is_urgent = false;
    app->drawn_ns = uv_hrtime();
    app->drawn_version = app->model.version;
    view_draw(&app->grid, &app->model, &look, &app->view);
    screen_mouse(app->model.tuning.mouse);
    screen_show(&app->grid);
    app_fill(app);
}

static void on_frame(uv_timer_t *timer) {
    (void)timer; /* the loop comes round, and on_prepare draws */
}

/* At the end of each turn, before the loop waits. */
static void on_prepare(uv_prepare_t *prepare) {
    struct app *app = prepare->data;
    uint64_t since = uv_hrtime() - app->drawn_ns;
    if (app->is_ending) {
        uv_stop(&app->loop);
        return;
    }
    if (!app->is_stale || app->editor)
        return;
    if (app->is_urgent || since >= FRAME_NS)
        draw(app);
    else if (!uv_is_active((uv_handle_t *)&app->frame))
        uv_timer_start(&app->frame, on_frame, FRAME_MS - since / 1000000, 0);
}

/* --- Size, signals --- */

void app_take_size(struct app *app) {
    int rows, cols;
    screen_size(&rows, &cols);
    struct event e = {.kind = EV_RESIZE, .u.size = {rows, cols}};
    if (!grid_resize(&app->grid, rows, cols))
        return;
    input_resize(rows, cols);
    app_event(app, &e);
    app_stale(app, true);
}

void app_end(struct app *app, int status) {
    app->is_ending = true;
    app->status = status;
}

/* In good order: drafts are saved, the server hears a goodbye. */
static void quit(struct app *app) {
    struct event e = {.kind = EV_QUIT};
    app_event(app, &e);
    app_end(app, app->status);
}

static void on_gone(void *arg) {
    quit(arg);
}

/* Stops the whole job, as the terminal driver would. Not without a shell that could go on with it:
 * in a window of its own the program would hang. */
void app_suspend(struct app *app) {
    if (getpgrp() == getsid(0))
        screen_bell();
    else
        kill(0, SIGTSTP);
    app_stale(app, true);
}

/* Also behind a SIGSTOP, which nobody hears of: the shell has had the terminal meanwhile. */
static void go_on(struct app *app) {
    if (app->editor)
        return;
    screen_leave();
    screen_enter();
    app_take_size(app);
}

static void on_signal(uv_signal_t *handle, int number) {
    struct app *app = handle->data;
    switch (number) {
    case SIGWINCH:
        app_take_size(app);
        break;
    case SIGTSTP:
        screen_leave();
        raise(SIGSTOP);
        break;
    case SIGCONT:
        go_on(app);
        break;
    case SIGINT: /* with raw mode no key sends it; while the editor runs it is the editor's */
        if (!app->editor)
            quit(app);
        break;
    default:
        quit(app);
        break;
    }
}

static void watch_signals(struct app *app) {
    static const int NUMBERS[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* the terminal is set back even by a job in the background */
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        uv_signal_init(&app->loop, &app->signals[i]);
        app->signals[i].data = app;
        uv_signal_start(&app->signals[i], on_signal, NUMBERS[i]);
    }
}

/* --- Beginning and end --- */

static void complain(const char *why) {
    fprintf(stderr, "chattui: %s\n", why);
}

/* The user's keys and looks; errors say file and line. */
static bool read_files(struct app *app, struct theme *theme, char *why, size_t size) {
    const struct tui_settings *set = app->settings;
    keymap_init(&app->keymap);
    app->view.keymap = &app->keymap;
    theme->is_light = theme_is_light(set->background, getenv("COLORFGBG"));
    return (!*set->keys || keymap_read(&app->keymap, set->keys, why, size)) &&
           (!*set->theme || theme_read(theme, set->theme, why, size));
}

static void on_net(struct event *e, void *arg) {
    app_event(arg, e);
}

static bool init_model(struct app *app) {
    struct uuid random = uuid_make();
    struct model_options options = {.server = app->settings->server, .user = app->settings->user};
    memcpy(&options.seed, random.b, sizeof options.seed);
    tui_settings_tuning(app->settings, &options.tuning);
    return model_init(&app->model, &options);
}

/* What can fail before the terminal is taken over. */
static bool open_rooms(struct app *app, struct theme *theme, char *why, size_t size) {
    if (!read_files(app, theme, why, size))
        return false;
    app->journal = tui_journal_open(app->settings, why, size);
    if (app->journal)
        app->net = tui_net_new(&app->loop, app->settings->ca, on_net, app, why, size);
    return app->net;
}

static bool open_terminal(struct app *app, const struct theme *theme, char *why, size_t size) {
    static const struct tty_hooks TTY = {app_token, on_gone};
    static const struct input_hooks INPUT = {app_line, app_line_changed};
    const char *no_color = getenv("NO_COLOR");
    struct screen_options options = {.theme = theme, .no_color = no_color && *no_color};
    if (!screen_open(&options, why, size))
        return false;
    crash_handle(screen_rescue);
    input_open(&INPUT, app);
    if (tty_open(&app->tty, &app->loop, &TTY, app))
        return true;
    snprintf(why, size, "the terminal can't be read: %s", strerror(errno));
    screen_close();
    return false;
}

static void start(struct app *app) {
    struct event e = {.kind = EV_LOADED};
    uv_prepare_init(&app->loop, &app->prepare);
    uv_timer_init(&app->loop, &app->frame);
    uv_timer_init(&app->loop, &app->wake);
    uv_timer_init(&app->loop, &app->patience);
    app->prepare.data = app->wake.data = app->patience.data = app;
    uv_prepare_start(&app->prepare, on_prepare);
    watch_signals(app); /* behind curses, which has handlers of its own */
    app_take_size(app);
    tui_journal_load(app->journal, &e);
    e.u.loaded.has_password = tui_password_has(app->settings);
    app_event(app, &e);
}

static void on_impatience(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

/* The terminal first, whatever the rest takes. */
static void finish(struct app *app) {
    screen_close();
    if (app->editor)
        editor_abandon(app->editor);
    tui_net_end(app->net);
    tty_close(&app->tty);
    uv_close((uv_handle_t *)&app->prepare, NULL);
    uv_close((uv_handle_t *)&app->frame, NULL);
    uv_close((uv_handle_t *)&app->wake, NULL);
    for (size_t i = 0; i < APP_SIGNALS; i++)
        uv_close((uv_handle_t *)&app->signals[i], NULL);
    uv_timer_start(&app->patience, on_impatience, GOODBYE_MS, 0);
    uv_unref((uv_handle_t *)&app->patience);
    uv_run(&app->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&app->patience, NULL);
    uv_run(&app->loop, UV_RUN_NOWAIT);
    input_close();
}

static void free_rooms(struct app *app) {
    tui_net_free(app->net);
    tui_journal_close(app->journal);
    model_free(&app->model);
    effects_free(&app->fx);
    grid_free(&app->grid);
    uv_loop_close(&app->loop);
}

int app_run(const struct tui_settings *settings) {
    struct app *app = calloc(1, sizeof *app);
    struct theme theme = {0};
    char why[WHY_SIZE] = "out of memory";
    if (!app)
        return EXIT_FAILURE;
    app->settings = settings;
    app->status = EXIT_FAILURE;
    uv_loop_init(&app->loop);
    effects_init(&app->fx);
    if (init_model(app) && open_rooms(app, &theme, why, sizeof why) &&
        open_terminal(app, &theme, why, sizeof why)) {
        start(app);
        uv_run(&app->loop, UV_RUN_DEFAULT);
        finish(app);
    } else
        complain(why);
    free_rooms(app);
    int status = app->status;
    free(app);
    return status;
}
