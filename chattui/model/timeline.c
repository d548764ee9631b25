/* timeline - see timeline.h: the rows as an array, and all that is only looking or asking.
 * timeline_fill.c is what the server says.
 *
 * The array has room on both sides, since rows come in at its end (what is said) and at its
 * beginning (history).
 */
#include "chattui/model/timeline.h"

#include "chattui/model/timeline_rows.h"

#include <stdlib.h>
#include <string.h>

/* --- Rows --- */

bool row_is_server(const struct row *r) {
    return r->kind == ROW_MESSAGE && uuid_is_nil(&r->u.message.sender);
}

const char *row_sender(const struct row *r, size_t *len) {
    static const char server[] = "[server]";
    *len = row_is_server(r) ? sizeof server - 1 : r->name_len;
    return row_is_server(r) ? server : row_name(r);
}

const char *row_name(const struct row *r) {
    return r->data;
}

const char *row_text(const struct row *r) {
    return r->data + r->name_len;
}

struct row *timeline_make_row(enum row_kind kind, struct place at, const char *name,
                              size_t name_len, const char *text, size_t text_len) {
    if (name_len > NAME_MAX_BYTES)
        name_len = NAME_MAX_BYTES;
    struct row *r = malloc(sizeof *r + name_len + text_len);
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->kind = (uint8_t)kind;
    r->place = at;
    r->name_len = (uint8_t)name_len;
    r->text_len = (uint32_t)text_len;
    if (name_len > 0)
        memcpy(r->data, name, name_len);
    if (text_len > 0)
        memcpy(r->data + name_len, text, text_len);
    return r;
}

#define MALLOC_OVERHEAD 16

static size_t row_bytes(const struct row *r) {
    return sizeof *r + r->name_len + r->text_len + sizeof(struct row *) + MALLOC_OVERHEAD;
}

static bool is_hole(const struct row *r) {
    return r->kind == ROW_GAP && r->level == GAP_HOLE;
}

static void count_row(struct timeline *t, const struct row *r, bool comes) {
    size_t bytes = row_bytes(r);
    t->bytes += comes ? bytes : (size_t)0 - bytes;
    t->budget->bytes += comes ? bytes : (size_t)0 - bytes;
    size_t one = comes ? 1 : (size_t)-1;
    t->n += one;
    if (r->kind == ROW_PENDING)
        t->pending += one;
    if (r->kind == ROW_NOTICE)
        t->notices += one;
    if (is_hole(r))
        t->holes += one;
    t->version++;
}

/* Moves all rows into an array with room for half as many more, a third of it before them. */
static bool grow(struct timeline *t) {
    size_t size = t->n + t->n / 2 + 48;
    struct row **slots = malloc(size * sizeof *slots);
    if (!slots)
        return false;
    struct row **rows = slots + (size - t->n) / 3;
    if (t->n > 0)
        memcpy(rows, t->rows, t->n * sizeof *rows);
    free(t->slots);
    t->slots = slots;
    t->size = size;
    t->rows = rows;
    return true;
}

/* Opens a slot at index i, moving the shorter side. */
static bool open_slot(struct timeline *t, size_t i) {
    bool to_front = i < t->n - i;
    bool has_room =
        t->slots && (to_front ? t->rows > t->slots : t->rows + t->n < t->slots + t->size);
    if (!has_room && !grow(t))
        return false;
    if (to_front) {
        t->rows--;
        memmove(t->rows, t->rows + 1, i * sizeof *t->rows);
    } else {
        memmove(t->rows + i + 1, t->rows + i, (t->n - i) * sizeof *t->rows);
    }
    return true;
}

bool timeline_insert(struct timeline *t, size_t i, struct row *r) {
    if (!r || !open_slot(t, i)) {
        free(r);
        return false;
    }
    t->rows[i] = r;
    count_row(t, r, true);
    return true;
}

void timeline_remove(struct timeline *t, size_t from, size_t to) {
    size_t n = t->n;
    if (from >= to)
        return;
    for (size_t i = from; i < to; i++) {
        count_row(t, t->rows[i], false);
        free(t->rows[i]);
    }
    if (from == 0)
        t->rows += to;
    else
        memmove(t->rows + from, t->rows + to, (n - to) * sizeof *t->rows);
}

/* --- Life --- */

void timeline_init(struct timeline *t, struct timeline_budget *budget) {
    memset(t, 0, sizeof *t);
    t->budget = budget;
    t->next = budget->first;
    budget->first = t;
}

void timeline_free(struct timeline *t) {
    timeline_remove(t, 0, t->n);
    free(t->slots);
    struct timeline **link = &t->budget->first;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    memset(t, 0, sizeof *t);
}

void timeline_reset(struct timeline *t) {
    timeline_remove(t, 0, t->n - t->pending);
    t->at = (struct position){.seq = 0};
    t->cleared = PLACE_NONE;
    t->bottom = t->linked = 0;
    t->epoch = 0;
    t->full = t->asked = false;
    t->version++;
}

/* --- Bounds --- */

/* Rows that were taken from the top can be loaded again. */
static void take_top(struct timeline *t, size_t n) {
    const struct row *last = t->rows[n - 1];
    uint64_t known = last->kind == ROW_GAP ? last->u.gap.to : last->place.seq + 1;
    if (last->place.epoch == t->epoch && known > t->bottom)
        t->bottom = known;
    timeline_remove(t, 0, n);
}

static struct timeline *largest(struct timeline_budget *budget) {
    struct timeline *most = NULL;
    for (struct timeline *t = budget->first; t; t = t->next)
        if (!most || t->bytes > most->bytes)
            most = t;
    return most;
}

#define TAKE_ROWS 64 /* at a time, so that it isn't done for every message */

static size_t takeable(const struct timeline *t) {
    size_t stored = t->n - t->pending;
    if (stored < 2)
        return 0;
    return stored - 1 < TAKE_ROWS ? stored - 1 : TAKE_ROWS;
}

void timeline_keep_budget(struct timeline *t) {
    struct timeline_budget *b = t->budget;
    size_t max = b->max ? b->max : TIMELINE_BYTES_MAX, n;
    if (t->n > TIMELINE_ROWS_MAX && (n = takeable(t)) > 0)
        take_top(t, n);
    while (b->bytes > max) {
        struct timeline *most = largest(b);
        if ((n = takeable(most)) == 0)
            break;
        take_top(most, n);
    }
}

/* --- Looking --- */

const struct row *timeline_row(const struct timeline *t, size_t i) {
    return i < t->n ? t->rows[i] : NULL;
}

size_t timeline_seek(const struct timeline *t, struct place p) {
    size_t lo = 0, hi = t->n;
    if (t->n > 0 && place_cmp(t->rows[t->n - 1]->place, p) < 0)
        return t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (place_cmp(t->rows[mid]->place, p) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

size_t timeline_first(const struct timeline *t) {
    struct place p = t->cleared;
    if (p.epoch == 0)
        return 0;
    p.sub++;
    return timeline_seek(t, p);
}

struct place timeline_place(const struct timeline *t, uint64_t seq) {
    return (struct place){.seq = seq, .epoch = t->epoch};
}

static bool was_named(const struct timeline *t, const struct uuid *epoch) {
    for (unsigned i = 0; i < t->names_n && i < TIMELINE_NAMES; i++)
        if (uuid_eq(&t->names[i], epoch))
            return true;
    return false;
}

uint16_t timeline_epoch_number(const struct timeline *t, const struct uuid *epoch) {
    if (was_named(t, epoch))
        return t->epoch;
    for (uint16_t k = t->epoch; k > 0 && k + TIMELINE_EPOCHS > t->epoch; k--)
        if (uuid_eq(&t->epochs[k % TIMELINE_EPOCHS], epoch))
            return k;
    return 0;
}

struct place timeline_place_of(const struct timeline *t, const struct position *p) {
    uint16_t number = timeline_epoch_number(t, &p->epoch);
    return number ? (struct place){.seq = p->seq, .epoch = number} : PLACE_NONE;
}

struct position timeline_position_of(const struct timeline *t, struct place p) {
    if (p.epoch == 0 || p.epoch > t->epoch || p.epoch + TIMELINE_EPOCHS <= t->epoch)
        return (struct position){.seq = 0};
    return (struct position){.epoch = t->epochs[p.epoch % TIMELINE_EPOCHS], .seq = p.seq};
}

const struct row *timeline_at(const struct timeline *t) {
    const struct row *r = timeline_newest(t);
    return r && r->place.epoch == t->epoch && r->place.seq == t->at.seq ? r : NULL;
}

const struct row *timeline_newest(const struct timeline *t) {
    for (size_t i = t->n - t->pending; i > 0; i--)
        if (t->rows[i - 1]->kind == ROW_MESSAGE)
            return t->rows[i - 1];
    return NULL;
}

unsigned timeline_count_after(const struct timeline *t, struct place p, unsigned max) {
    unsigned count = 0;
    for (size_t i = t->n - t->pending; i > 0 && count < max; i--) {
        const struct row *r = t->rows[i - 1];
        if (place_cmp(r->place, p) <= 0)
            break;
        count += r->kind == ROW_MESSAGE && !(r->flags & ROW_MINE);
    }
    return count;
}

bool timeline_covers(const struct timeline *t, uint64_t seq) {
    if (t->bottom == 0 || t->bottom > seq + 1)
        return false;
    size_t holes = t->holes;
    for (size_t i = t->n - t->pending; holes > 0; i--)
        if (is_hole(t->rows[i - 1]) && holes-- && t->rows[i - 1]->u.gap.to > seq + 1)
            return false;
    return true;
}

static uint16_t first_epoch(const struct timeline *t) {
    return t->n > t->pending ? t->rows[0]->place.epoch : t->epoch;
}

static bool begins_with_the_first(const struct timeline *t) {
    for (size_t i = 0; i < t->n - t->pending; i++)
        if (t->rows[i]->kind == ROW_MESSAGE)
            return t->rows[i]->place.seq == 1;
    return t->at.seq == 0;
}

enum timeline_top timeline_top(const struct timeline *t) {
    if (t->bottom == 0 && t->n == t->pending)
        return TOP_UNKNOWN;
    if (first_epoch(t) != t->epoch)
        return TOP_LOST;
    if (t->bottom == 1)
        return begins_with_the_first(t) ? TOP_START : TOP_REMOVED;
    if (t->asked)
        return TOP_LOADING;
    return t->full ? TOP_FULL : TOP_MORE;
}

/* --- Asking --- */

const struct row *timeline_hole(const struct timeline *t) {
    size_t holes = t->holes;
    for (size_t i = t->n - t->pending; holes > 0; i--)
        if (is_hole(t->rows[i - 1]) && holes-- && !(t->rows[i - 1]->flags & ROW_ASKED))
            return t->rows[i - 1];
    return NULL;
}

static void set_asked(struct timeline *t, struct row *r, bool asked) {
    r->flags = (uint8_t)(asked ? r->flags | ROW_ASKED : r->flags & ~ROW_ASKED);
    t->version++;
}

void timeline_ask_hole(struct timeline *t, struct place hole, bool asked) {
    size_t i = timeline_seek(t, hole);
    if (i < t->n && place_cmp(t->rows[i]->place, hole) == 0 && is_hole(t->rows[i]))
        set_asked(t, t->rows[i], asked);
}

uint64_t timeline_before(const struct timeline *t) {
    return timeline_top(t) == TOP_MORE && t->bottom > 1 ? t->bottom : 0;
}

void timeline_ask_top(struct timeline *t, bool asked) {
    t->asked = asked;
    t->version++;
}

void timeline_forget_asks(struct timeline *t) {
    timeline_ask_top(t, false);
    for (size_t i = 0; t->holes > 0 && i < t->n; i++)
        if (is_hole(t->rows[i]))
            set_asked(t, t->rows[i], false);
}

/* --- Our own --- */

bool timeline_add_pending(struct timeline *t, const struct timeline_message *m) {
    struct place at = {.seq = m->seq, .epoch = PLACE_PENDING};
    struct row *r = timeline_make_row(ROW_PENDING, at, m->name, m->name_len, m->text, m->text_len);
    if (!r)
        return false;
    r->flags = ROW_MINE;
    r->time_ms = m->time_ms;
    r->u.message.uuid = m->uuid;
    r->u.message.sender = m->sender;
    return timeline_insert(t, timeline_seek(t, at), r);
}

bool timeline_drop_pending(struct timeline *t, const struct uuid *uuid) {
    for (size_t i = t->n - t->pending; i < t->n; i++)
        if (uuid_eq(&t->rows[i]->u.message.uuid, uuid)) {
            timeline_remove(t, i, i + 1);
            return true;
        }
    return false;
}

static void drop_oldest_notice(struct timeline *t) {
    for (size_t i = 0; i < t->n; i++)
        if (t->rows[i]->kind == ROW_NOTICE) {
            timeline_remove(t, i, i + 1);
            return;
        }
}

void timeline_notice(struct timeline *t, enum notice_level level, const char *text, size_t len,
                     int64_t wall_ms) {
    size_t i = t->n - t->pending;
    struct place at = {.seq = t->at.seq, .epoch = t->epoch ? t->epoch : 1};
    if (i > 0 && place_cmp(t->rows[i - 1]->place, at) > 0)
        at = t->rows[i - 1]->place;
    at.sub++;
    struct row *r = timeline_make_row(ROW_NOTICE, at, "", 0, text, len);
    if (!r)
        return;
    r->level = (uint8_t)level;
    r->time_ms = wall_ms;
    if (timeline_insert(t, i, r) && t->notices > TIMELINE_NOTICES_MAX)
        drop_oldest_notice(t);
    timeline_keep_budget(t);
}
