/* update_ui - what the user does beside commands: lines, keys, scrolling, answers to questions. */
#include "chattui/update/internal.h"

#include "chattui/update/slash_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Lines --- */

static size_t count_lines(const char *text, size_t len) {
    size_t n = 1;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

static bool is_blank(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t')
            return false;
    return true;
}

/* A blank before a command makes it a message, mostly by mistake: what was meant for one is said to
 * all. */
static bool is_blank_command(const char *text, size_t len) {
    size_t i = 0;
    while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n'))
        i++;
    return i > 0 && i + 1 < len && text[i] == '/' &&
           ((text[i + 1] >= 'a' && text[i + 1] <= 'z') ||
            (text[i + 1] >= 'A' && text[i + 1] <= 'Z'));
}

static bool ask_first(struct model *m, const struct conversation *c, const char *text, size_t len) {
    size_t lines = count_lines(text, len);
    struct question *q = &m->question;
    bool many = lines > (size_t)m->tuning.paste_lines;
    if (m->plain || (!many && !is_blank_command(text, len)))
        return false;
    char *held = strndup(text, len);
    if (!held)
        return false;
    free(q->held);
    *q = (struct question){.kind = QUESTION_PASTE, .held = held, .to = c->to};
    if (many)
        snprintf(q->text, sizeof q->text, "Send these %zu lines as one message? y/n", lines);
    else
        snprintf(q->text, sizeof q->text, "A blank is before the /: say this line here? y/n");
    m->version++;
    return true;
}

static void say(struct model *m, const struct event *e, struct effects *fx, struct conversation *c,
                const char *text, size_t len) {
    if (ask_first(m, c, text, len))
        return;
    if (!outbox_enter(m, fx, c, &e->u.input.uuid, text, len))
        effects_set_input(fx, e->u.input.text, e->u.input.len, e->u.input.len);
}

void update_enter(struct model *m, const struct event *e, struct effects *fx) {
    struct conversation *c = model_current(m);
    const char *text = e->u.input.text;
    size_t len = e->u.input.len;
    if (!c || m->question.kind != QUESTION_NONE)
        return;
    conversation_set_draft(m, c, "", 0, 0);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    if (is_blank(text, len))
        return;
    *m->status = '\0'; /* it was about what was done before */
    bool escaped = len > 1 && text[0] == '/' && text[1] == '/';
    if (text[0] == '/' && !escaped)
        slash_run(m, e, fx);
    else
        say(m, e, fx, c, text + escaped, len - escaped);
}

void update_reply(struct model *m, const struct event *e, struct effects *fx) {
    struct question q = m->question;
    if (q.kind == QUESTION_NONE)
        return;
    m->question = (struct question){.kind = QUESTION_NONE};
    m->version++;
    if (q.kind == QUESTION_QUIT && e->u.input.yes)
        model_quit(m, 0);
    if (q.kind == QUESTION_NEW_ACCOUNT)
        conn_new_account(m, fx, e->u.input.yes);
    if (q.kind == QUESTION_PASTE) {
        struct conversation *c = model_conversation(m, &q.to);
        bool entered =
            e->u.input.yes && c && outbox_enter(m, fx, c, &e->u.input.uuid, q.held, strlen(q.held));
        if (!entered)
            effects_set_input(fx, q.held, strlen(q.held), strlen(q.held));
    }
    free(q.held);
}

/* --- Scrolling --- */

#define NEAR_ROWS 100 /* a hole so near to what is seen is loaded */

static bool is_hole_near(const struct timeline *t, struct place at) {
    size_t i = timeline_seek(t, at);
    size_t from = i > NEAR_ROWS ? i - NEAR_ROWS : 0;
    for (size_t k = from; t->holes > 0 && k < i + NEAR_ROWS && k < t->n; k++)
        if (t->rows[k]->kind == ROW_GAP && t->rows[k]->level == GAP_HOLE)
            return true;
    return false;
}

static void scrolled(struct model *m, struct conversation *c) {
    if (c->scroll.at_top && c->pages_wanted == 0)
        c->pages_wanted = 1;
    if (c->scroll.edge != SCROLL_FOLLOW && c->hole_pages == 0 &&
        is_hole_near(&c->timeline, c->scroll.at))
        c->hole_pages = 1;
    if (conversation_is_seen(m, c))
        conversation_seen(m, c);
    m->version++;
}

void update_scroll(struct model *m, const struct scroll *s) {
    struct conversation *c = model_current(m);
    if (!c)
        return;
    c->scroll = *s;
    scrolled(m, c);
}

static void go_top(struct model *m, struct conversation *c) {
    size_t i = timeline_first(&c->timeline);
    const struct row *first = timeline_row(&c->timeline, i);
    if (!first)
        return;
    c->scroll = (struct scroll){.edge = SCROLL_TOP, .at = first->place, .at_top = true};
    scrolled(m, c);
}

static void go_bottom(struct model *m, struct conversation *c) {
    c->scroll = (struct scroll){.edge = SCROLL_FOLLOW};
    scrolled(m, c);
}

static void go_unread(struct model *m, struct conversation *c) {
    if (c->unread_after.epoch == 0) {
        model_say(m, false, "nothing is unread here");
        return;
    }
    struct place p = c->unread_after;
    p.sub++;
    size_t i = timeline_seek(&c->timeline, p);
    const struct row *r = timeline_row(&c->timeline, i);
    if (r)
        conversation_jump(m, c, r->place);
}

/* --- Keys --- */

static void step_channel(struct model *m, struct effects *fx, size_t by) {
    conversation_select(m, fx, (m->current + by) % m->nconversations);
}

static void next_activity(struct model *m, struct effects *fx) {
    size_t best = m->current;
    enum activity most = ACTIVITY_NONE;
    for (size_t k = 1; k < m->nconversations; k++) {
        size_t i = (m->current + k) % m->nconversations;
        if (m->conversations[i]->activity > most) {
            most = m->conversations[i]->activity;
            best = i;
        }
    }
    if (most == ACTIVITY_NONE)
        model_say(m, false, "nothing new anywhere");
    conversation_select(m, fx, best);
}

void update_action(struct model *m, enum action action, struct effects *fx) {
    struct conversation *c = model_current(m);
    if (!c)
        return;
    m->version++;
    switch (action) {
    case ACTION_NEXT_ACTIVITY:
        next_activity(m, fx);
        break;
    case ACTION_PREV_CHANNEL:
        step_channel(m, fx, m->nconversations - 1);
        break;
    case ACTION_NEXT_CHANNEL:
        step_channel(m, fx, 1);
        break;
    case ACTION_TOP:
        go_top(m, c);
        break;
    case ACTION_BOTTOM:
        go_bottom(m, c);
        break;
    case ACTION_UNREAD:
        go_unread(m, c);
        break;
    case ACTION_PREV_MENTION:
    case ACTION_NEXT_MENTION:
        search_mention(m, action == ACTION_PREV_MENTION);
        break;
    case ACTION_OLDER_MATCH:
    case ACTION_NEWER_MATCH:
        search_step(m, action == ACTION_OLDER_MATCH);
        break;
    case ACTION_MEMBERS:
        m->show_members = !m->show_members;
        break;
    case ACTION_UNFOLD:
        m->show_whole = !m->show_whole;
        break;
    case ACTION_RETRY:
        if (outbox_retry(m, c) == 0)
            model_say(m, false, "nothing has failed here");
        break;
    case ACTION_OPEN:
        link_open_newest(m, fx);
        break;
    case ACTION_HELP:
        m->show_help = !m->show_help;
        break;
    default:
        if (action >= ACTION_GO_1 && action <= ACTION_GO_9)
            conversation_select(m, fx, (size_t)(action - ACTION_GO_1));
    }
}
