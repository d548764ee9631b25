/* model - see model.h: its life, its channels, and how the user is told things. */
#include "chattui/model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *model_field_label(enum field f) {
    static const char *const LABELS[FIELDS] = {
#define X(sym, label) [FIELD_##sym] = label,
        FIELD_TABLE(X)
#undef X
    };
    return LABELS[f];
}

const char *model_conn_text(enum conn_state s) {
    static const char *const TEXTS[] = {
        [CONN_OFFLINE] = "offline",       [CONN_WAITING] = "waiting",
        [CONN_CONNECTING] = "connecting", [CONN_GREETING] = "connecting",
        [CONN_SIGNED_OUT] = "signed out", [CONN_SIGNING_IN] = "signing in",
        [CONN_ONLINE] = "online",
    };
    return TEXTS[s];
}

/* --- Life --- */

bool model_init(struct model *m, const struct model_options *options) {
    memset(m, 0, sizeof *m);
    if (!roster_init(&m->roster))
        return false;
    snprintf(m->url, sizeof m->url, "%s", options->server);
    snprintf(m->user, sizeof m->user, "%s", options->user);
    m->plain = options->plain;
    m->seed = options->seed;
    m->tuning = options->tuning;
    m->show_members = m->tuning.members;
    m->has_focus = true;
    m->conn.limits = (struct server_limits){.message_chars = MESSAGE_MAX_CHARS,
                                            .message_bytes = MESSAGE_MAX_BYTES,
                                            .history_page = HISTORY_PAGE_MAX,
                                            .users_page = USERS_PAGE_MAX};
    return true;
}

static void free_conversation(struct conversation *c) {
    timeline_free(&c->timeline);
    members_free(&c->members);
    free(c->draft);
    free(c);
}

void model_free(struct model *m) {
    for (size_t i = 0; i < m->nconversations; i++)
        free_conversation(m->conversations[i]);
    model_end_completion(m);
    outbox_free(&m->outbox);
    roster_free(&m->roster);
    free(m->question.held);
    free(m->lookup.text);
    if (m->password) {
        secret_wipe(m->password, strlen(m->password));
        free(m->password);
    }
    secret_wipe(m, sizeof *m);
}

/* --- Channels --- */

struct conversation *model_current(const struct model *m) {
    return m->nconversations > 0 ? m->conversations[m->current] : NULL;
}

struct conversation *model_conversation(const struct model *m, const struct recipient *to) {
    for (size_t i = 0; i < m->nconversations; i++)
        if (recipient_eq(&m->conversations[i]->to, to))
            return m->conversations[i];
    return NULL;
}

size_t model_index(const struct model *m, const struct conversation *c) {
    size_t i = 0;
    while (i < m->nconversations && m->conversations[i] != c)
        i++;
    return i;
}

struct conversation *model_open(struct model *m, const struct recipient *to, const char *name) {
    struct conversation *c = model_conversation(m, to);
    if (c || m->nconversations == CONVERSATIONS_MAX)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    char spare[16];
    c->to = *to;
    if (!to->public && !*name)
        name = roster_name(&m->roster, &to->user, spare);
    snprintf(c->name, sizeof c->name, "%s", to->public ? "public" : name);
    c->self = !to->public && uuid_eq(&to->user, &m->me);
    c->order = ++m->last_order;
    timeline_init(&c->timeline, &m->budget);
    m->conversations[m->nconversations++] = c;
    model_sort(m);
    return c;
}

void model_close(struct model *m, struct conversation *c) {
    size_t i = model_index(m, c);
    if (i == m->nconversations)
        return;
    m->nconversations--;
    memmove(m->conversations + i, m->conversations + i + 1,
            (m->nconversations - i) * sizeof *m->conversations);
    if (m->current > i || m->current == m->nconversations)
        m->current = m->current > 0 ? m->current - 1 : 0;
    free_conversation(c);
}

/* Public, then what is pinned, then the rest as it was opened. */
static int by_list_order(const void *a, const void *b) {
    const struct conversation *x = *(struct conversation *const *)a,
                              *y = *(struct conversation *const *)b;
    if (x->to.public != y->to.public)
        return x->to.public ? -1 : 1;
    if (x->pinned != y->pinned)
        return x->pinned ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

void model_sort(struct model *m) {
    const struct conversation *current = model_current(m);
    qsort(m->conversations, m->nconversations, sizeof *m->conversations, by_list_order);
    m->current = current ? model_index(m, current) : 0;
}

/* --- Odds --- */

void model_end_completion(struct model *m) {
    struct completion *c = &m->completion;
    for (size_t i = 0; i < c->n; i++)
        free(c->words[i]);
    free(c->text);
    free(c->base);
    memset(c, 0, sizeof *c);
}

struct alias *model_alias(struct model *m, const char *name, size_t len) {
    for (size_t i = 0; i < m->naliases; i++)
        if (strlen(m->aliases[i].name) == len && memcmp(m->aliases[i].name, name, len) == 0)
            return &m->aliases[i];
    return NULL;
}

void model_quit(struct model *m, int status) {
    if (m->quitting)
        return;
    m->quitting = true;
    m->exit_status = status;
}

/* splitmix64: for jitter only, nothing that has to be hard to guess. */
uint32_t model_random(struct model *m, uint32_t below) {
    uint64_t z = (m->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below > 0 ? (uint32_t)(z % below) : 0;
}

#define SAY_MS 8000
#define NOTICE_BYTES 4096

void model_say(struct model *m, bool error, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->status, sizeof m->status, fmt, ap);
    va_end(ap);
    m->status_error = error;
    m->status_until_ms = m->now_ms + SAY_MS;
    m->version++;
}

void model_notice(struct model *m, struct conversation *c, enum notice_level level, const char *fmt,
                  ...) {
    char text[NOTICE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!c)
        c = model_current(m);
    if (c)
        timeline_notice(&c->timeline, level, text, strlen(text), m->wall_ms);
    m->version++;
}
