/* app_effects - what update() wants done, done: see app_parts.h. */
#include "chattui/app/internal.h"

#include "chattui/base/alarm.h"
#include "chattui/io/desktop.h"
#include "chattui/io/password.h"
#include "chattui/term/input.h"
#include "chattui/term/screen.h"

#include "common/base/sanitize.h"

#include <stdio.h>
#include <string.h>

#define NOTE_MAX 1024 /* bytes of a notification, sanitized */

/* --- The line --- */

static void set_input(struct app *app, const char *text, size_t cursor) {
    bool before = app->is_setting;
    app->is_setting = true;
    input_set(text, cursor);
    app->is_setting = before;
    app->has_changed = false;
}

/* --- Notifications --- */

/* By the terminal, which may be on another machine than this program, and by the desktop. */
static void notify(struct app *app, const char *title, const char *body) {
    struct buf clean_title, clean_body;
    buf_init(&clean_title, NOTE_MAX);
    buf_init(&clean_body, NOTE_MAX);
    sanitize(&clean_title, title, strnlen(title, NOTE_MAX / 4), false);
    sanitize(&clean_body, body, strnlen(body, NOTE_MAX / 4), false);
    screen_notify(buf_cstr(&clean_title), buf_cstr(&clean_body));
    desktop_notify(&app->loop, buf_cstr(&clean_title), buf_cstr(&clean_body));
    buf_free(&clean_title);
    buf_free(&clean_body);
}

/* --- The editor --- */

static void tell_user(struct app *app, const char *text) {
    struct event e = {.kind = EV_TROUBLE, .u.line = {.text = text, .len = strlen(text)}};
    app_event(app, &e);
}

static void on_edited(const char *text, const char *why, void *arg) {
    struct app *app = arg;
    app->editor = NULL;
    screen_enter();
    tty_resume(&app->tty);
    app_take_size(app);
    if (text) {
        set_input(app, text, strlen(text));
        app->has_changed = true;
        app_tell_draft(app);
    } else
        tell_user(app, why);
    app_stale(app, true);
}

void app_edit(struct app *app, const char *text) {
    char why[STATUS_MAX];
    if (app->editor)
        return;
    tty_pause(&app->tty);
    screen_leave();
    app->editor = editor_start(&app->loop, text, on_edited, app, why, sizeof why);
    if (!app->editor)
        on_edited(NULL, why, app);
}

/* --- The clock --- */

static void on_wake(uv_timer_t *timer) {
    struct event e = {.kind = EV_TICK};
    app_event(timer->data, &e);
}

/* --- All of them --- */

static void on_event(struct event *e, void *arg) {
    app_event(arg, e);
}

static void read_password(struct app *app) {
    struct event e = {.kind = EV_PASSWORD, .u.line = {.text = "out of memory"}};
    if (!tui_password_read(&app->loop, app->settings, on_event, app))
        app_event(app, &e);
}

static void load(struct app *app) {
    struct event e = {.kind = EV_LOADED};
    tui_journal_load(app->journal, &e);
    e.u.loaded.has_password = tui_password_has(app->settings);
    app_event(app, &e);
}

/* What concerns the terminal and the desktop. */
static void carry_out_here(struct app *app, const struct effect *fx) {
    switch (fx->kind) {
    case EFFECT_SET_INPUT:
        set_input(app, fx->text, fx->cursor);
        break;
    case EFFECT_BELL:
        screen_bell();
        break;
    case EFFECT_NOTIFY:
        notify(app, fx->title, fx->text);
        break;
    case EFFECT_OPEN_URL:
        if (!desktop_open(&app->loop, fx->text))
            tell_user(app, "the link can't be opened: is there an xdg-open?");
        break;
    case EFFECT_EDITOR:
        app_edit(app, fx->text);
        break;
    case EFFECT_LOAD:
        load(app);
        break;
    case EFFECT_READ_PASSWORD:
        read_password(app);
        break;
    case EFFECT_WAKE:
        alarm_at(&app->wake, on_wake, fx->at_ms);
        break;
    case EFFECT_QUIT:
        app_end(app, fx->status);
        break;
    default: /* net's or journal's */
        break;
    }
}

void app_carry_out(struct app *app, const struct effect *fx) {
    const char *trouble;
    if (!tui_journal_carry_out(app->journal, fx, on_event, app) && !tui_net_carry_out(app->net, fx))
        carry_out_here(app, fx);
    if ((trouble = tui_journal_trouble(app->journal)))
        tell_user(app, trouble);
}
