/* dialog - signing in, for the first time or again: fields that are filled in, then sent. The view
 * draws it; without a terminal (--plain) there is none, and what needs it ends the program. */
#include "chattui/update/internal.h"

#include "common/client/ws_url.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(WS_URL_TEXT <= URL_MAX && WS_URL_TEXT <= FIELD_MAX, "an address fits");

static void wipe_password_field(struct model *m) {
    secret_wipe(m->dialog.text[FIELD_PASSWORD], sizeof m->dialog.text[FIELD_PASSWORD]);
}

static enum field first_empty(const struct dialog *d) {
    for (enum field f = 0; f < FIELD_REGISTER; f++)
        if (!*d->text[f])
            return f;
    return FIELD_PASSWORD;
}

void dialog_open(struct model *m, struct effects *fx, const char *why) {
    struct dialog *d = &m->dialog;
    if (m->is_plain) {
        model_say(m, true, "%s", *why ? why : "a server, a name and a password are needed");
        ui_quit(m, fx, 1);
        return;
    }
    wipe_password_field(m);
    if (!*d->text[FIELD_SERVER])
        snprintf(d->text[FIELD_SERVER], FIELD_MAX, "%s", m->url);
    if (!*d->text[FIELD_NAME])
        snprintf(d->text[FIELD_NAME], FIELD_MAX, "%s", m->user);
    snprintf(d->error, sizeof d->error, "%s", why);
    d->state = DIALOG_EDITING;
    d->focus = first_empty(d);
    m->version++;
}

void dialog_close(struct model *m) {
    wipe_password_field(m);
    m->dialog.state = DIALOG_CLOSED;
    m->dialog.is_register = false;
    *m->dialog.error = '\0';
    m->version++;
}

/* --- Editing --- */

static void append(struct dialog *d, const char *s, size_t len) {
    if (d->focus == FIELD_REGISTER)
        return;
    char *text = d->text[d->focus];
    size_t had = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return; /* a paste with line feeds in it, say */
    if (!utf8_valid(s, len) || len > FIELD_MAX - had)
        return;
    memcpy(text + had, s, len);
    text[had + len] = '\0';
}

static void erase(struct dialog *d) {
    char *text = d->text[d->focus];
    size_t len = strlen(text);
    while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
        text[--len] = '\0';
    if (len > 0)
        text[len - 1] = '\0';
}

/* --- Going --- */

/* False: the error says what is wrong. Else the address is in the form in which it is kept. */
static bool check(struct dialog *d) {
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

static void take(char *out, size_t size, const char *field) {
    size_t len = strnlen(field, size - 1); /* it was seen to fit */
    memcpy(out, field, len);
    out[len] = '\0';
}

static void go(struct model *m, struct effects *fx) {
    struct dialog *d = &m->dialog;
    if (!check(d))
        return;
    bool same_server = strcmp(m->url, d->text[FIELD_SERVER]) == 0;
    take(m->url, sizeof m->url, d->text[FIELD_SERVER]);
    take(m->user, sizeof m->user, d->text[FIELD_NAME]);
    secret_wipe(m->key, sizeof m->key);
    *d->error = '\0';
    d->state = DIALOG_BUSY;
    if (m->net.state == NET_SIGNED_OUT && same_server)
        net_sign_in(m, fx);
    else
        net_connect(m, fx);
}

static void submit(struct model *m, struct effects *fx) {
    struct dialog *d = &m->dialog;
    enum field empty = first_empty(d);
    if (!*d->text[empty])
        d->focus = empty;
    else
        go(m, fx);
}

static void cancel(struct model *m, struct effects *fx) {
    if (m->dialog.state == DIALOG_BUSY) {
        net_stop(m, fx, "cancelled");
        dialog_open(m, fx, "");
    } else if (m->net.was_online) {
        dialog_close(m);
        model_say(m, false, "not connected: /connect");
    } else {
        ui_quit(m, fx, 0);
    }
}

void dialog_field(struct model *m, const struct event *e, struct effects *fx) {
    struct dialog *d = &m->dialog;
    enum field_op op = e->u.field.op;
    if (d->state == DIALOG_CLOSED || (d->state == DIALOG_BUSY && op != FIELD_CANCEL))
        return;
    m->version++;
    switch (op) {
    case FIELD_TEXT:
        append(d, e->u.field.text, e->u.field.len);
        break;
    case FIELD_ERASE:
        erase(d);
        break;
    case FIELD_CLEAR:
        secret_wipe(d->text[d->focus], sizeof d->text[d->focus]);
        break;
    case FIELD_NEXT:
        d->focus = (enum field)((d->focus + 1) % FIELDS);
        break;
    case FIELD_PREV:
        d->focus = (enum field)((d->focus + FIELDS - 1) % FIELDS);
        break;
    case FIELD_TOGGLE:
        d->is_register ^= d->focus == FIELD_REGISTER;
        break;
    case FIELD_SUBMIT:
        submit(m, fx);
        break;
    case FIELD_CANCEL:
        cancel(m, fx);
        break;
    }
}
