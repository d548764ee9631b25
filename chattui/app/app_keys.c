/* app_keys - what the user does with the terminal, as events: see app_parts.h. Where a key goes is
 * decided by what is on the screen: the dialogue, a question, the help, or else the keys of actions
 * and, last, the line that is edited.
 */
#include "chattui/app/internal.h"

#include "chattui/term/input.h"
#include "chattui/term/screen.h"

#include <string.h>

#define WHEEL_LINES 3
#define WHEEL_UP 64
#define WHEEL_DOWN 65
#define ESC '\033'

static bool is_plain(struct key k, uint32_t code) {
    return k.code == code && k.mods == 0;
}

static bool is_ctrl(struct key k, char letter) {
    return k.code == (uint32_t)letter && k.mods == MOD_CTRL;
}

static bool is_text(const struct token *t) {
    return t->key.mods == 0 && t->key.code >= ' ' &&
           (t->key.code < KEYCODE_FIRST || t->key.code == KEYCODE_SPACE);
}

/* --- The line --- */

void app_line_changed(void *arg) {
    struct app *app = arg;
    app->has_changed = app->has_changed || !app->is_setting;
    app_stale(app, true);
}

void app_tell_draft(struct app *app) {
    struct input_look look = input_look();
    struct event e = {.kind = EV_DRAFT,
                      .u.line = {.text = look.text, .len = look.len, .cursor = look.cursor}};
    if (!app->has_changed)
        return;
    app->has_changed = false;
    if (!*look.prompt) /* while readline searches, the line is what it has found so far */
        app_event(app, &e);
}

void app_line(const char *text, void *arg) {
    struct app *app = arg;
    struct event e = {.kind = EV_LINE,
                      .u.line = {.text = text, .len = strlen(text), .uuid = uuid_make()}};
    input_remember(text);
    app->has_changed = false;
    app_event(app, &e);
}

static void complete(struct app *app, bool back) {
    struct input_look look = input_look();
    struct event e = {
        .kind = EV_COMPLETE,
        .u.line = {.text = look.text, .len = look.len, .cursor = look.cursor, .back = back}};
    app_event(app, &e);
}

/* --- Scrolling --- */

static void scroll(struct app *app, int lines) {
    struct layout l = app_layout(app);
    struct event e = {.kind = EV_SCROLL};
    if (l.too_small)
        return;
    e.u.scroll = view_scroll(&app->model, &l, lines);
    app_event(app, &e);
}

static int page(const struct app *app) {
    int rows = app_layout(app).timeline.rows;
    return rows > 2 ? rows - 1 : 1;
}

/* --- Actions --- */

static void tell_action(struct app *app, enum action action) {
    struct event e = {.kind = EV_ACTION, .u.action = action};
    app_event(app, &e);
}

static void act_on_terminal(struct app *app, enum action action) {
    switch (action) {
    case ACTION_PAGE_UP:
        scroll(app, -page(app));
        break;
    case ACTION_PAGE_DOWN:
        scroll(app, page(app));
        break;
    case ACTION_LINE_UP:
        scroll(app, -1);
        break;
    case ACTION_LINE_DOWN:
        scroll(app, 1);
        break;
    case ACTION_COMPLETE:
    case ACTION_COMPLETE_BACK:
        complete(app, action == ACTION_COMPLETE_BACK);
        break;
    case ACTION_NEWLINE:
        input_insert("\n", 1);
        break;
    case ACTION_CANCEL:
        input_cancel();
        break;
    case ACTION_EDITOR:
        app_edit(app, input_look().text);
        break;
    case ACTION_REDRAW:
        screen_redraw();
        app_stale(app, true);
        break;
    case ACTION_SUSPEND:
        app_suspend(app);
        break;
    default: /* not the terminal's */
        break;
    }
}

static void act(struct app *app, enum action action) {
    if (action_def(action)->who == ACTION_WHO_CORE)
        tell_action(app, action);
    else
        act_on_terminal(app, action);
}

/* --- The dialogue --- */

static void tell_field(struct app *app, enum field_op op, const char *text, size_t len) {
    struct event e = {.kind = EV_FIELD, .u.field = {.op = op, .text = text, .len = len}};
    app_event(app, &e);
}

/* The operation that a key stands for; false: none. */
static bool field_op(const struct app *app, struct key k, enum field_op *op) {
    static const struct {
        struct key key;
        enum field_op op;
    } KEYS[] = {{{KEYCODE_BACKSPACE, 0}, FIELD_ERASE},  {{'h', MOD_CTRL}, FIELD_ERASE},
                {{'u', MOD_CTRL}, FIELD_CLEAR},         {{'w', MOD_CTRL}, FIELD_CLEAR},
                {{KEYCODE_TAB, 0}, FIELD_NEXT},         {{KEYCODE_DOWN, 0}, FIELD_NEXT},
                {{KEYCODE_TAB, MOD_SHIFT}, FIELD_PREV}, {{KEYCODE_UP, 0}, FIELD_PREV},
                {{KEYCODE_ENTER, 0}, FIELD_SUBMIT},     {{'j', MOD_CTRL}, FIELD_SUBMIT},
                {{KEYCODE_ESCAPE, 0}, FIELD_CANCEL},    {{'c', MOD_CTRL}, FIELD_CANCEL}};
    if (app->model.dialog.focus == FIELD_REGISTER &&
        (is_plain(k, KEYCODE_SPACE) || is_plain(k, KEYCODE_LEFT) || is_plain(k, KEYCODE_RIGHT))) {
        *op = FIELD_TOGGLE;
        return true;
    }
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (key_eq(k, KEYS[i].key)) {
            *op = KEYS[i].op;
            return true;
        }
    }
    return false;
}

static void dialog_key(struct app *app, const struct token *t) {
    enum field_op op;
    enum action action = keymap_find(&app->keymap, t->key);
    if (field_op(app, t->key, &op))
        tell_field(app, op, "", 0);
    else if (is_text(t))
        tell_field(app, FIELD_TEXT, t->bytes, t->len);
    else if (action == ACTION_REDRAW || action == ACTION_SUSPEND)
        act(app, action);
}

/* The first line of what is pasted: a password from a manager comes with a line feed. */
static void dialog_paste(struct app *app, const char *text, size_t len) {
    size_t n = 0;
    while (n < len && (unsigned char)text[n] >= ' ' && text[n] != 0x7f)
        n++;
    if (n)
        tell_field(app, FIELD_TEXT, text, n);
}

/* --- Question and help --- */

static void question_key(struct app *app, struct key k) {
    struct event e = {.kind = EV_REPLY, .u.line = {.text = "", .uuid = uuid_make()}};
    e.u.line.yes = is_plain(k, 'y') || is_plain(k, 'Y');
    if (e.u.line.yes || is_plain(k, 'n') || is_plain(k, 'N') || is_plain(k, KEYCODE_ESCAPE) ||
        is_ctrl(k, 'c'))
        app_event(app, &e);
}

static void help_key(struct app *app, struct key k) {
    enum action action = keymap_find(&app->keymap, k);
    int rows = page(app);
    if (action == ACTION_HELP || is_plain(k, KEYCODE_ESCAPE) || is_plain(k, 'q') ||
        is_plain(k, KEYCODE_ENTER) || is_ctrl(k, 'c')) {
        app->view.help_top = 0;
        tell_action(app, ACTION_HELP);
    } else if (is_plain(k, KEYCODE_PAGE_UP))
        app->view.help_top -= rows;
    else if (is_plain(k, KEYCODE_PAGE_DOWN) || is_plain(k, KEYCODE_SPACE))
        app->view.help_top += rows;
    else if (is_plain(k, KEYCODE_UP))
        app->view.help_top--;
    else if (is_plain(k, KEYCODE_DOWN))
        app->view.help_top++;
    else if (action == ACTION_REDRAW || action == ACTION_SUSPEND)
        act(app, action);
    app_stale(app, true);
}

/* --- Tokens --- */

static void chat_key(struct app *app, const struct token *t) {
    enum action action = keymap_find(&app->keymap, t->key);
    if (action != ACTION_NONE)
        act(app, action);
    else
        input_key(t->bytes, t->len, t->len > 1 && t->bytes[0] == ESC);
    app_tell_draft(app);
}

static void tell_focus(struct app *app, bool has_focus) {
    struct event e = {.kind = EV_FOCUS, .u.yes = has_focus};
    app_event(app, &e);
}

static void on_key(struct app *app, const struct token *t) {
    const struct model *m = &app->model;
    if (!m->has_focus) /* not every terminal says when it has it again */
        tell_focus(app, true);
    if (m->dialog.state != DIALOG_CLOSED)
        dialog_key(app, t);
    else if (m->question.kind != QUESTION_NONE)
        question_key(app, t->key);
    else if (m->show_help)
        help_key(app, t->key);
    else
        chat_key(app, t);
    app_stale(app, true);
}

static void on_paste(struct app *app, const struct token *t) {
    const struct model *m = &app->model;
    if (m->dialog.state != DIALOG_CLOSED)
        dialog_paste(app, t->bytes, t->len);
    else if (m->question.kind == QUESTION_NONE && !m->show_help) {
        size_t len = t->len;
        while (len > 0 && (t->bytes[len - 1] == '\n' || t->bytes[len - 1] == '\r'))
            len--; /* a line that was copied whole is one line */
        if (!input_insert(t->bytes, len))
            screen_bell(); /* it did not all fit */
        app_tell_draft(app);
    }
}

/* Goes to a channel of the list, step by step where no action goes there directly. */
static void go_to_channel(struct app *app, size_t i) {
    if (ACTION_GO_1 + i <= ACTION_GO_9) {
        tell_action(app, (enum action)(ACTION_GO_1 + i));
        return;
    }
    for (size_t n = app->model.nchannels; n && app->model.current != i; n--)
        tell_action(app, app->model.current < i ? ACTION_NEXT_CHANNEL : ACTION_PREV_CHANNEL);
}

static void on_mouse(struct app *app, const struct token *t) {
    const struct model *m = &app->model;
    struct layout l = app_layout(app);
    if (!t->on || m->dialog.state != DIALOG_CLOSED || m->show_help || l.too_small)
        return;
    int channel = view_channel_at(m, &l, t->row, t->column);
    if (t->button == WHEEL_UP || t->button == WHEEL_DOWN)
        scroll(app, t->button == WHEEL_UP ? -WHEEL_LINES : WHEEL_LINES);
    else if (t->button == 0 && channel >= 0)
        go_to_channel(app, (size_t)channel);
}

void app_token(const struct token *t, void *arg) {
    struct app *app = arg;
    if (app->is_ending || app->editor)
        return;
    switch (t->kind) {
    case TOKEN_KEY:
        on_key(app, t);
        break;
    case TOKEN_PASTE:
        on_paste(app, t);
        break;
    case TOKEN_MOUSE:
        on_mouse(app, t);
        break;
    case TOKEN_FOCUS:
        tell_focus(app, t->on);
        break;
    }
}
