/* timeline - the messages of one channel, as far as they are known here: rows in order, and an
 * honest account of those missing.
 *
 * Messages are numbered by the server (docs/PROTOCOL.md): seq, within an epoch. The timeline is
 * told stretches: "between these two numbers there are exactly these messages" (timeline_fill).
 * A stretch it was never told about is a gap row of kind HOLE, to be asked for or shown; numbers
 * inside a stretch that have no message are a gap row of kind REMOVED. So nothing is ever silently
 * missing, doubled or out of order, whatever arrives, and in whatever order.
 *
 * A row is one allocation. Text and names are stored raw, as they came: foreign. They pass
 * sanitize() on their way to the screen, and nowhere else.
 */
#ifndef CHATTUI_MODEL_TIMELINE_H
#define CHATTUI_MODEL_TIMELINE_H

#include "chattui/base/place.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum row_kind {
    ROW_MESSAGE, /* stored by the server: seq is in its place */
    ROW_PENDING, /* our own, not known to be stored; the outbox knows how it stands */
    ROW_GAP,     /* something is not here: gap */
    ROW_EPOCH,   /* the numbering began anew; the rows above may be incomplete on the server */
    ROW_NOTICE   /* our own words, or about members; `level` */
};

#define TIMELINE_SUB_GAP 0x40000000u /* place.sub of gaps: behind the message's notices */

enum gap_kind {
    GAP_HOLE,    /* not known here; being asked for while `asked` */
    GAP_REMOVED, /* purged, deleted or trimmed on the server */
    GAP_LOST     /* can't be asked for any more: its numbering has ended */
};

enum notice_level { NOTICE_INFO, NOTICE_PRESENCE, NOTICE_WARNING, NOTICE_ERROR };

enum row_flags {
    ROW_MINE = 1,
    ROW_MENTION = 2,
    ROW_ASKED = 4 /* a HOLE that is being asked for */
};

struct row {
    struct place place;
    uint8_t kind;  /* enum row_kind */
    uint8_t flags; /* enum row_flags */
    uint8_t level; /* GAP: enum gap_kind; NOTICE: enum notice_level */
    uint8_t name_len;
    uint32_t text_len;
    int64_t time_ms; /* wall clock: the server's for messages, ours for the others; 0 for gaps */
    union {
        struct {
            struct uuid uuid, sender;
        } message; /* MESSAGE, PENDING */
        struct {
            uint64_t to; /* missing are the numbers between place.seq and this one */
        } gap;
    } u;
    char data[]; /* name, then text */
};

const char *row_name(const struct row *r); /* the sender's, name_len bytes */
bool row_is_server(const struct row *r);   /* a message of the server itself */
/* … as it is shown: the server's own lines have one that no user can have. */
const char *row_sender(const struct row *r, size_t *len);
const char *row_text(const struct row *r); /* text_len bytes; a notice may have several lines */

/* The state of the rows above the first one. */
enum timeline_top {
    TOP_UNKNOWN, /* nothing was loaded yet */
    TOP_MORE,    /* there may be older messages: load them */
    TOP_LOADING, /* asked for */
    TOP_START,   /* the very first message is here */
    TOP_REMOVED, /* older ones were purged or trimmed */
    TOP_LOST,    /* older ones can't be asked for: their numbering has ended */
    TOP_FULL     /* there are more, but no room here */
};

#define TIMELINE_ROWS_MAX 100000u      /* of one channel */
#define TIMELINE_BYTES_MAX (40u << 20) /* of rows, in all channels together */
#define TIMELINE_SEQ_MAX (1ull << 53)  /* numbers on the wire are below */
#define TIMELINE_EPOCHS 32             /* numberings remembered; rows of earlier ones go */
#define TIMELINE_NAMES 16              /* earlier names of the current numbering remembered */

#define TIMELINE_NOTICES_MAX 1000u /* of one channel; the oldest go */

struct timeline_budget {    /* shared by the timelines of a model */
    size_t bytes, max;      /* max 0 = TIMELINE_BYTES_MAX */
    struct timeline *first; /* all of them; the one that has most gives way */
};

struct timeline {
    struct row **rows;    /* by place; a window into `slots`, with room on both sides */
    size_t n, pending;    /* rows in all; the last `pending` of them are ROW_PENDING */
    size_t notices;       /* ROW_NOTICE among them */
    size_t holes;         /* GAP_HOLE among them */
    struct position at;   /* where the channel stands, as last heard; nil epoch = never */
    struct place cleared; /* rows up to here are hidden, by /clear */
    uint32_t version;     /* changes whenever a row comes, goes or looks otherwise */

    /* Of timeline's own files. Every number from `bottom` to at.seq is accounted for by a row, but
     * those of GAP_HOLE rows. */
    uint64_t bottom; /* 0 = nothing is known of this epoch */
    uint64_t
        linked; /* a message with such a number, or a lower one, is above, in an earlier epoch */
    bool full, asked;                    /* at the top: see enum timeline_top */
    struct uuid epochs[TIMELINE_EPOCHS]; /* epochs[number % TIMELINE_EPOCHS] */
    uint16_t epoch;                      /* the current one's number, from 1; 0 = none yet */
    struct uuid names[TIMELINE_NAMES];   /* which it had before: epochs that the next followed */
    unsigned names_n;                    /* … as many as there were; the last of them are kept */
    struct row **slots;
    size_t size, bytes; /* of slots; of rows */
    struct timeline_budget *budget;
    struct timeline *next; /* in the budget */
};

void timeline_init(struct timeline *t, struct timeline_budget *budget);
void timeline_free(struct timeline *t);
void timeline_reset(struct timeline *t); /* forgets all rows but those pending */

/* Looking. */
const struct row *timeline_row(const struct timeline *t, size_t i); /* NULL past the end */
/* Index of the first row whose place is not below `p`; n if there is none. */
size_t timeline_seek(const struct timeline *t, struct place p);
enum timeline_top timeline_top(const struct timeline *t);
/* Index of the first row that /clear has not hidden. */
size_t timeline_first(const struct timeline *t);
/* The place of message `seq` of the current epoch. */
struct place timeline_place(const struct timeline *t, uint64_t seq);
/* The number of an epoch; 0 if it is unknown or forgotten. */
uint16_t timeline_epoch_number(const struct timeline *t, const struct uuid *epoch);
/* A position in place terms and back; PLACE_NONE or a nil epoch where there is none. */
struct place timeline_place_of(const struct timeline *t, const struct position *p);
struct position timeline_position_of(const struct timeline *t, struct place p);
/* The newest stored message; NULL if there is none. */
const struct row *timeline_newest(const struct timeline *t);
/* How many messages that are not ours lie behind `p`. Stops counting at `max`. */
unsigned timeline_count_after(const struct timeline *t, struct place p, unsigned max);
/* Is all that was said behind `seq` of the current epoch here, up to where the channel stands? */
bool timeline_covers(const struct timeline *t, uint64_t seq);

/* The server's word. */

/* One message as it came; `seq` and `text` as in common/proto/model.h, channel unused. */
struct timeline_message {
    struct uuid uuid, sender;
    uint64_t seq;
    int64_t time_ms;
    const char *name, *text;
    size_t name_len, text_len;
    bool mine, mention;
};

/* The numbering is this one, and the channel stood at at.seq when it was told. Nothing happens if
 * it is the current one; else another has begun, and a row says so (unless it is the first).
 * Returns whether it was another. */
bool timeline_set_epoch(struct timeline *t, const struct position *at, int64_t wall_ms);
/* The numbering goes on under another name, with nothing missing: no row says so. */
void timeline_follow_epoch(struct timeline *t, const struct uuid *epoch);
/* The current one had this name before, too. */
void timeline_name_epoch(struct timeline *t, const struct uuid *epoch);
/* The newest stored message that is at t->at; NULL = it isn't here. */
const struct row *timeline_at(const struct timeline *t);
/* Between lo and hi, both exclusive, of the current epoch there are exactly these messages, in
 * ascending order, and no others. Those that are here already stay as they are. The numbers between
 * this stretch and those known become a HOLE, but a stretch wholly below all that is known is
 * ignored. Messages outside or out of order are dropped. Returns how many were new. */
size_t timeline_fill(struct timeline *t, uint64_t lo, uint64_t hi,
                     const struct timeline_message *messages, size_t n);
/* Removes the messages up to `up_to` of an epoch; a gap row says so. */
void timeline_purge(struct timeline *t, const struct uuid *epoch, uint64_t up_to);
void timeline_purge_from(struct timeline *t, const struct uuid *epoch, uint64_t up_to,
                         const struct uuid *sender);
void timeline_purge_one(struct timeline *t, const struct uuid *message);

/* Asking for what is missing: `channelMessages before`, from the newer end of a hole. */

/* The newest hole that isn't being asked for; NULL = none. */
const struct row *timeline_hole(const struct timeline *t);
/* The hole at that place is being asked for, or no longer. */
void timeline_ask_hole(struct timeline *t, struct place hole, bool asked);
/* The number to ask before, to get older history than all that is here; 0 = there is none to ask
 * for, or it is being asked for. */
uint64_t timeline_before(const struct timeline *t);
void timeline_ask_top(struct timeline *t, bool asked);
void timeline_forget_asks(struct timeline *t); /* the connection is gone */

/* Our own. */
/* m->seq is the order of entering. */
bool timeline_add_pending(struct timeline *t, const struct timeline_message *m);
bool timeline_drop_pending(struct timeline *t, const struct uuid *uuid);
/* A row of our own words, behind the newest stored message. */
void timeline_notice(struct timeline *t, enum notice_level level, const char *text, size_t len,
                     int64_t wall_ms);

#endif
