/* purge - see purge.h. */
#include "chatctl/ops/purge.h"

#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/log.h"
#include "chatctl/term/progress.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOUNCE_MS 500 /* how often the connected hear how far a long purge is */

enum status purge_plan(struct invocation *in, const struct channel_id *ch, struct purge *p) {
    struct channel_state state;
    *p = (struct purge){.channel = *ch, .mode = PURGE_ALL};
    enum status st = ask_current_position(in, ch, &state);
    p->epoch = state.at.epoch;
    p->up_to = state.at.seq;
    return st;
}

void purge_from(struct purge *p, const struct uuid *sender) {
    p->mode = PURGE_FROM;
    p->what = *sender;
}

/* --- Where the boundary is --- */

/* The first message behind `after`: its seq, 0 if there is none, and when it was sent. */
static enum status first_behind(struct invocation *in, const struct purge *p, uint64_t after,
                                uint64_t *seq, int64_t *sent_ms) {
    const struct redisReply *r;
    struct err e = {0};
    size_t n;
    struct message m = {0};
    *seq = 0;
    for (;; after = m.seq) { /* a spoilt entry has no time: the next one tells */
        cmd_log_forward(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &p->channel, after,
                        1);
        enum status st = ask(in, &r);
        if (st != STATUS_DONE)
            return st;
        if (reply_array(r, &n, &e))
            return fail(&e);
        if (n == 0)
            return STATUS_DONE;
        if (reply_entry(reply_item(r, 0), &p->channel, &m)) {
            *seq = m.seq;
            *sent_ms = m.created_ms;
            return STATUS_DONE;
        }
        if (m.seq <= after)
            return STATUS_DONE;
    }
}

/* Messages stand in the order of time (but for how far the nodes' clocks are apart), so the
 * boundary is found by halving. */
enum status purge_before(struct invocation *in, struct purge *p, int64_t ms) {
    uint64_t low = 0, high = p->up_to; /* all up to low are older; none behind high is */
    while (low < high) {
        uint64_t mid = low + (high - low) / 2, seq;
        int64_t sent_ms;
        enum status st = first_behind(in, p, mid, &seq, &sent_ms);
        if (st != STATUS_DONE)
            return st;
        if (seq == 0 || seq > high || sent_ms >= ms)
            high = mid;
        else
            low = seq;
    }
    p->up_to = low;
    return STATUS_DONE;
}

struct kept {
    uint64_t n, seq; /* how many were met, and the last of them */
};

static bool keep_entry(const struct log_entry *entry, void *arg) {
    struct kept *kept = arg;
    kept->n++;
    kept->seq = entry->message.seq;
    return true;
}

/* Reads backwards, since numbers may be missing. */
enum status purge_keep(struct invocation *in, struct purge *p, uint64_t n) {
    struct kept kept = {.n = 0};
    struct log_range newest = {.channel = p->channel, .back = true, .up_to = p->up_to, .limit = n};
    if (n == 0)
        return STATUS_DONE;
    enum status st = log_each(in, &newest, keep_entry, &kept);
    if (st == STATUS_DONE)
        p->up_to = kept.n < n || kept.seq == 0 ? 0 : kept.seq - 1;
    return st;
}

/* --- How much it is --- */

static bool count_entry(const struct log_entry *entry, void *arg) {
    struct purge *p = arg;
    p->messages +=
        p->mode == PURGE_ALL || (entry->good && uuid_eq(&entry->message.sender, &p->what));
    return true;
}

enum status purge_count(struct invocation *in, struct purge *p) {
    struct log_info log;
    enum status st = ask_log(in, &p->channel, &log);
    p->messages = 0;
    if (st != STATUS_DONE || log.length == 0 || p->up_to < log.first)
        return st;
    if (p->mode == PURGE_ALL && log.length == log.last - log.first + 1) { /* no number is missing */
        uint64_t last = p->up_to < log.last ? p->up_to : log.last;
        p->messages = last - log.first + 1;
        return STATUS_DONE;
    }
    struct progress bar;
    struct log_range all = {.channel = p->channel, .up_to = p->up_to, .bar = &bar};
    progress_begin(&bar, "counting", log.length, in->quiet);
    st = log_each(in, &all, count_entry, p);
    progress_end(&bar);
    return st == STATUS_DONE && interrupted() ? STATUS_INTERRUPTED : st;
}

/* --- Doing it --- */

static enum status purge_step(struct invocation *in, const struct purge_args *a,
                              struct step_result *out) {
    cmd_purge(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), a);
    enum status st = ask_step(in, out, "another purge or restore is at work on this channel");
    if (st != STATUS_DONE)
        return st;
    if (out->state == STEP_OTHER) {
        complain("the channel's epoch has changed: what was to be purged is not what is there now");
        return STATUS_CONFLICT;
    }
    return STATUS_DONE;
}

/* Ctrl-C: those connected hear how far it got, and the lock goes. */
static enum status purge_end_early(struct invocation *in, struct purge_args *a, uint64_t moved) {
    struct step_result ignored;
    a->entries = 0;
    a->announce = true;
    purge_step(in, a, &ignored);
    return status_stopped("messages are purged", moved);
}

enum status purge_run(struct invocation *in, const struct purge *p, int64_t grace_ms,
                      uint64_t *moved) {
    struct purge_args a = {.channel = p->channel,
                           .id = uuid_make(),
                           .epoch = p->epoch,
                           .after = p->after,
                           .up_to = p->up_to,
                           .entries = PURGE_BATCH,
                           .mode = p->mode,
                           .what = p->what,
                           .grace_ms = grace_ms,
                           .spare_epoch = uuid_make(),
                           .history = redis_sync_history(in->redis)};
    struct step_result step = {.state = STEP_MORE};
    struct progress bar;
    enum status st = STATUS_DONE;
    uint64_t told = clock_mono_ms();
    *moved = 0;
    progress_begin(&bar, "purging", p->mode == PURGE_ALL ? p->messages : 0, in->quiet);
    while (st == STATUS_DONE && step.state != STEP_DONE && !interrupted()) {
        uint64_t now = clock_mono_ms();
        a.announce = now - told >= ANNOUNCE_MS;
        told = a.announce ? now : told;
        st = purge_step(in, &a, &step);
        if (st != STATUS_DONE)
            break;
        a.after = strtoull(step.at, NULL, 10);
        *moved += step.moved;
        progress_add(&bar, step.moved);
    }
    progress_end(&bar);
    return st == STATUS_DONE && step.state != STEP_DONE ? purge_end_early(in, &a, *moved) : st;
}

/* --- Restoring --- */

enum status purge_list(struct invocation *in, const struct channel_id *ch, struct restorable *out,
                       size_t max, size_t *n) {
    const struct redisReply *r;
    struct err e = {0};
    size_t all;
    cmd_purges(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch,
               redis_sync_now(in->redis));
    enum status st = ask(in, &r);
    *n = 0;
    if (st != STATUS_DONE)
        return st;
    if (reply_array(r, &all, &e))
        return fail(&e);
    for (size_t i = all > max ? all - max : 0; i < all; i++)
        if (!reply_uuid(reply_item(r, i), &out[*n].id, &e) && !uuid_is_nil(&out[*n].id))
            ++*n;
    size_t kept = 0;
    for (size_t i = 0; i < *n && st == STATUS_DONE; i++) {
        struct restorable one = {.id = out[i].id};
        cmd_purge_get(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), ch, &one.id);
        st = ask(in, &r);
        if (st == STATUS_DONE && reply_purge_record(r, &one.record, &e))
            st = fail(&e);
        if (one.record.found)
            out[kept++] = one;
    }
    *n = kept;
    return st;
}

static enum status restore_step(struct invocation *in, const struct restore_args *a,
                                struct step_result *out) {
    cmd_restore(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), a);
    enum status st = ask_step(in, out, "another purge or restore is at work on this channel");
    if (st != STATUS_DONE)
        return st;
    if (out->state == STEP_OTHER) {
        complain("what was purged is gone for good: its time is over");
        return STATUS_NOT_FOUND;
    }
    return STATUS_DONE;
}

enum status purge_restore(struct invocation *in, const struct channel_id *ch,
                          const struct restorable *purge, uint64_t *restored) {
    struct step_result step = {.state = STEP_MORE, .at = "0-0"};
    struct progress bar;
    char after[sizeof step.at];
    struct restore_args a = {.channel = *ch,
                             .id = uuid_make(),
                             .purge = purge->id,
                             .after = after,
                             .entries = PURGE_BATCH,
                             .history = redis_sync_history(in->redis)};
    enum status st = STATUS_DONE;
    *restored = 0;
    progress_begin(&bar, "restoring", (uint64_t)purge->record.moved, in->quiet);
    while (st == STATUS_DONE && step.state != STEP_DONE && !interrupted()) {
        snprintf(after, sizeof after, "%s", step.at);
        a.spare_epoch = uuid_make(); /* each for one epoch only */
        st = restore_step(in, &a, &step);
        *restored += st == STATUS_DONE ? step.moved : 0;
        progress_add(&bar, step.moved);
    }
    progress_end(&bar);
    if (st != STATUS_DONE || step.state == STEP_DONE)
        return st;
    *restored = 0;
    a.entries = 0;
    restore_step(in, &a, &step);
    complain("interrupted: nothing was changed; restore again, it begins anew");
    return STATUS_INTERRUPTED;
}
