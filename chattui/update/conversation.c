/* conversation - a channel as the user has it: current, read, unread, its draft, and what of it
 * is saved.
 */
#include "chattui/update/internal.h"

#include <stdlib.h>
#include <string.h>

#define SAVE_AFTER_MS 2000 /* so that not every key goes to the disk */

void conversation_changed(struct model *m, struct conversation *c) {
    c->dirty = true;
    if (m->save_ms == 0)
        m->save_ms = m->now_ms + SAVE_AFTER_MS;
}

/* --- Read and unread --- */

bool conversation_is_seen(const struct model *m, const struct conversation *c) {
    return c == model_current(m) && m->has_focus && c->scroll.edge == SCROLL_FOLLOW;
}

void conversation_seen(struct model *m, struct conversation *c) {
    if (!c->was_loaded)
        return; /* its unread messages will be seen when they are here */
    const struct row *newest = timeline_newest(&c->timeline);
    if (newest && place_cmp(newest->place, c->read) > 0) {
        c->read = newest->place;
        conversation_changed(m, c);
    }
    c->unread = c->below = 0;
    c->activity = ACTIVITY_NONE;
    c->unread_from = 0;
    m->version++;
}

static enum activity activity_of(const struct conversation *c, const struct row *r) {
    if (r->kind != ROW_MESSAGE || (r->flags & ROW_MINE))
        return ACTIVITY_NONE;
    if (r->flags & ROW_MENTION)
        return ACTIVITY_MENTION;
    return c->to.public ? ACTIVITY_MESSAGE : ACTIVITY_PRIVATE;
}

/* Counts anew what is behind `read`, after many messages came at once. */
void conversation_recount(struct model *m, struct conversation *c) {
    const struct timeline *t = &c->timeline;
    c->unread = 0;
    c->activity = ACTIVITY_NONE;
    for (size_t i = t->n - t->pending; i > 0 && c->unread < UNREAD_MAX; i--) {
        const struct row *r = t->rows[i - 1];
        if (place_cmp(r->place, c->read) <= 0)
            break;
        enum activity a = activity_of(c, r);
        c->unread += a != ACTIVITY_NONE;
        if (a > c->activity && (!c->muted || a == ACTIVITY_MENTION))
            c->activity = a;
    }
    if (c->unread > 0 && c->unread_after.epoch == 0)
        c->unread_after = c->read;
    if (conversation_is_seen(m, c))
        conversation_seen(m, c);
    m->version++;
}

/* --- Going there --- */

static void leave_current(struct model *m) {
    struct conversation *c = model_current(m);
    if (c && c->unread == 0)
        c->unread_after = PLACE_NONE; /* it was seen */
}

void conversation_select(struct model *m, struct effects *fx, size_t index) {
    if (index >= m->nconversations)
        return;
    struct conversation *c = m->conversations[index];
    if (index != m->current) {
        leave_current(m);
        model_end_completion(m);
        m->current = index;
        const char *draft = c->draft ? c->draft : "";
        effects_set_input(fx, draft, strlen(draft), c->draft_cursor);
    }
    if (c->join == JOIN_NONE || c->join == JOIN_REFUSED) {
        c->join = JOIN_WANTED;
        conversation_changed(m, c);
    }
    if (c->join == JOIN_DONE && c->timeline.n < FIRST_ROWS && c->pages_wanted == 0)
        c->pages_wanted = 1;
    if (conversation_is_seen(m, c))
        conversation_seen(m, c);
    m->version++;
}

void conversation_jump(struct model *m, struct conversation *c, struct place at) {
    c->scroll = (struct scroll){.edge = SCROLL_TOP, .at = at};
    m->version++;
}

struct conversation *conversation_talk_to(struct model *m, struct effects *fx,
                                          const struct recipient *to, const char *name) {
    struct conversation *c = model_open(m, to, name);
    if (!c) {
        model_say(m, true, "there is no room for another channel: /part one of the list");
        return NULL;
    }
    conversation_select(m, fx, model_index(m, c));
    return c;
}

/* --- Drafts --- */

void conversation_set_draft(struct model *m, struct conversation *c, const char *text, size_t len,
                            size_t cursor) {
    if (len > DRAFT_MAX)
        len = DRAFT_MAX;
    size_t had = c->draft ? strlen(c->draft) : 0;
    c->draft_cursor = cursor < len ? cursor : len;
    if (had == len && (len == 0 || memcmp(c->draft, text, len) == 0))
        return;
    char *copy = len > 0 ? strndup(text, len) : NULL;
    free(c->draft);
    c->draft = copy;
    conversation_changed(m, c);
}

/* --- Files --- */

static void save(struct model *m, struct conversation *c, struct effects *fx) {
    struct saved_conversation *s = effects_room(fx, sizeof *s);
    if (!s)
        return;
    const char *draft = c->draft ? c->draft : "";
    s->to = c->to;
    s->peer = c->to.public ? "" : effects_copy(fx, c->name, strlen(c->name));
    s->open = c->join != JOIN_NONE;
    s->muted = c->muted;
    s->pinned = c->pinned;
    s->read = c->read.epoch ? timeline_position_of(&c->timeline, c->read) : c->saved_read;
    s->draft = effects_copy(fx, draft, strlen(draft));
    effects_add(fx, EFFECT_SAVE_CONVERSATION)->conversation = s;
    c->dirty = false;
    (void)m;
}

void conversation_save(struct model *m, struct effects *fx) {
    for (size_t i = 0; i < m->nconversations; i++)
        if (m->conversations[i]->dirty)
            save(m, m->conversations[i], fx);
    m->save_ms = 0;
}

void conversation_loaded(struct model *m, const struct saved_conversation *channels, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct saved_conversation *s = &channels[i];
        struct conversation *c = model_open(m, &s->to, s->peer);
        if (!c)
            continue;
        if (s->open && c->join == JOIN_NONE)
            c->join = JOIN_WANTED;
        c->muted = s->muted;
        c->pinned = s->pinned;
        c->saved_read = s->read;
        if (!c->draft)
            conversation_set_draft(m, c, s->draft, strlen(s->draft), strlen(s->draft));
        c->dirty = false;
    }
    model_sort(m);
}

/* --- Leaving --- */

void conversation_leave(struct model *m, struct effects *fx, struct conversation *c) {
    bool was_current = c == model_current(m);
    c->join = JOIN_NONE;
    conversation_set_draft(m, c, "", 0, 0);
    c->dirty = true;
    conversation_save(m, fx);
    model_close(m, c);
    if (was_current) {
        struct conversation *next = model_current(m);
        const char *draft = next->draft ? next->draft : "";
        effects_set_input(fx, draft, strlen(draft), next->draft_cursor);
        conversation_select(m, fx, m->current);
    }
    m->version++;
}
