/* terminal_draft - the line in the making, between readline, the editor and update(): see
 * internal.h.
 */
#include "chattui/app/internal.h"

#include "chattui/term/input.h"
#include "chattui/term/screen.h"

#include <string.h>

void terminal_draft_changed(void *arg) {
    struct terminal *t = arg;
    t->draft_changed = t->draft_changed || !t->setting;
    terminal_stale(t, true);
}

void terminal_tell_draft(struct terminal *t) {
    struct input_look look = input_look();
    struct event e = {.kind = EV_DRAFT,
                      .u.input = {.text = look.text, .len = look.len, .cursor = look.cursor}};
    if (!t->draft_changed)
        return;
    t->draft_changed = false;
    if (!*look.prompt) /* while readline searches, the line is what it has found so far */
        client_event(&t->client, &e);
}

void terminal_set_draft(struct terminal *t, const char *text, size_t cursor) {
    bool before = t->setting;
    t->setting = true;
    input_set(text, cursor);
    t->setting = before;
    t->draft_changed = false;
}

void terminal_enter(const char *text, void *arg) {
    struct terminal *t = arg;
    struct event e = {.kind = EV_ENTER,
                      .u.input = {.text = text, .len = strlen(text), .uuid = uuid_make()}};
    input_remember(text);
    t->draft_changed = false;
    client_event(&t->client, &e);
}

void terminal_complete(struct terminal *t, bool back) {
    struct input_look look = input_look();
    struct event e = {
        .kind = EV_COMPLETE,
        .u.input = {.text = look.text, .len = look.len, .cursor = look.cursor, .back = back}};
    client_event(&t->client, &e);
}

/* --- The editor --- */

static void on_edited(const char *text, const char *why, void *arg) {
    struct terminal *t = arg;
    t->editor = NULL;
    screen_enter();
    tty_resume(&t->tty);
    terminal_resize(t);
    if (text) {
        terminal_set_draft(t, text, strlen(text));
        t->draft_changed = true;
        terminal_tell_draft(t);
    } else
        client_trouble(&t->client, why);
    terminal_stale(t, true);
}

void terminal_edit(struct terminal *t, const char *text) {
    char why[STATUS_MAX];
    if (t->editor)
        return;
    tty_pause(&t->tty);
    screen_leave();
    t->editor = editor_start(&t->client.loop, text, on_edited, t, why, sizeof why);
    if (!t->editor)
        on_edited(NULL, why, t);
}
