/* hub - see hub.h. */
#include "chatd/session/hub.h"

#include "chatd/session/session.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MAX 1024 /* frames held for a join; more: the session is cut off and may resume */

bool hub_init(struct hub *h, void (*opened)(struct channel *ch, void *arg),
              void (*closed)(struct channel *ch, void *arg), void *arg) {
    *h = (struct hub){.opened = opened, .closed = closed, .arg = arg};
    return table_init(&h->channels);
}

void hub_free(struct hub *h) {
    table_free(&h->channels);
}

struct channel *hub_find(struct hub *h, const struct channel_id *id) {
    struct table_node *n = table_find(&h->channels, id, sizeof *id);
    return n ? container_of(n, struct channel, node) : NULL;
}

/* --- Channels --- */

static void ring_add(struct hub *h, struct channel *ch) {
    if (!h->ring) {
        h->ring = ch->prev = ch->next = ch;
        return;
    }
    ch->next = h->ring;
    ch->prev = h->ring->prev;
    ch->prev->next = ch;
    h->ring->prev = ch;
}

static void ring_remove(struct hub *h, struct channel *ch) {
    if (h->ring == ch)
        h->ring = ch->next == ch ? NULL : ch->next;
    ch->prev->next = ch->next;
    ch->next->prev = ch->prev;
}

struct channel *hub_pin(struct hub *h, const struct channel_id *id) {
    struct channel *ch = hub_find(h, id);
    if (ch) {
        ch->pins++;
        return ch;
    }
    ch = calloc(1, sizeof *ch);
    if (!ch)
        return NULL;
    ch->id = *id;
    ch->pins = 1;
    table_add(&h->channels, &ch->node, &ch->id, sizeof ch->id);
    ring_add(h, ch);
    h->opened(ch, h->arg);
    return ch;
}

static void close_if_unused(struct hub *h, struct channel *ch) {
    if (ch->pins || ch->count)
        return;
    h->closed(ch, h->arg);
    table_remove(&h->channels, &ch->node);
    ring_remove(h, ch);
    reorder_free(&ch->order);
    free(ch->subs);
    free(ch);
}

void hub_unpin(struct hub *h, struct channel *ch) {
    ch->pins--;
    close_if_unused(h, ch);
}

void hub_each(struct hub *h, void (*fn)(struct channel *ch, void *arg), void *arg) {
    size_t n = h->channels.count;
    for (struct channel *ch = h->ring, *next; ch && n > 0; ch = next, n--) {
        ch->pins++;
        fn(ch, arg);
        next = ch->next;
        hub_unpin(h, ch);
        if (!h->ring) /* that was the last one */
            return;
    }
}

/* --- Subs --- */

static struct sub *find_among_sessions(const struct session *s, const struct channel *ch) {
    for (uint32_t i = 0; i < ch->count; i++)
        if (ch->subs[i]->session == s)
            return ch->subs[i];
    return NULL;
}

/* A channel may have thousands of sessions; a session may be joined to hundreds of private ones. */
struct sub *sub_find(const struct session *s, const struct channel *ch) {
    if (ch->count < s->sub_count)
        return find_among_sessions(s, ch);
    struct sub *sub = s->subs;
    while (sub && sub->channel != ch)
        sub = sub->next;
    return sub;
}

struct sub *sub_open(struct channel *ch, struct session *s) {
    if (ch->count == ch->cap) {
        uint32_t cap = ch->cap ? ch->cap * 2 : 2;
        struct sub **subs = realloc(ch->subs, cap * sizeof(struct sub *));
        if (!subs)
            return NULL;
        ch->subs = subs;
        ch->cap = cap;
    }
    struct sub *sub = calloc(1, sizeof *sub);
    if (!sub)
        return NULL;
    sub->channel = ch;
    sub->session = s;
    sub->index = ch->count;
    ch->subs[ch->count++] = sub;
    sub->next = s->subs;
    s->subs = sub;
    s->sub_count++;
    return sub;
}

static void drop_held(struct sub *sub) {
    for (uint32_t i = 0; i < sub->held_count; i++)
        frame_unref(sub->held[i].frame);
    free(sub->held);
    sub->held = NULL;
    sub->held_count = sub->held_cap = 0;
}

void sub_close(struct hub *h, struct sub *sub) {
    struct channel *ch = sub->channel;
    struct session *s = sub->session;
    struct sub **at = &s->subs;
    while (*at != sub)
        at = &(*at)->next;
    *at = sub->next;
    s->sub_count--;
    ch->subs[sub->index] = ch->subs[--ch->count];
    ch->subs[sub->index]->index = sub->index;
    drop_held(sub);
    free(sub);
    close_if_unused(h, ch);
}

static void sub_hold_seq(struct sub *sub, uint64_t seq, struct frame *f) {
    if (sub->held_count == sub->held_cap) {
        uint32_t cap = sub->held_cap ? sub->held_cap * 2 : 8;
        struct sub_held *held = cap <= HELD_MAX ? realloc(sub->held, cap * sizeof *held) : NULL;
        if (!held) {
            session_close(sub->session, CLOSE_SLOW_CONSUMER);
            return;
        }
        sub->held = held;
        sub->held_cap = cap;
    }
    sub->held[sub->held_count++] = (struct sub_held){.seq = seq, .frame = frame_ref(f)};
}

void sub_hold(struct sub *sub, struct frame *f) {
    sub_hold_seq(sub, UINT64_MAX, f); /* newer than any snapshot */
}

void sub_joined(struct sub *sub, uint64_t from) {
    sub->joined = true;
    sub->from = from;
    for (uint32_t i = 0; i < sub->held_count; i++)
        if (sub->held[i].seq > from)
            session_push(sub->session, sub->held[i].frame);
    drop_held(sub);
}

/* --- Fan-out --- */

uint32_t hub_fan_out(struct channel *ch, uint64_t seq, struct frame *f,
                     const struct session *sender, struct frame *own) {
    uint32_t given = 0;
    for (uint32_t i = 0; i < ch->count; i++) {
        struct sub *sub = ch->subs[i];
        struct frame *mine = own && sub->session == sender ? own : f;
        if (!sub->joined)
            sub_hold_seq(sub, seq, mine);
        else if (seq > sub->from) {
            session_push(sub->session, mine);
            given++;
        }
    }
    return given;
}

void hub_new_epoch(struct channel *ch, uint64_t base, void (*fn)(struct sub *sub, void *arg),
                   void *arg) {
    for (uint32_t i = 0; i < ch->count; i++) {
        struct sub *sub = ch->subs[i];
        drop_held(sub);
        sub->from = base;
        if (sub->joined)
            fn(sub, arg);
    }
}
