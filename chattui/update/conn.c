/* conn - the connection and who we are on it.
 *
 *   OFFLINE ─▶ CONNECTING ─▶ GREETING ─▶ SIGNING_IN ─▶ ONLINE
 *                  ▲             └──▶ SIGNED_OUT (the dialogue) ──▲
 *                  └── WAITING ◀── whatever is lost, unless trying again can't help
 */
#include "chattui/update/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MS 15000
#define GREETING_MS 10000
#define SIGN_IN_MS 60000 /* the server may delay it after failures */
#define SLOW_MS 60000
#define LIMIT_LEAST 4 /* bytes: less than a character is no limit of messages */
#define LIMIT_MAX (1u << 20)
#define GO_AWAY_LEAST_MS 1000 /* a server that says 0 would have us at once, again and again */
#define STEADY_MS 10000       /* a connection that lasted so long was no failed try */

/* The one place where the state changes. */
static void set_state(struct model *m, enum conn_state state) {
    static const uint64_t DEADLINES[] = {[CONN_CONNECTING] = OPEN_MS,
                                         [CONN_GREETING] = GREETING_MS,
                                         [CONN_SIGNING_IN] = SIGN_IN_MS,
                                         [CONN_ONLINE] = 0};
    uint64_t wait = (size_t)state < sizeof DEADLINES / sizeof *DEADLINES ? DEADLINES[state] : 0;
    m->conn.state = state;
    m->conn.since_ms = m->now_ms;
    m->conn.deadline_ms = wait ? m->now_ms + wait : 0;
    m->version++;
}

static void set_trouble(struct model *m, const char *why) {
    snprintf(m->conn.trouble, sizeof m->conn.trouble, "%s", why);
}

static bool has_socket(const struct model *m) {
    return m->conn.state >= CONN_CONNECTING;
}

static void wipe_password(struct model *m) {
    if (!m->password)
        return;
    secret_wipe(m->password, strlen(m->password));
    free(m->password);
    m->password = NULL;
}

/* --- To and fro --- */

/* Joins and pages under way are due again; requests of the user are not. */
static void lose_asks(struct model *m) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        ask_end(&m->asks[i]);
    for (size_t i = 0; i < m->nconversations; i++) {
        struct conversation *c = m->conversations[i];
        if (c->join == JOIN_DONE || c->join == JOIN_ASKED)
            c->join = JOIN_WANTED;
        c->pause_ms = 0;
        timeline_forget_asks(&c->timeline);
    }
    outbox_lost_connection(m);
    lookup_end(m);
}

void conn_connect(struct model *m, struct effects *fx) {
    if (has_socket(m))
        effects_add(fx, EFFECT_CLOSE);
    lose_asks(m);
    m->wants_online = true;
    m->signed_in = m->conn.key_sent = m->conn.has_users = false;
    m->conn.go_away_ms = 0;
    struct effect *e = effects_add(fx, EFFECT_CONNECT);
    e->text = effects_copy(fx, m->url, strlen(m->url));
    e->len = strlen(m->url);
    set_state(m, CONN_CONNECTING);
}

void conn_stop(struct model *m, struct effects *fx, const char *why) {
    if (has_socket(m))
        effects_add(fx, EFFECT_CLOSE);
    lose_asks(m);
    m->wants_online = m->signed_in = false;
    set_trouble(m, why);
    set_state(m, CONN_OFFLINE);
}

static void wait_ms(struct model *m, uint64_t ms) {
    m->conn.attempt++;
    m->conn.retry_ms = m->now_ms + ms;
    set_state(m, CONN_WAITING);
}

/* A close code's meaning for coming back: PROTOCOL.md, "Close codes". */
enum comeback { COME_BACK, COME_SLOWLY, STAY_AWAY, SIGN_IN_AGAIN };

static enum comeback comeback_of(unsigned code) {
    switch (code) {
    case CLOSE_TOO_MANY_ERRORS:
    case CLOSE_TOO_MANY_SIGN_INS:
    case CLOSE_FLOOD:
    case 4007:
        return COME_SLOWLY;
    case CLOSE_UNSUPPORTED:
    case CLOSE_BAD_UTF8:
    case CLOSE_POLICY:
    case CLOSE_TOO_BIG:
    case CLOSE_KICKED:
    case CLOSE_BANNED:
        return STAY_AWAY;
    case CLOSE_SIGN_IN_TIMEOUT:
        return SIGN_IN_AGAIN;
    default:
        return COME_BACK;
    }
}

/* As long as the server asks for; longer if it does so again and again. */
static uint64_t go_away_delay(struct model *m, uint32_t asked) {
    uint64_t least = m->conn.attempt ? ask_back_off(m, m->conn.attempt) : 0;
    if (asked < GO_AWAY_LEAST_MS && least < GO_AWAY_LEAST_MS)
        least = GO_AWAY_LEAST_MS + model_random(m, GO_AWAY_LEAST_MS / 4);
    return asked > least ? asked : least;
}

static void lost(struct model *m, enum comeback comeback) {
    bool was_asked = m->dialog.state == DIALOG_BUSY;
    if (m->question.kind == QUESTION_NEW_ACCOUNT)
        m->question = (struct question){.kind = QUESTION_NONE};
    uint32_t asked = m->conn.go_away_ms;
    lose_asks(m);
    if (m->conn.state == CONN_ONLINE && m->now_ms - m->conn.since_ms >= STEADY_MS)
        m->conn.attempt = 0;
    m->signed_in = false;
    m->conn.go_away_ms = 0;
    if (was_asked || m->dialog.state == DIALOG_EDITING || comeback == SIGN_IN_AGAIN) {
        set_state(m, CONN_OFFLINE);
        dialog_open(m, m->conn.trouble);
    } else if (comeback == STAY_AWAY || !m->wants_online) {
        m->wants_online = false;
        set_state(m, CONN_OFFLINE);
        model_notice(m, NULL, NOTICE_ERROR, "%s - /connect tries again", m->conn.trouble);
        if (m->plain)
            model_quit(m, 1);
    } else if (asked > 0) {
        wait_ms(m, go_away_delay(m, asked));
    } else if (comeback == COME_SLOWLY) {
        wait_ms(m, SLOW_MS + model_random(m, SLOW_MS / 4));
    } else {
        wait_ms(m, ask_back_off(m, m->conn.attempt));
    }
}

void conn_closed(struct model *m, const struct event *e) {
    if (!has_socket(m))
        return;
    unsigned code = e->u.closed.code;
    const char *why = e->u.closed.reason;
    if (!*why && code)
        why = err_close_text((enum close_code)code);
    set_trouble(m, *why ? why : "the connection was lost");
    bool final = e->u.closed.final;
    lost(m, final ? STAY_AWAY : comeback_of(code));
}

static void give_up(struct model *m, struct effects *fx, const char *why) {
    effects_add(fx, EFFECT_CLOSE);
    set_trouble(m, why);
    lost(m, COME_BACK);
}

static bool is_unanswered(const struct model *m) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (m->asks[i].kind != ASK_NONE && m->asks[i].kind != ASK_SIGN &&
            m->now_ms - m->asks[i].sent_ms >= ASK_TIMEOUT_MS)
            return true;
    return false;
}

/* Something came, and nothing that could be understood. */
static bool is_puzzled(const struct model *m) {
    return m->conn.state == CONN_GREETING && m->strange > m->conn.strange_before;
}

void conn_tick(struct model *m, struct effects *fx) {
    if (m->conn.state == CONN_WAITING && m->now_ms >= m->conn.retry_ms)
        conn_connect(m, fx);
    else if (m->conn.deadline_ms > 0 && m->now_ms >= m->conn.deadline_ms)
        give_up(m, fx,
                is_puzzled(m) ? "the server's greeting makes no sense"
                              : "the server does not answer");
    else if (m->conn.state == CONN_ONLINE && is_unanswered(m))
        give_up(m, fx, "the server has stopped answering");
    if (m->conn.state == CONN_WAITING)
        m->version++; /* the countdown */
}

void conn_opened(struct model *m) {
    m->conn.strange_before = m->strange;
    if (m->conn.state == CONN_CONNECTING)
        set_state(m, CONN_GREETING);
}

/* --- Who we are --- */

void conn_loaded(struct model *m, const struct event *e, struct effects *fx) {
    m->has_password_source = e->u.loaded.has_password;
    if (!*m->url && e->u.loaded.server)
        snprintf(m->url, sizeof m->url, "%s", e->u.loaded.server);
    if (e->u.loaded.has_key) {
        m->me = e->u.loaded.user;
        snprintf(m->user, sizeof m->user, "%s", e->u.loaded.name);
        snprintf(m->key, sizeof m->key, "%s", e->u.loaded.key);
    }
    if (!*m->url || !*m->user)
        dialog_open(m, "");
    else if (*m->key)
        conn_connect(m, fx);
    else if (m->has_password_source)
        effects_add(fx, EFFECT_READ_PASSWORD);
    else
        dialog_open(m, "");
}

void conn_password(struct model *m, const struct event *e, struct effects *fx) {
    if (!e->u.input.yes || e->u.input.len == 0 || e->u.input.len > PASSWORD_MAX) {
        dialog_open(m, e->u.input.yes ? "the configured password is empty or too long"
                                      : e->u.input.text);
        return;
    }
    wipe_password(m);
    m->password = strndup(e->u.input.text, e->u.input.len);
    if (m->conn.state == CONN_SIGNED_OUT)
        conn_sign_in(m, fx);
    else if (!has_socket(m))
        conn_connect(m, fx);
}

static const char *password_of(const struct model *m) {
    if (m->dialog.state == DIALOG_BUSY && *m->dialog.text[FIELD_PASSWORD])
        return m->dialog.text[FIELD_PASSWORD];
    return m->password;
}

static bool makes_account(const struct model *m) {
    return m->new_account || (m->dialog.state == DIALOG_BUSY && m->dialog.sign_up);
}

void conn_sign_in(struct model *m, struct effects *fx) {
    struct request *r;
    const char *password = password_of(m);
    if (!password || !ask_begin(m, fx, ASK_SIGN, NULL, &r))
        return;
    r->u.sign.known_only = !makes_account(m);
    if (makes_account(m))
        r->kind = REQ_SIGN_UP;
    r->u.sign.name = effects_copy(fx, m->user, strlen(m->user));
    r->u.sign.name_len = strlen(m->user);
    r->u.sign.password = effects_copy(fx, password, strlen(password));
    r->u.sign.password_len = strlen(password);
    set_state(m, CONN_SIGNING_IN);
}

/* A limit that the server tells, or ours: 0 is not said, and one that is out of all reason is said
 * to be. */
static void use_limit(struct model *m, uint32_t *mine, uint32_t told, uint32_t least, uint32_t most,
                      const char *name) {
    if (told == 0)
        return;
    if (told < least || told >= LIMIT_MAX)
        model_notice(m, NULL, NOTICE_ERROR,
                     "the server's limit %s of %u makes no sense, and is taken for %u", name,
                     (unsigned)told, (unsigned)*mine);
    else
        *mine = told < most ? told : most;
}

static void use_limits(struct model *m, const struct server_limits *told) {
    struct server_limits *mine = &m->conn.limits;
    use_limit(m, &mine->message_chars, told->message_chars, LIMIT_LEAST, LIMIT_MAX,
              "messageCharacters");
    use_limit(m, &mine->message_bytes, told->message_bytes, LIMIT_LEAST, LIMIT_MAX, "messageBytes");
    use_limit(m, &mine->history_page, told->history_page, 1, HISTORY_PAGE_MAX, "historyPage");
    use_limit(m, &mine->users_page, told->users_page, 1, USERS_PAGE_MAX, "usersPage");
}

void take_ready(struct model *m, const struct response *a, const struct ask *ask,
                struct effects *fx) {
    (void)ask;
    if (m->conn.state != CONN_GREETING)
        return;
    use_limits(m, &a->u.ready.limits);
    snprintf(m->conn.server, sizeof m->conn.server, "%s %s", a->u.ready.server, a->u.ready.version);
    if (password_of(m)) {
        *m->key = '\0';
        conn_sign_in(m, fx);
    } else if (*m->key) {
        set_state(m, CONN_SIGNING_IN); /* pump sends the joins, the first with the key */
    } else {
        set_state(m, CONN_SIGNED_OUT);
        dialog_open(m, "");
    }
}

void conn_signed_in(struct model *m) {
    if (m->conn.state == CONN_ONLINE)
        return;
    m->signed_in = m->conn.was_online = true;
    set_trouble(m, "");
    dialog_close(m);
    set_state(m, CONN_ONLINE);
}

/* Somebody else than before: the former user's things go from memory, not from the files. */
static void become(struct model *m, const struct uuid *user) {
    if (uuid_eq(&m->me, user))
        return;
    bool was_other = !uuid_is_nil(&m->me);
    m->me = *user;
    if (was_other) {
        while (m->nconversations > 1)
            model_close(m, m->conversations[m->nconversations - 1]);
        outbox_free(&m->outbox);
        timeline_reset(&m->conversations[0]->timeline);
    }
}

void take_authorized(struct model *m, const struct response *a, const struct ask *ask,
                     struct effects *fx) {
    (void)ask;
    if (m->conn.state != CONN_SIGNING_IN)
        return;
    bool other = !uuid_eq(&m->me, &a->u.authorized.user);
    become(m, &a->u.authorized.user);
    if (*a->u.authorized.name)
        snprintf(m->user, sizeof m->user, "%s", a->u.authorized.name);
    snprintf(m->key, sizeof m->key, "%s", a->u.authorized.key);
    m->new_account = false;
    wipe_password(m);
    m->conn.key_sent = true; /* this connection needs none */
    struct effect *e = effects_add(fx, EFFECT_SAVE_KEY);
    e->uuid = m->me;
    e->name = effects_copy(fx, m->user, strlen(m->user));
    e->key = effects_copy(fx, m->key, strlen(m->key));
    if (other)
        effects_add(fx, EFFECT_LOAD)->uuid = m->me;
    conn_signed_in(m);
}

static void drop_key(struct model *m, struct effects *fx) {
    if (*m->key)
        effects_add(fx, EFFECT_FORGET_KEY);
    secret_wipe(m->key, sizeof m->key);
    m->signed_in = false;
}

void conn_key_refused(struct model *m, struct effects *fx, const char *why) {
    if (m->conn.state != CONN_SIGNING_IN && m->conn.state != CONN_ONLINE)
        return;
    drop_key(m, fx);
    lose_asks(m);
    set_trouble(m, why);
    set_state(m, CONN_SIGNED_OUT);
    if (m->has_password_source)
        effects_add(fx, EFFECT_READ_PASSWORD);
    else
        dialog_open(m, why);
}

void take_unauthorized(struct model *m, const struct response *a, const struct ask *ask,
                       struct effects *fx) {
    (void)a;
    bool asked_for = ask->kind == ASK_SIGN_OUT;
    const char *why = asked_for ? "signed out" : "signed out by another connection, or the server";
    drop_key(m, fx);
    conn_stop(m, fx, why);
    dialog_open(m, why);
}

/* Nobody has the name: whether it is a new person, or mistyped, only the user knows. */
static void ask_for_account(struct model *m) {
    struct question *q = &m->question;
    set_state(m, CONN_SIGNED_OUT);
    if (m->dialog.state == DIALOG_BUSY) {
        dialog_offer_account(m);
        return;
    }
    free(q->held);
    *q = (struct question){.kind = QUESTION_NEW_ACCOUNT};
    snprintf(q->text, sizeof q->text, "%s is new here. A new account? y/n", m->user);
}

void conn_new_account(struct model *m, struct effects *fx, bool yes) {
    if (m->conn.state != CONN_SIGNED_OUT)
        return;
    m->new_account = yes;
    if (yes) {
        conn_sign_in(m, fx);
        return;
    }
    wipe_password(m);
    dialog_open(m, "another name, then");
}

/* By the dialogue: it says why. By a configured password: again later, if that may help. */
void ask_refused_sign(struct model *m, const struct response *a, const struct ask *ask,
                      struct effects *fx) {
    (void)ask;
    enum err_code code = (enum err_code)a->u.error.code;
    if (code == ERR_NOT_FOUND && !makes_account(m)) {
        ask_for_account(m);
        return;
    }
    bool passes = err_retry(code) != RETRY_NEVER && !err_close(code);
    set_trouble(m, a->u.error.message);
    if (m->dialog.state == DIALOG_CLOSED && passes) {
        give_up(m, fx, a->u.error.message);
        return;
    }
    m->new_account = false;
    wipe_password(m);
    set_state(m, CONN_SIGNED_OUT);
    dialog_open(m, a->u.error.message);
    if (code == ERR_NAME_TAKEN || code == ERR_BAD_NAME)
        m->dialog.focus = FIELD_NAME; /* it is the name that must be another */
}
