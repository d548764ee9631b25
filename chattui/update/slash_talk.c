/* slash_talk - commands about channels, people and messages. */
#include "chattui/base/match.h"
#include "chattui/update/internal.h"
#include "chattui/update/slash_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES (32u << 10) /* of one notice */

/* A notice that was put together in a buffer, which is freed. */
static void show_notice(struct slash_call *call, struct buf *b) {
    struct conversation *c = call->conversation;
    if (b->len > 0 && b->data[b->len - 1] == '\n')
        b->len--;
    timeline_notice(&c->timeline, NOTICE_INFO, b->data, b->len, call->m->wall_ms);
    call->m->version++;
    buf_free(b);
}

/* A channel of the list by its name. */
static struct conversation *named(const struct model *m, const char *name) {
    for (size_t i = 0; i < m->nconversations; i++)
        if (name_order(m->conversations[i]->name, name) == 0)
            return m->conversations[i];
    for (size_t i = 0; i < m->nconversations; i++)
        if (name_begins(m->conversations[i]->name, name, strlen(name)) &&
            strlen(m->conversations[i]->name) == strlen(name))
            return m->conversations[i];
    return NULL;
}

/* --- Going and leaving --- */

bool slash_join(struct slash_call *call) {
    struct conversation *c = named(call->m, call->arg[0]);
    if (c)
        conversation_select(call->m, call->fx, model_index(call->m, c));
    else
        lookup_begin(call->m, call->fx, call->arg[0], NULL, &call->e->u.input.uuid);
    return true;
}

bool slash_msg(struct slash_call *call) {
    lookup_begin(call->m, call->fx, call->arg[0], call->arg[1], &call->e->u.input.uuid);
    return true;
}

bool slash_part(struct slash_call *call) {
    struct model *m = call->m;
    struct conversation *c = *call->arg[0] ? named(m, call->arg[0]) : call->conversation;
    if (!c || c->to.public) {
        model_say(m, true, c ? "nobody leaves the public channel" : "no such channel is open");
        return false;
    }
    if (outbox_count(&m->outbox, &c->to, false) + outbox_count(&m->outbox, &c->to, true) > 0) {
        model_say(m, true, "messages wait to be sent to %s: let them go first, or /discard",
                  c->name);
        return false;
    }
    struct request *r;
    if (c->join == JOIN_DONE && m->conn.state == CONN_ONLINE &&
        ask_begin(m, call->fx, ASK_LEAVE, &c->to, &r))
        r->to = c->to;
    else
        conversation_leave(m, call->fx, c);
    return true;
}

/* How well the letters of `what` lie in `name`, in order; 0 = they don't. */
static unsigned fuzzy(const char *name, const char *what) {
    unsigned score = 1, run = 0;
    for (; *name && *what; name++) {
        bool fits = name_begins(name, what, 1);
        run = fits ? run + 1 : 0;
        score += run * run;
        what += fits;
    }
    return *what ? 0 : score;
}

bool slash_buffer(struct slash_call *call) {
    struct model *m = call->m;
    size_t best = 0;
    unsigned most = 0;
    for (size_t i = 0; i < m->nconversations; i++) {
        unsigned score = fuzzy(m->conversations[i]->name, call->arg[0]);
        if (score > most) {
            most = score;
            best = i;
        }
    }
    if (most == 0) {
        model_say(m, true, "no channel is like that");
        return false;
    }
    conversation_select(m, call->fx, best);
    return true;
}

/* --- Saying --- */

/* The protocol has no actions: they are messages that begin with "/me ", as other clients show
 * them. */
bool slash_me(struct slash_call *call) {
    size_t len = strlen(call->arg[0]) + 5;
    char *text = malloc(len);
    if (!text)
        return false;
    snprintf(text, len, "/me %s", call->arg[0]);
    bool done = outbox_enter(call->m, call->fx, call->conversation, &call->e->u.input.uuid, text,
                             strlen(text));
    free(text);
    return done;
}

bool slash_edit(struct slash_call *call) {
    struct effect *e = effects_add(call->fx, EFFECT_EDITOR);
    e->len = strlen(call->arg[0]);
    e->text = effects_copy(call->fx, call->arg[0], e->len);
    return true;
}

static bool is_all(const struct slash_call *call) {
    return strcmp(call->arg[0], "all") == 0;
}

bool slash_retry(struct slash_call *call) {
    size_t n = outbox_retry(call->m, is_all(call) ? NULL : call->conversation);
    model_say(call->m, false, n ? "trying %zu again" : "nothing has failed", n);
    return true;
}

bool slash_discard(struct slash_call *call) {
    size_t n = outbox_discard(call->m, call->fx, is_all(call) ? NULL : call->conversation);
    size_t left =
        outbox_count(&call->m->outbox, is_all(call) ? NULL : &call->conversation->to, true);
    if (n == 0 && left == 0)
        model_say(call->m, false, "nothing has failed");
    else
        model_say(call->m, false, "%zu given up%s", n, left ? ": again for the rest" : "");
    return true;
}

/* --- Looking --- */

bool slash_list(struct slash_call *call) {
    static const char *const WORDS[] = {"", " new", " private", " mentions you"};
    struct buf b;
    buf_init(&b, LIST_BYTES);
    for (size_t i = 0; i < call->m->nconversations; i++) {
        const struct conversation *c = call->m->conversations[i];
        buf_fmt(&b, "%zu %s%s%s", i + 1, c->name, c->pinned ? ", pinned" : "",
                c->muted ? ", muted" : "");
        if (c->unread > 0)
            buf_fmt(&b, ": %u%s%s", c->unread, c->unread == UNREAD_MAX ? " or more" : "",
                    WORDS[c->activity]);
        buf_char(&b, '\n');
    }
    show_notice(call, &b);
    return true;
}

bool slash_names(struct slash_call *call) {
    const struct members *ms = &call->conversation->members;
    struct buf b;
    buf_init(&b, LIST_BYTES);
    buf_fmt(&b, "%llu member%s", (unsigned long long)ms->total, ms->total == 1 ? "" : "s");
    if (ms->n < ms->total)
        buf_fmt(&b, ", %zu of them known here", ms->n);
    buf_str(&b, "\nonline: ");
    size_t online = members_online(ms);
    for (size_t i = 0; i < ms->n; i++) {
        if (i == online)
            buf_str(&b, i > 0 ? "\noffline: " : "nobody\noffline: ");
        buf_fmt(&b, "%s%s", i > 0 && i != online ? ", " : "", ms->list[i]->name);
    }
    show_notice(call, &b);
    return true;
}

bool slash_users(struct slash_call *call) {
    struct model *m = call->m;
    bool online = *call->arg[0];
    struct request *r;
    if (online && strcmp(call->arg[0], "online") != 0) {
        model_say(m, true, "usage: /users [online]");
        return false;
    }
    if (m->conn.state != CONN_ONLINE || !ask_begin(m, call->fx, ASK_LIST, NULL, &r)) {
        model_say(m, true, "not connected");
        return false;
    }
    r->u.users.limit = m->conn.limits.users_page;
    r->u.users.online = online;
    return true;
}

void slash_list_users(struct model *m, const struct response *a) {
    struct slash_call call = {.m = m, .conversation = model_current(m)};
    struct buf b;
    buf_init(&b, LIST_BYTES - 64);
    buf_fmt(&b, "%llu users:", (unsigned long long)a->u.users.total);
    size_t i = 0;
    for (; i < a->u.users.n && b.len + NAME_MAX_BYTES + 16 < LIST_BYTES - 64; i++)
        buf_fmt(&b, "%s %s%s", i > 0 ? "," : "", a->u.users.users[i].name,
                a->u.users.users[i].online ? " (online)" : "");
    if (i < a->u.users.total)
        buf_str(&b, ", ...");
    show_notice(&call, &b);
}

bool slash_search(struct slash_call *call) {
    search_begin(call->m, call->arg[0]);
    return true;
}

#define LINKS_SHOWN 20

bool slash_url(struct slash_call *call) {
    const struct timeline *t = &call->conversation->timeline;
    unsigned wanted = (unsigned)strtoul(call->arg[0], NULL, 10), n = 0;
    struct buf b;
    buf_init(&b, LIST_BYTES);
    for (size_t i = t->n; i > 0 && n < LINKS_SHOWN; i--) {
        const struct row *r = t->rows[i - 1];
        size_t at = 0, len;
        const char *link;
        while (r->kind == ROW_MESSAGE && n < LINKS_SHOWN &&
               (link = match_link(row_text(r), r->text_len, &at, &len))) {
            if (++n == wanted)
                link_open(call->m, call->fx, link, len);
            buf_fmt(&b, "%u %.*s\n", n, (int)len, link);
        }
    }
    if (n == 0 || wanted > n)
        model_say(call->m, true, n == 0 ? "no link in this channel" : "no link has that number");
    if (n > 0 && wanted == 0)
        show_notice(call, &b);
    else
        buf_free(&b);
    return true;
}

/* --- The channel itself --- */

bool slash_clear(struct slash_call *call) {
    struct timeline *t = &call->conversation->timeline;
    size_t stored = t->n - t->pending;
    t->cleared = *call->arg[0] || stored == 0 ? PLACE_NONE : t->rows[stored - 1]->place;
    t->version++;
    call->conversation->scroll = (struct scroll){.edge = SCROLL_FOLLOW};
    return true;
}

bool slash_read(struct slash_call *call) {
    for (size_t i = 0; i < call->m->nconversations; i++)
        conversation_seen(call->m, call->m->conversations[i]);
    return true;
}

/* "on", "off", or the other than it is. */
static bool toggle(struct slash_call *call, bool *flag, const char *what) {
    const char *arg = call->arg[0];
    if (*arg && strcmp(arg, "on") != 0 && strcmp(arg, "off") != 0) {
        model_say(call->m, true, "either on or off");
        return false;
    }
    *flag = *arg ? strcmp(arg, "on") == 0 : !*flag;
    model_say(call->m, false, "%s is %s%s", call->conversation->name, *flag ? "" : "not ", what);
    conversation_changed(call->m, call->conversation);
    return true;
}

bool slash_mute(struct slash_call *call) {
    bool done = toggle(call, &call->conversation->muted, "muted");
    conversation_recount(call->m, call->conversation);
    return done;
}

bool slash_pin(struct slash_call *call) {
    bool done = toggle(call, &call->conversation->pinned, "pinned");
    model_sort(call->m);
    return done;
}
