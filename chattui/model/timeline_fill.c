/* timeline_fill - see timeline.h: the server's word on a channel's messages.
 *
 * A stretch of numbers becomes known in two steps. The part outside of all that was known is first
 * marked as a hole. Then the stretch is taken out of every hole that it meets: for each of its
 * numbers a message is put in its place, or, where there is none, a REMOVED gap.
 */
#include "chattui/model/timeline.h"

#include "chattui/model/timeline_rows.h"

#include <stdlib.h>

/* --- Gaps --- */

static struct row *row_at(const struct timeline *t, size_t i) {
    return i < t->n ? t->rows[i] : NULL;
}

static bool is_gap(const struct row *r, enum gap_kind kind) {
    return r && r->kind == ROW_GAP && r->level == kind;
}

/* Neighbours that are both REMOVED become one. */
static void join_gaps(struct timeline *t, size_t i) {
    struct row *r = row_at(t, i), *next = row_at(t, i + 1);
    if (is_gap(r, GAP_REMOVED) && is_gap(next, GAP_REMOVED) &&
        next->place.epoch == r->place.epoch && next->place.seq + 1 == r->u.gap.to) {
        r->u.gap.to = next->u.gap.to;
        timeline_remove(t, i + 1, i + 2);
    }
}

/* At the place of a gap: those of numbers lo + 1 … hi - 1. Nothing if there are none. */
static void add_gap(struct timeline *t, enum gap_kind kind, uint16_t epoch, uint64_t lo,
                    uint64_t hi) {
    if (hi <= lo || hi - lo < 2)
        return;
    struct place at = {.seq = lo, .sub = TIMELINE_SUB_GAP, .epoch = epoch};
    struct row *r = timeline_make_row(ROW_GAP, at, "", 0, "", 0);
    if (!r)
        return;
    r->level = (uint8_t)kind;
    r->u.gap.to = hi;
    size_t i = timeline_seek(t, at);
    if (timeline_insert(t, i, r)) {
        join_gaps(t, i);
        if (i > 0)
            join_gaps(t, i - 1);
    }
}

/* Takes the numbers lo + 1 … hi - 1 out of gap row i; the rest stays as one gap or two. */
static void cut_gap(struct timeline *t, size_t i, uint64_t lo, uint64_t hi) {
    const struct row *r = t->rows[i];
    enum gap_kind kind = (enum gap_kind)r->level;
    uint16_t epoch = r->place.epoch;
    uint64_t from = r->place.seq, to = r->u.gap.to;
    timeline_remove(t, i, i + 1);
    if (lo > from)
        add_gap(t, kind, epoch, from, lo + 1 < to ? lo + 1 : to);
    if (hi < to)
        add_gap(t, kind, epoch, hi - 1 > from ? hi - 1 : from, to);
}

/* --- Messages --- */

static bool insert_message(struct timeline *t, const struct timeline_message *m) {
    struct place at = timeline_place(t, m->seq);
    size_t i = timeline_seek(t, at);
    if (i < t->n && place_cmp(t->rows[i]->place, at) == 0)
        return false;
    struct row *r = timeline_make_row(ROW_MESSAGE, at, m->name, m->name_len, m->text, m->text_len);
    if (!r)
        return false;
    r->flags = (uint8_t)((m->mine ? ROW_MINE : 0) | (m->mention ? ROW_MENTION : 0));
    r->time_ms = m->time_ms;
    r->u.message.uuid = m->uuid;
    r->u.message.sender = m->sender;
    return timeline_insert(t, i, r);
}

#define LOOK_BACK 2000 /* rows of the numberings before */

/* Is it among the rows of an earlier numbering? */
static bool is_known_before(const struct timeline *t, const struct uuid *uuid) {
    size_t i = timeline_seek(t, (struct place){.epoch = t->epoch});
    for (size_t n = 0; i > 0 && n < LOOK_BACK; i--, n++) {
        const struct row *r = t->rows[i - 1];
        if (r->kind == ROW_MESSAGE && uuid_eq(&r->u.message.uuid, uuid))
            return true;
    }
    return false;
}

/* --- Epochs --- */

static void lose_holes(struct timeline *t) {
    for (size_t i = 0; i < t->n && t->holes > 0; i++)
        if (is_gap(t->rows[i], GAP_HOLE)) {
            t->rows[i]->level = GAP_LOST;
            t->holes--;
        }
}

/* Numberings that are too old to be told apart go, with their rows. */
static void forget_epochs(struct timeline *t) {
    if (t->epoch < TIMELINE_EPOCHS)
        return;
    uint16_t oldest = (uint16_t)(t->epoch - TIMELINE_EPOCHS + 1);
    timeline_remove(t, 0, timeline_seek(t, (struct place){.epoch = oldest}));
}

static void add_epoch_row(struct timeline *t, int64_t wall_ms) {
    struct place at = {.epoch = t->epoch};
    struct row *r = timeline_make_row(ROW_EPOCH, at, "", 0, "", 0);
    if (!r)
        return;
    r->time_ms = wall_ms;
    timeline_insert(t, timeline_seek(t, at), r);
}

bool timeline_set_epoch(struct timeline *t, const struct position *at, int64_t wall_ms) {
    if (t->epoch > 0 && uuid_eq(&t->at.epoch, &at->epoch))
        return false;
    if (t->epoch >= PLACE_PENDING - 1)
        timeline_reset(t);
    bool first = t->epoch == 0 || (t->bottom <= 1 && t->at.seq == 0); /* nothing to tell apart */
    if (t->epoch == 0 || !first)
        t->epoch++;
    t->epochs[t->epoch % TIMELINE_EPOCHS] = at->epoch;
    t->names_n = 0;
    t->at = *at;
    t->asked = t->full = false;
    t->bottom = t->linked = 0;
    t->version++;
    if (first)
        return false;
    lose_holes(t);
    add_epoch_row(t, wall_ms);
    forget_epochs(t);
    t->bottom = 1;
    add_gap(t, GAP_HOLE, t->epoch, 0, at->seq + 1);
    return true;
}

void timeline_name_epoch(struct timeline *t, const struct uuid *epoch) {
    t->names[t->names_n++ % TIMELINE_NAMES] = *epoch;
}

void timeline_follow_epoch(struct timeline *t, const struct uuid *epoch) {
    if (t->epoch == 0 || uuid_eq(&t->at.epoch, epoch))
        return;
    timeline_name_epoch(t, &t->at.epoch);
    t->epochs[t->epoch % TIMELINE_EPOCHS] = *epoch;
    t->at.epoch = *epoch;
}

/* --- Stretches --- */

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Index of a hole that shares numbers with lo + 1 … hi - 1; n if there is none. */
static size_t find_hole(const struct timeline *t, uint64_t lo, uint64_t hi) {
    size_t holes = t->holes;
    for (size_t i = t->n - t->pending; holes > 0; i--) {
        const struct row *r = t->rows[i - 1];
        if (!is_gap(r, GAP_HOLE))
            continue;
        holes--;
        if (larger(r->place.seq, lo) + 1 < smaller(r->u.gap.to, hi))
            return i - 1;
    }
    return t->n;
}

/* The newest of them that an earlier numbering has too. It, and all before it, is above, or was not
 * loaded there. 0 = none. */
static uint64_t find_link(const struct timeline *t, const struct timeline_message *messages,
                          size_t n) {
    for (size_t i = n; i > 0; i--)
        if (is_known_before(t, &messages[i - 1].uuid))
            return messages[i - 1].seq;
    return 0;
}

static void link_up(struct timeline *t, uint64_t seq) {
    size_t i;
    t->linked = seq;
    while ((i = find_hole(t, 0, seq + 1)) < t->n)
        cut_gap(t, i, 0, seq + 1);
}

/* Numbers lo + 1 … hi - 1 were in a hole and are now accounted for. */
static size_t settle(struct timeline *t, uint64_t lo, uint64_t hi,
                     const struct timeline_message *messages, size_t n) {
    bool has_past = t->epoch > 1 && t->linked == 0;
    uint64_t linked = has_past ? find_link(t, messages, n) : 0;
    uint64_t last = linked > lo ? linked : lo;
    size_t added = 0;
    for (size_t i = 0; i < n; i++) {
        const struct timeline_message *m = &messages[i];
        if (m->seq <= last || m->seq >= hi)
            continue;
        add_gap(t, GAP_REMOVED, t->epoch, last, m->seq);
        added += insert_message(t, m);
        last = m->seq;
    }
    add_gap(t, GAP_REMOVED, t->epoch, last, hi);
    if (linked)
        link_up(t, linked);
    return added;
}

static size_t settle_holes(struct timeline *t, uint64_t lo, uint64_t hi,
                           const struct timeline_message *messages, size_t n) {
    size_t added = 0, i;
    while ((i = find_hole(t, lo, hi)) < t->n) {
        uint64_t from = t->rows[i]->place.seq, to = t->rows[i]->u.gap.to;
        cut_gap(t, i, lo, hi);
        added += settle(t, larger(lo, from), smaller(hi, to), messages, n);
    }
    return added;
}

#define GAP_NEAR 8 /* rows of ours that may stand between a gap and what follows it */

/* A message that was thought to be removed is there again (a purge was undone). */
static size_t bring_back(struct timeline *t, const struct timeline_message *m) {
    struct place at = timeline_place(t, m->seq);
    size_t i = timeline_seek(t, at);
    if (i < t->n && place_cmp(t->rows[i]->place, at) == 0)
        return 0;
    if (m->seq <= t->linked)
        return 0;
    for (size_t k = 0; k < GAP_NEAR && i > 0; k++, i--)
        if (is_gap(t->rows[i - 1], GAP_REMOVED)) {
            if (t->rows[i - 1]->place.epoch == t->epoch && t->rows[i - 1]->u.gap.to > m->seq)
                cut_gap(t, i - 1, m->seq - 1, m->seq + 1);
            break;
        }
    return insert_message(t, m);
}

#define ROOM_ROWS 200u /* for a page */
#define ROOM_BYTES (2u << 20)

static bool has_room(const struct timeline *t) {
    size_t max = t->budget->max ? t->budget->max : TIMELINE_BYTES_MAX;
    return t->n + ROOM_ROWS <= TIMELINE_ROWS_MAX && t->budget->bytes + ROOM_BYTES <= max;
}

/* Marks what the stretch adds on either side as holes. False: it is of no use here. */
static bool reach(struct timeline *t, uint64_t lo, uint64_t hi) {
    if (t->bottom == 0) {
        t->bottom = hi;
        t->at.seq = hi - 1;
    }
    if (hi < t->bottom)
        return false;
    if (lo + 1 < t->bottom && t->n > t->pending && !has_room(t)) {
        t->full = true;
        return false;
    }
    if (lo + 1 < t->bottom) {
        add_gap(t, GAP_HOLE, t->epoch, lo, t->bottom);
        t->bottom = lo + 1;
    }
    if (hi > t->at.seq + 1) {
        add_gap(t, GAP_HOLE, t->epoch, t->at.seq, hi);
        t->at.seq = hi - 1;
    }
    return true;
}

/* At the very top TOP_REMOVED says it. */
static void trim_top(struct timeline *t) {
    if (t->bottom == 1 && is_gap(row_at(t, 0), GAP_REMOVED) && t->rows[0]->place.epoch == t->epoch)
        timeline_remove(t, 0, 1);
}

size_t timeline_fill(struct timeline *t, uint64_t lo, uint64_t hi,
                     const struct timeline_message *messages, size_t n) {
    size_t added = 0;
    if (t->epoch == 0 || hi <= lo || hi > TIMELINE_SEQ_MAX)
        return 0;
    if (n == 1 && t->bottom > 0 && lo == t->at.seq && hi == lo + 2 && messages->seq == lo + 1) {
        t->at.seq++; /* the newest message: the way that must be quick */
        added = insert_message(t, messages);
    } else if (reach(t, lo, hi)) {
        added = settle_holes(t, lo, hi, messages, n);
        for (size_t i = 0; i < n; i++)
            if (messages[i].seq > lo && messages[i].seq < hi)
                added += bring_back(t, &messages[i]);
        trim_top(t);
    }
    t->version++;
    timeline_keep_budget(t);
    return added;
}

/* --- Purges --- */

/* Removes what is numbered up to `up_to` in an epoch, but not what of a gap lies behind it. */
static void remove_up_to(struct timeline *t, uint16_t epoch, uint64_t up_to) {
    size_t from = timeline_seek(t, (struct place){.epoch = epoch, .sub = 1});
    size_t to = timeline_seek(t, (struct place){.epoch = epoch, .seq = up_to, .sub = UINT32_MAX});
    if (from == to)
        return;
    const struct row *first = t->rows[from], *last = t->rows[to - 1];
    uint64_t low = first->place.seq - (first->kind == ROW_MESSAGE);
    uint64_t high = last->kind == ROW_GAP ? last->u.gap.to : 0;
    enum gap_kind kind = (enum gap_kind)last->level;
    timeline_remove(t, from, to);
    if (high > up_to + 1)
        add_gap(t, kind, epoch, up_to, high);
    add_gap(t, GAP_REMOVED, epoch, low, up_to + 1);
}

void timeline_purge(struct timeline *t, const struct uuid *epoch, uint64_t up_to) {
    uint16_t number = timeline_epoch_number(t, epoch);
    if (number == 0)
        return;
    up_to = smaller(up_to, TIMELINE_SEQ_MAX);
    if (number == t->epoch) {
        if (t->bottom == 0 || up_to + 1 < t->bottom)
            return;
        up_to = smaller(up_to, t->at.seq);
        t->bottom = 1; /* nothing older is there to be asked for */
    }
    remove_up_to(t, number, up_to);
    trim_top(t);
    t->version++;
}

/* From the end: a gap that joins another changes nothing before it. */
void timeline_purge_from(struct timeline *t, const struct uuid *epoch, uint64_t up_to,
                         const struct uuid *sender) {
    uint16_t number = timeline_epoch_number(t, epoch);
    for (size_t i = number ? t->n - t->pending : 0; i-- > 0;) {
        const struct row *r = t->rows[i];
        struct place at = r->place;
        if (r->kind != ROW_MESSAGE || at.epoch != number || at.seq > up_to ||
            !uuid_eq(&r->u.message.sender, sender))
            continue;
        timeline_remove(t, i, i + 1);
        add_gap(t, GAP_REMOVED, at.epoch, at.seq - 1, at.seq + 1);
    }
    t->version++;
}

void timeline_purge_one(struct timeline *t, const struct uuid *message) {
    for (size_t i = 0; i < t->n - t->pending; i++) {
        struct place at = t->rows[i]->place;
        if (t->rows[i]->kind != ROW_MESSAGE || !uuid_eq(&t->rows[i]->u.message.uuid, message))
            continue;
        timeline_remove(t, i, i + 1);
        add_gap(t, GAP_REMOVED, at.epoch, at.seq - 1, at.seq + 1);
        trim_top(t);
        return;
    }
}
