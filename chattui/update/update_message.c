/* update_message - messages and members, as the server tells of them. */
#include "chattui/base/match.h"
#include "chattui/update/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The channel of a message, as we name it. False: it isn't one of ours. */
static bool recipient_of(const struct model *m, const struct message *am, struct recipient *out) {
    const struct channel_id *ch = &am->channel;
    *out = (struct recipient){.public = ch->kind == CHANNEL_PUBLIC};
    if (out->public)
        return true;
    out->user = channel_peer(ch, &m->me);
    return uuid_eq(&ch->low, &m->me) || uuid_eq(&ch->high, &m->me);
}

/* The row that a message becomes; also remembers its sender. */
static struct timeline_message row_of(struct model *m, const struct message *am) {
    bool mine = uuid_eq(&am->sender, &m->me);
    if (am->sender_name_len > 0 && !uuid_is_nil(&am->sender)) { /* the server is nobody */
        struct person *p =
            roster_put(&m->roster, &am->sender, am->sender_name, am->sender_name_len);
        if (p)
            roster_spoke(&m->roster, p);
    }
    return (struct timeline_message){
        .uuid = am->uuid,
        .sender = am->sender,
        .seq = am->seq,
        .time_ms = am->created_ms,
        .name = am->sender_name,
        .name_len = am->sender_name_len,
        .text = am->text,
        .text_len = am->text_len,
        .mine = mine,
        .mention = !mine && match_name(am->text, am->text_len, m->user),
    };
}

static bool belongs(const struct model *m, const struct message *am, const struct recipient *to) {
    struct recipient r;
    return recipient_of(m, am, &r) && recipient_eq(&r, to);
}

/* A list of messages as rows, oldest first. NULL: none, or no memory; free it. */
static struct timeline_message *rows_of(struct model *m, const struct recipient *to,
                                        const struct message *messages, size_t n, size_t *out_n) {
    struct timeline_message *rows = n > 0 ? malloc(n * sizeof *rows) : NULL;
    bool newest_first = n > 1 && messages[0].seq > messages[n - 1].seq;
    *out_n = 0;
    for (size_t i = 0; rows && i < n; i++) {
        const struct message *am = &messages[newest_first ? n - 1 - i : i];
        if (!belongs(m, am, to))
            m->strange++;
        else
            rows[(*out_n)++] = row_of(m, am);
    }
    return rows;
}

/* Lines of ours that turn up anywhere are stored. After the fill: a row is always there. */
static void find_stored(struct model *m, const struct timeline_message *rows, size_t n,
                        struct effects *fx) {
    for (size_t i = 0; m->outbox.n > 0 && i < n; i++)
        if (rows[i].mine)
            outbox_stored(m, &rows[i].uuid, fx);
}

/* --- The answer to channelJoin --- */

static void take_members(struct model *m, struct conversation *c, const struct response *a) {
    members_clear(&c->members);
    for (size_t i = 0; i < a->u.join.users_n; i++) {
        const struct user_item *u = &a->u.join.users[i];
        struct person *p = roster_put(&m->roster, &u->uuid, u->name, u->name_len);
        if (p) {
            p->online = u->online;
            members_add(&c->members, p);
        }
        if (!c->to.public && uuid_eq(&u->uuid, &c->to.user) && u->name_len > 0)
            snprintf(c->name, sizeof c->name, "%s", u->name);
    }
    c->members.total = a->u.join.users_total;
    members_sort(&c->members);
}

static void take_snapshot(struct model *m, struct conversation *c, const struct response *a,
                          const struct ask *ask, struct effects *fx) {
    struct timeline *t = &c->timeline;
    const struct position *at = &a->u.join.at;
    size_t n;
    if (at->seq >= TIMELINE_SEQ_MAX) {
        m->strange++;
        return;
    }
    struct timeline_message *rows = rows_of(m, &c->to, a->u.join.messages, a->u.join.n, &n);
    if (a->u.join.recovered && uuid_eq(&t->at.epoch, &at->epoch) &&
        timeline_epoch_number(t, &ask->since.epoch) == 0)
        timeline_name_epoch(t, &ask->since.epoch); /* that of the read mark, see must_trace */
    bool recovered = a->u.join.recovered && timeline_epoch_number(t, &ask->since.epoch) == t->epoch;
    if (recovered)
        timeline_follow_epoch(t, &at->epoch);
    bool other = timeline_set_epoch(t, at, m->wall_ms);
    uint64_t lo = n > 0 ? rows[0].seq - (rows[0].seq > 0) : 0;
    if (recovered)
        lo = ask->since.seq;
    else if (n == 0 && !other && t->bottom > 0)
        timeline_purge(t, &at->epoch, at->seq); /* nothing of it is left */
    timeline_fill(t, lo, at->seq + 1, rows, n);
    find_stored(m, rows, n, fx);
    free(rows);
}

/* The first time in this run: the read mark is known from the files, or from an `unread`. */
static void place_read(struct model *m, struct conversation *c) {
    struct place read = timeline_place_of(&c->timeline, &c->saved_read);
    const struct row *newest = timeline_newest(&c->timeline);
    if (c->unread_from > 0)
        read = timeline_place(&c->timeline, c->unread_from - 1);
    else if (read.epoch == 0 && newest)
        read = newest->place;
    c->read = read;
    c->was_loaded = true;
    if (c == model_current(m))
        c->pages_wanted = 1;
}

/* The read mark of an earlier run is in another epoch: does this one follow? The server says so to
 * who joins with it as `since`. (What is printed as it comes has no use for a mark.) */
static bool must_trace(const struct model *m, const struct conversation *c, const struct ask *ask) {
    const struct uuid *epoch = &c->saved_read.epoch;
    return !c->was_loaded && !m->plain && c->unread_from == 0 && !uuid_is_nil(epoch) &&
           timeline_epoch_number(&c->timeline, epoch) == 0 && !uuid_eq(&ask->since.epoch, epoch);
}

void take_join(struct model *m, const struct response *a, const struct ask *ask,
               struct effects *fx) {
    struct conversation *c = ask->kind == ASK_JOIN ? model_conversation(m, &ask->to) : NULL;
    if (!c || c->join != JOIN_ASKED)
        return;
    if (!recipient_eq(&a->u.join.to, &ask->to)) {
        m->strange++;
        c->join = JOIN_REFUSED;
        return;
    }
    c->join = JOIN_DONE;
    c->hole_pages = HOLE_PAGES;
    c->pause_ms = 0;
    c->tries = 0;
    take_members(m, c, a);
    take_snapshot(m, c, a, ask, fx);
    c->awaited = (struct uuid){{0}};
    if (must_trace(m, c, ask)) {
        c->join = JOIN_WANTED;
        return;
    }
    if (!c->was_loaded)
        place_read(m, c);
    conversation_recount(m, c);
    conversation_changed(m, c);
}

/* --- The answer to channelMessages --- */

void take_history(struct model *m, const struct response *a, const struct ask *ask,
                  struct effects *fx) {
    bool in_hole = ask->kind == ASK_HOLE;
    struct conversation *c =
        in_hole || ask->kind == ASK_HISTORY ? model_conversation(m, &ask->to) : NULL;
    if (!c)
        return;
    struct timeline *t = &c->timeline;
    unsigned *pages = in_hole ? &c->hole_pages : &c->pages_wanted;
    if (*pages > 0)
        --*pages;
    struct place hole = {.seq = ask->low, .sub = TIMELINE_SUB_GAP, .epoch = ask->epoch};
    if (in_hole)
        timeline_ask_hole(t, hole, false);
    else
        timeline_ask_top(t, false);
    uint16_t number = timeline_epoch_number(t, &a->u.history.at.epoch);
    if (ask->epoch == t->epoch && number == 0 && !uuid_is_nil(&a->u.history.at.epoch)) {
        c->awaited = a->u.history.at.epoch; /* it came before its event, which says what it is */
        ++*pages;
    }
    if (ask->epoch != t->epoch || number != t->epoch || !recipient_eq(&a->u.history.to, &ask->to))
        return; /* of another numbering: of no use */
    size_t n;
    struct timeline_message *rows = rows_of(m, &c->to, a->u.history.messages, a->u.history.n, &n);
    uint64_t lo = n > 0 && rows[0].seq > ask->low + 1 ? rows[0].seq - 1 : ask->low;
    timeline_fill(t, lo, ask->high, rows, n);
    find_stored(m, rows, n, fx);
    free(rows);
    search_more(m, c);
    m->version++;
}

/* --- A message by itself --- */

#define BELL_MS 1000

static void alert(struct model *m, struct effects *fx, const char *name, const char *text,
                  size_t len) {
    if (m->tuning.bell && m->now_ms >= m->bell_ms) {
        effects_add(fx, EFFECT_BELL);
        m->bell_ms = m->now_ms + BELL_MS;
    }
    if (!m->tuning.notify || m->has_focus || m->now_ms < m->notify_ms)
        return;
    struct effect *e = effects_add(fx, EFFECT_NOTIFY);
    e->title = effects_copy(fx, name, strlen(name));
    e->len = len < NOTIFY_MAX ? len : NOTIFY_MAX;
    e->text = effects_copy(fx, text, e->len);
    m->notify_ms = m->now_ms + BELL_MS;
}

/* A message that the user has not seen yet. */
static void count_unread(struct model *m, struct conversation *c,
                         const struct timeline_message *row, struct effects *fx) {
    enum activity a = c->to.public ? ACTIVITY_MESSAGE : ACTIVITY_PRIVATE;
    if (row->mention)
        a = ACTIVITY_MENTION;
    if (c->unread == 0)
        c->unread_after = c->read;
    c->unread += c->unread < UNREAD_MAX;
    c->below += c->scroll.edge != SCROLL_FOLLOW;
    if (c->muted && a != ACTIVITY_MENTION)
        return;
    if (a > c->activity)
        c->activity = a;
    if (a > ACTIVITY_MESSAGE && !(c == model_current(m) && m->has_focus))
        alert(m, fx, row->name, row->text, row->text_len);
}

static struct place read_anyway(struct conversation *c) {
    const struct row *newest = timeline_newest(&c->timeline);
    return newest ? newest->place : c->read;
}

void take_message(struct model *m, const struct response *a, const struct ask *ask,
                  struct effects *fx) {
    (void)ask;
    const struct message *am = &a->u.message;
    struct recipient to;
    struct conversation *c = recipient_of(m, am, &to) ? model_conversation(m, &to) : NULL;
    if (!c || c->timeline.epoch == 0 || am->seq == 0 || am->seq >= TIMELINE_SEQ_MAX - 1) {
        m->strange++;
        return;
    }
    struct timeline_message row = row_of(m, am);
    size_t added = 0;
    if (am->seq > c->timeline.at.seq + 1)
        c->hole_pages = HOLE_PAGES;
    /* Else it is known, or in a hole that is asked for, or was purged. */
    if (am->seq > c->timeline.at.seq)
        added = timeline_fill(&c->timeline, am->seq - 1, am->seq + 1, &row, 1);
    if (row.mine)
        outbox_stored(m, &row.uuid, fx);
    m->version++;
    if (added == 0)
        return;
    if (row.mine && c->unread == 0)
        c->read = read_anyway(c);
    else if (conversation_is_seen(m, c) && c->unread == 0)
        c->read = read_anyway(c);
    else if (!row.mine)
        count_unread(m, c, &row, fx);
    conversation_changed(m, c);
}

/* --- Events --- */

void take_sys_unread(struct model *m, const struct response *a, const struct ask *ask,
                     struct effects *fx) {
    (void)ask;
    struct recipient to = a->u.sys.to;
    const char *name = a->u.sys.name;
    if (to.public || !uuid_eq(&to.user, &a->u.sys.user)) {
        m->strange++;
        return;
    }
    roster_put(&m->roster, &to.user, name, strlen(name));
    struct conversation *c = model_open(m, &to, name);
    if (!c || c->join == JOIN_DONE || c->join == JOIN_ASKED)
        return;
    uint64_t seq = a->u.sys.at.seq;
    if (c->unread_from == 0 || seq < c->unread_from)
        c->unread_from = seq;
    c->unread += c->unread < UNREAD_MAX;
    conversation_changed(m, c);
    m->version++;
    if (c->muted)
        return;
    c->activity = ACTIVITY_PRIVATE;
    alert(m, fx, c->name, "a private message", strlen("a private message"));
}

static void tell(struct model *m, struct conversation *c, const char *name, enum sys_event event) {
    static const char *const WORDS[] = {[SYS_SIGN_IN] = "is online",
                                        [SYS_SIGN_OUT] = "went offline",
                                        [SYS_CHANNEL_JOIN] = "joined",
                                        [SYS_CHANNEL_LEAVE] = "left"};
    bool presence = event == SYS_SIGN_IN || event == SYS_SIGN_OUT;
    if (!presence || m->tuning.presence || !c->to.public)
        model_notice(m, c, NOTICE_PRESENCE, "%s %s", name, WORDS[event]);
}

void take_sys_user(struct model *m, const struct response *a, const struct ask *ask,
                   struct effects *fx) {
    (void)ask;
    (void)fx;
    enum sys_event event = a->u.sys.event;
    struct conversation *c = model_conversation(m, &a->u.sys.to);
    struct person *p = roster_put(&m->roster, &a->u.sys.user, a->u.sys.name, strlen(a->u.sys.name));
    if (!c || !p)
        return;
    if (event == SYS_CHANNEL_LEAVE) {
        c->members.total -= members_remove(&c->members, p) && c->members.total > 0;
    } else {
        p->online = event != SYS_SIGN_OUT;
        bool joined = event == SYS_CHANNEL_JOIN && members_add(&c->members, p);
        c->members.total += joined;
    }
    members_sort(&c->members);
    tell(m, c, p->name, event);
    m->version++;
}
