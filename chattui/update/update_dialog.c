/* update_dialog - keys of the sign-in dialogue: the fields are checked, and then used to connect
 * and sign in.
 */
#include "chattui/update/internal.h"

#include "common/client/ws_url.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(WS_URL_TEXT <= URL_MAX && WS_URL_TEXT <= FIELD_MAX, "an address fits");

/* False: the error says what is wrong. Else the address is in the form in which it is kept. */
static bool check_fields(struct dialog *d) {
    struct ws_url url;
    char text[WS_URL_TEXT];
    if (!ws_url_parse(d->text[FIELD_SERVER], &url, d->error, sizeof d->error)) {
        d->focus = FIELD_SERVER;
        return false;
    }
    if (strlen(d->text[FIELD_NAME]) > NAME_MAX_BYTES) {
        snprintf(d->error, sizeof d->error, "the name is too long");
        d->focus = FIELD_NAME;
        return false;
    }
    ws_url_format(&url, text);
    memcpy(d->text[FIELD_SERVER], text, strlen(text) + 1);
    return true;
}

static void copy_field(char *out, size_t size, const char *field) {
    size_t len = strnlen(field, size - 1); /* it was seen to fit */
    memcpy(out, field, len);
    out[len] = '\0';
}

static void go(struct model *m, struct effects *fx) {
    struct dialog *d = &m->dialog;
    if (!check_fields(d))
        return;
    bool same_server = strcmp(m->url, d->text[FIELD_SERVER]) == 0;
    copy_field(m->url, sizeof m->url, d->text[FIELD_SERVER]);
    copy_field(m->user, sizeof m->user, d->text[FIELD_NAME]);
    secret_wipe(m->key, sizeof m->key);
    *d->error = '\0';
    d->state = DIALOG_BUSY;
    if (m->conn.state == CONN_SIGNED_OUT && same_server)
        conn_sign_in(m, fx);
    else
        conn_connect(m, fx);
}

static void submit(struct model *m, struct effects *fx) {
    struct dialog *d = &m->dialog;
    enum field empty = dialog_first_empty(d);
    if (!*d->text[empty])
        d->focus = empty;
    else
        go(m, fx);
}

static void cancel(struct model *m, struct effects *fx) {
    if (m->dialog.state == DIALOG_BUSY) {
        conn_stop(m, fx, "cancelled");
        dialog_open(m, "");
    } else if (m->conn.was_online) {
        dialog_close(m);
        model_say(m, false, "not connected: /connect");
    } else {
        model_quit(m, 0);
    }
}

void update_field(struct model *m, const struct event *e, struct effects *fx) {
    struct dialog *d = &m->dialog;
    enum field_op op = e->u.field.op;
    if (d->state == DIALOG_CLOSED || (d->state == DIALOG_BUSY && op != FIELD_CANCEL))
        return;
    m->version++;
    switch (op) {
    case FIELD_TEXT:
        dialog_append(d, e->u.field.text, e->u.field.len);
        dialog_edited(d);
        break;
    case FIELD_ERASE:
        dialog_erase(d);
        dialog_edited(d);
        break;
    case FIELD_CLEAR:
        dialog_edited(d);
        secret_wipe(d->text[d->focus], sizeof d->text[d->focus]);
        break;
    case FIELD_NEXT:
        d->focus = (enum field)((d->focus + 1) % FIELDS);
        break;
    case FIELD_PREV:
        d->focus = (enum field)((d->focus + FIELDS - 1) % FIELDS);
        break;
    case FIELD_TOGGLE:
        d->sign_up ^= d->focus == FIELD_REGISTER;
        break;
    case FIELD_SUBMIT:
        submit(m, fx);
        break;
    case FIELD_CANCEL:
        cancel(m, fx);
        break;
    }
}
