/* terminal_keys - keys, pastes and the mouse, as events: see internal.h. The screen decides where a
 * key goes: to the dialogue, a question, the help, or else the keys of actions and, last, the
 * draft.
 */
#include "chattui/app/internal.h"

#include "chattui/term/input.h"
#include "chattui/term/screen.h"

#include <signal.h>
#include <unistd.h>

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

static bool is_text(const struct token *token) {
    return token->key.mods == 0 && token->key.code >= ' ' &&
           (token->key.code < KEYCODE_FIRST || token->key.code == KEYCODE_SPACE);
}

/* --- Scrolling --- */

static void scroll(struct terminal *t, int lines) {
    struct layout l = terminal_layout(t);
    struct event e = {.kind = EV_SCROLL};
    if (l.too_small)
        return;
    e.u.scroll = view_scroll(&t->client.model, &l, lines);
    client_event(&t->client, &e);
}

static int page(const struct terminal *t) {
    int rows = terminal_layout(t).timeline.rows;
    return rows > 2 ? rows - 1 : 1;
}

/* --- Actions --- */

static void tell_action(struct terminal *t, enum action action) {
    struct event e = {.kind = EV_ACTION, .u.action = action};
    client_event(&t->client, &e);
}

/* Stops the whole job, as the terminal driver would. Not without a shell that could go on with it:
 * in a window of its own the program would hang. */
static void suspend(struct terminal *t) {
    if (getpgrp() == getsid(0))
        screen_bell();
    else
        kill(0, SIGTSTP);
    terminal_stale(t, true);
}

static void act_on_terminal(struct terminal *t, enum action action) {
    switch (action) {
    case ACTION_PAGE_UP:
        scroll(t, -page(t));
        break;
    case ACTION_PAGE_DOWN:
        scroll(t, page(t));
        break;
    case ACTION_LINE_UP:
        scroll(t, -1);
        break;
    case ACTION_LINE_DOWN:
        scroll(t, 1);
        break;
    case ACTION_COMPLETE:
    case ACTION_COMPLETE_BACK:
        terminal_complete(t, action == ACTION_COMPLETE_BACK);
        break;
    case ACTION_NEWLINE:
        input_insert("\n", 1);
        break;
    case ACTION_CANCEL:
        input_cancel();
        break;
    case ACTION_EDITOR:
        terminal_edit(t, input_look().text);
        break;
    case ACTION_REDRAW:
        screen_redraw();
        terminal_stale(t, true);
        break;
    case ACTION_SUSPEND:
        suspend(t);
        break;
    default: /* not the terminal's */
        break;
    }
}

static void act(struct terminal *t, enum action action) {
    if (action_def(action)->who == ACTION_WHO_UPDATE)
        tell_action(t, action);
    else
        act_on_terminal(t, action);
}

/* --- The dialogue --- */

static void tell_field(struct terminal *t, enum field_op op, const char *text, size_t len) {
    struct event e = {.kind = EV_FIELD, .u.field = {.op = op, .text = text, .len = len}};
    client_event(&t->client, &e);
}

/* The operation that a key stands for; false: none. */
static bool field_op(const struct terminal *t, struct key k, enum field_op *op) {
    /* clang-format off */
    static const struct {
        struct key key;
        enum field_op op;
    } KEYS[] = {
        {{KEYCODE_BACKSPACE, 0}, FIELD_ERASE},
        {{'h', MOD_CTRL}, FIELD_ERASE},
        {{'u', MOD_CTRL}, FIELD_CLEAR},
        {{'w', MOD_CTRL}, FIELD_CLEAR},
        {{KEYCODE_TAB, 0}, FIELD_NEXT},
        {{KEYCODE_DOWN, 0}, FIELD_NEXT},
        {{KEYCODE_TAB, MOD_SHIFT}, FIELD_PREV},
        {{KEYCODE_UP, 0}, FIELD_PREV},
        {{KEYCODE_ENTER, 0}, FIELD_SUBMIT},
        {{'j', MOD_CTRL}, FIELD_SUBMIT},
        {{KEYCODE_ESCAPE, 0}, FIELD_CANCEL},
        {{'c', MOD_CTRL}, FIELD_CANCEL},
    };
    /* clang-format on */
    if (t->client.model.dialog.focus == FIELD_REGISTER &&
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

static void dialog_key(struct terminal *t, const struct token *token) {
    enum field_op op;
    enum action action = keymap_find(&t->keymap, token->key);
    if (field_op(t, token->key, &op))
        tell_field(t, op, "", 0);
    else if (is_text(token))
        tell_field(t, FIELD_TEXT, token->bytes, token->len);
    else if (action == ACTION_REDRAW || action == ACTION_SUSPEND)
        act(t, action);
}

/* The first line of what is pasted: a password from a manager comes with a line feed. */
static void dialog_paste(struct terminal *t, const char *text, size_t len) {
    size_t n = 0;
    while (n < len && (unsigned char)text[n] >= ' ' && text[n] != 0x7f)
        n++;
    if (n)
        tell_field(t, FIELD_TEXT, text, n);
}

/* --- Question and help --- */

static void question_key(struct terminal *t, struct key k) {
    struct event e = {.kind = EV_REPLY, .u.input = {.text = "", .uuid = uuid_make()}};
    e.u.input.yes = is_plain(k, 'y') || is_plain(k, 'Y');
    if (e.u.input.yes || is_plain(k, 'n') || is_plain(k, 'N') || is_plain(k, KEYCODE_ESCAPE) ||
        is_ctrl(k, 'c'))
        client_event(&t->client, &e);
}

static void help_key(struct terminal *t, struct key k) {
    enum action action = keymap_find(&t->keymap, k);
    int rows = page(t);
    if (action == ACTION_HELP || is_plain(k, KEYCODE_ESCAPE) || is_plain(k, 'q') ||
        is_plain(k, KEYCODE_ENTER) || is_ctrl(k, 'c')) {
        t->view.help_top = 0;
        tell_action(t, ACTION_HELP);
    } else if (is_plain(k, KEYCODE_PAGE_UP))
        t->view.help_top -= rows;
    else if (is_plain(k, KEYCODE_PAGE_DOWN) || is_plain(k, KEYCODE_SPACE))
        t->view.help_top += rows;
    else if (is_plain(k, KEYCODE_UP))
        t->view.help_top--;
    else if (is_plain(k, KEYCODE_DOWN))
        t->view.help_top++;
    else if (action == ACTION_REDRAW || action == ACTION_SUSPEND)
        act(t, action);
    terminal_stale(t, true);
}

/* --- Tokens --- */

/* Readline knows what xterm sends. A key that another terminal sends otherwise is handed on as
 * xterm's, but where the user's inputrc knows it as it came. */
static void edit_key(const struct token *token) {
    char usual[KEY_TEXT];
    bool named = token->len > 1 && token->bytes[0] == ESC;
    size_t len = 0;
    if (named && !input_is_bound(token->bytes, token->len))
        len = key_sequence(token->key, usual);
    if (len)
        input_key(usual, len, true);
    else
        input_key(token->bytes, token->len, named);
}

static void chat_key(struct terminal *t, const struct token *token) {
    enum action action = keymap_find(&t->keymap, token->key);
    if (action != ACTION_NONE)
        act(t, action);
    else
        edit_key(token);
    terminal_tell_draft(t);
}

static void tell_focus(struct terminal *t, bool has_focus) {
    struct event e = {.kind = EV_FOCUS, .u.yes = has_focus};
    client_event(&t->client, &e);
}

static void on_key(struct terminal *t, const struct token *token) {
    const struct model *m = &t->client.model;
    if (!m->has_focus && token->key.code != KEYCODE_NONE) /* not every terminal says so */
        tell_focus(t, true);
    if (m->dialog.state != DIALOG_CLOSED)
        dialog_key(t, token);
    else if (m->question.kind != QUESTION_NONE)
        question_key(t, token->key);
    else if (m->show_help)
        help_key(t, token->key);
    else
        chat_key(t, token);
    terminal_stale(t, true);
}

static void on_paste(struct terminal *t, const struct token *token) {
    const struct model *m = &t->client.model;
    if (m->dialog.state != DIALOG_CLOSED)
        dialog_paste(t, token->bytes, token->len);
    else if (m->question.kind == QUESTION_NONE && !m->show_help) {
        size_t len = token->len;
        while (len > 0 && (token->bytes[len - 1] == '\n' || token->bytes[len - 1] == '\r'))
            len--; /* a line that was copied whole is one line */
        if (!input_insert(token->bytes, len))
            screen_bell(); /* it did not all fit */
        terminal_tell_draft(t);
    }
}

/* Goes to a channel of the list, step by step where no action goes there directly. */
static void go_to_channel(struct terminal *t, size_t i) {
    if (ACTION_GO_1 + i <= ACTION_GO_9) {
        tell_action(t, (enum action)(ACTION_GO_1 + i));
        return;
    }
    for (size_t n = t->client.model.nconversations; n && t->client.model.current != i; n--)
        tell_action(t, t->client.model.current < i ? ACTION_NEXT_CHANNEL : ACTION_PREV_CHANNEL);
}

static void on_mouse(struct terminal *t, const struct token *token) {
    const struct model *m = &t->client.model;
    struct layout l = terminal_layout(t);
    if (!token->on || m->dialog.state != DIALOG_CLOSED || m->show_help || l.too_small)
        return;
    int channel = view_channel_at(m, &l, token->row, token->column);
    if (token->button == WHEEL_UP || token->button == WHEEL_DOWN)
        scroll(t, token->button == WHEEL_UP ? -WHEEL_LINES : WHEEL_LINES);
    else if (token->button == 0 && channel >= 0)
        go_to_channel(t, (size_t)channel);
}

void terminal_token(const struct token *token, void *arg) {
    struct terminal *t = arg;
    if (t->client.ended || t->editor)
        return;
    switch (token->kind) {
    case TOKEN_KEY:
        on_key(t, token);
        break;
    case TOKEN_PASTE:
        on_paste(t, token);
        break;
    case TOKEN_MOUSE:
        on_mouse(t, token);
        break;
    case TOKEN_FOCUS:
        tell_focus(t, token->on);
        break;
    }
}
