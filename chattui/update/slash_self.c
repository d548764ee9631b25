/* slash_self - commands about the program: connection, settings, aliases, help, leaving. */
#include "chattui/update/describe.h"
#include "chattui/update/internal.h"
#include "chattui/update/slash_run.h"
#include "common/client/ws_url.h"

#include <stdio.h>
#include <string.h>

/* --- The connection --- */

bool slash_connect(struct slash_call *call) {
    struct model *m = call->m;
    struct ws_url url;
    char text[WS_URL_TEXT], why[STATUS_MAX];
    if (*call->arg[0]) {
        if (!ws_url_parse(call->arg[0], &url, why, sizeof why)) {
            model_say(m, true, "%s", why);
            return false;
        }
        ws_url_format(&url, text);
        if (strcmp(text, m->url) != 0) { /* another chat: its own key, its own channels */
            model_say(m, true, "another server: start chattui --server %s", text);
            return false;
        }
    }
    if (m->conn.state == CONN_ONLINE) {
        model_say(m, false, "already connected; /reconnect opens the connection anew");
        return true;
    }
    return slash_reconnect(call);
}

bool slash_reconnect(struct slash_call *call) {
    struct model *m = call->m;
    m->conn.attempt = 0;
    if (*m->key)
        conn_connect(m, call->fx);
    else if (m->has_password_source)
        effects_add(call->fx, EFFECT_READ_PASSWORD);
    else
        dialog_open(m, "");
    return true;
}

bool slash_signout(struct slash_call *call) {
    struct request *r;
    struct model *m = call->m;
    if (m->conn.state == CONN_ONLINE && ask_begin(m, call->fx, ASK_SIGN_OUT, NULL, &r))
        return true;
    model_say(m, true, "not connected: the server can't be told to forget the key");
    return false;
}

/* --- Settings --- */

static void add_setting(struct buf *b, const struct tuning *t, size_t i) {
    const struct tuning_def *d = tuning_def(i);
    int value = tuning_get(t, i);
    if (d->most == 1)
        buf_fmt(b, "%s %s: %s\n", d->name, value ? "on" : "off", d->help);
    else
        buf_fmt(b, "%s %d: %s\n", d->name, value, d->help);
}

static void show_settings(struct slash_call *call) {
    const struct tuning_def *d;
    struct buf b;
    buf_init(&b, 8192);
    for (size_t i = 0; (d = tuning_def(i)); i++)
        if (!*call->arg[0] || strcmp(d->name, call->arg[0]) == 0)
            add_setting(&b, &call->m->tuning, i);
    if (b.len > 0)
        model_notice(call->m, call->conversation, NOTICE_INFO, "%.*s", (int)b.len - 1,
                     buf_cstr(&b));
    else
        model_say(call->m, true, "there is no such setting");
    buf_free(&b);
}

bool slash_set(struct slash_call *call) {
    struct model *m = call->m;
    if (!*call->arg[1]) {
        show_settings(call);
        return true;
    }
    const char *wrong = tuning_set(&m->tuning, call->arg[0], call->arg[1]);
    if (wrong) {
        model_say(m, true, "%s: %s", call->arg[0], wrong);
        return false;
    }
    m->show_members = strcmp(call->arg[0], "members") == 0 ? m->tuning.members : m->show_members;
    model_say(m, false, "%s is %s, until the program ends", call->arg[0], call->arg[1]);
    return true;
}

/* --- Aliases --- */

/* NULL: done; else what is wrong, a literal. */
static const char *set_alias(struct model *m, const char *name, const char *text) {
    struct alias *a = model_alias(m, name, strlen(name));
    if (strlen(name) >= sizeof a->name || strlen(text) >= sizeof a->text || strchr(name, ' '))
        return "the name or the line is too long";
    if (slash_find(name, strlen(name)))
        return "there is a command of that name";
    if (!a && m->naliases == ALIASES_MAX)
        return "there are too many aliases";
    if (!a)
        a = &m->aliases[m->naliases++];
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->text, sizeof a->text, "%s", text);
    return NULL;
}

static void show_aliases(struct slash_call *call) {
    struct buf b;
    buf_init(&b, 16384);
    for (size_t i = 0; i < call->m->naliases; i++)
        buf_fmt(&b, "%s/%s: %s", i > 0 ? "\n" : "", call->m->aliases[i].name,
                call->m->aliases[i].text);
    model_notice(call->m, call->conversation, NOTICE_INFO, "%s",
                 b.len > 0 ? buf_cstr(&b) : "no aliases");
    buf_free(&b);
}

bool slash_alias(struct slash_call *call) {
    if (!*call->arg[1]) {
        show_aliases(call);
        return true;
    }
    const char *name = call->arg[0] + (*call->arg[0] == '/');
    const char *wrong = set_alias(call->m, name, call->arg[1]);
    if (wrong)
        model_say(call->m, true, "%s", wrong);
    else
        model_say(call->m, false, "/%s is %s, until the program ends", name, call->arg[1]);
    return !wrong;
}

bool slash_unalias(struct slash_call *call) {
    struct model *m = call->m;
    const char *name = call->arg[0] + (*call->arg[0] == '/');
    struct alias *a = model_alias(m, name, strlen(name));
    if (!a) {
        model_say(m, true, "there is no such alias");
        return false;
    }
    *a = m->aliases[--m->naliases];
    return true;
}

/* --- Help, leaving --- */

bool slash_help(struct slash_call *call) {
    const char *name = call->arg[0] + (*call->arg[0] == '/');
    const struct slash_def *d = slash_find(name, strlen(name));
    if (d) {
        model_notice(call->m, call->conversation, NOTICE_INFO, "/%s%s%s - %s", d->name,
                     *d->args ? " " : "", d->args, d->help);
    } else if (*name) {
        model_say(call->m, true, "no such command");
        return false;
    } else if (call->m->plain) {
        struct buf b;
        buf_init(&b, 16384);
        describe_help(&b, NULL);
        timeline_notice(&call->conversation->timeline, NOTICE_INFO, buf_cstr(&b), b.len,
                        call->m->wall_ms);
        buf_free(&b);
    } else {
        call->m->show_help = true;
    }
    call->m->version++;
    return true;
}

bool slash_quit(struct slash_call *call) {
    struct model *m = call->m;
    size_t n = outbox_count(&m->outbox, NULL, false);
    if (n > 0 && !m->plain && strcmp(call->arg[0], "now") != 0) {
        m->question = (struct question){.kind = QUESTION_QUIT};
        snprintf(m->question.text, sizeof m->question.text,
                 "%zu message%s not sent yet (kept for the next time). Quit? y/n", n,
                 n == 1 ? " is" : "s are");
        return true;
    }
    model_quit(m, 0);
    return true;
}
