/* dialog - the sign-in dialogue: opened, closed and typed into. The view draws it; without a
 * terminal (--plain) there is none, and what needs it ends the program.
 */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <string.h>

static void wipe_password_field(struct model *m) {
    secret_wipe(m->dialog.text[FIELD_PASSWORD], sizeof m->dialog.text[FIELD_PASSWORD]);
}

enum field dialog_first_empty(const struct dialog *d) {
    for (enum field f = 0; f < FIELD_REGISTER; f++)
        if (!*d->text[f])
            return f;
    return FIELD_PASSWORD;
}

void dialog_open(struct model *m, const char *why) {
    struct dialog *d = &m->dialog;
    if (m->plain) {
        model_say(m, true, "%s", *why ? why : "a server, a name and a password are needed");
        model_quit(m, 1);
        return;
    }
    wipe_password_field(m);
    if (!*d->text[FIELD_SERVER])
        snprintf(d->text[FIELD_SERVER], FIELD_MAX, "%s", m->url);
    if (!*d->text[FIELD_NAME])
        snprintf(d->text[FIELD_NAME], FIELD_MAX, "%s", m->user);
    snprintf(d->error, sizeof d->error, "%s", why);
    d->state = DIALOG_EDITING;
    d->focus = dialog_first_empty(d);
    m->version++;
}

void dialog_close(struct model *m) {
    wipe_password_field(m);
    m->dialog.state = DIALOG_CLOSED;
    m->dialog.sign_up = m->dialog.offered = false;
    *m->dialog.error = '\0';
    m->version++;
}

/* What was typed stays: Enter makes the account, and another name takes the offer back. */
void dialog_offer_account(struct model *m) {
    struct dialog *d = &m->dialog;
    snprintf(d->error, sizeof d->error, "nobody is called %.*s here: Enter makes a new account",
             NAME_MAX_BYTES, d->text[FIELD_NAME]);
    d->sign_up = d->offered = true;
    d->state = DIALOG_EDITING;
    d->focus = FIELD_NAME;
    m->version++;
}

/* --- Editing --- */

void dialog_edited(struct dialog *d) {
    if (!d->offered || d->focus != FIELD_NAME)
        return;
    d->sign_up = d->offered = false;
    *d->error = '\0';
}

void dialog_append(struct dialog *d, const char *s, size_t len) {
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

void dialog_erase(struct dialog *d) {
    char *text = d->text[d->focus];
    size_t len = strlen(text);
    while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
        text[--len] = '\0';
    if (len > 0)
        text[len - 1] = '\0';
}
