/* rename - see rename.h. */
#include "chatctl/ops/rename.h"

#include "chatctl/ops/ask.h"
#include "chatctl/ops/log.h"
#include "chatctl/ops/purge.h"
#include "chatctl/term/progress.h"

#include <stdio.h>
#include <string.h>

/* --- How much it is --- */

static bool bears(const struct message *m, const char *name) {
    return m->sender_name_len == strlen(name) &&
           memcmp(m->sender_name, name, m->sender_name_len) == 0;
}

struct count {
    const struct uuid *sender;
    const char *name;
    uint64_t n;
};

static bool count_other_names(const struct log_entry *entry, void *arg) {
    struct count *c = arg;
    c->n += entry->good && uuid_eq(&entry->message.sender, c->sender) &&
            !bears(&entry->message, c->name);
    return true;
}

enum status rename_count(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *sender, const char *name, uint64_t *n) {
    struct log_info log;
    struct progress bar;
    struct count c = {.sender = sender, .name = name};
    enum status st = ask_log(in, ch, &log);
    *n = 0;
    if (st != STATUS_DONE || log.length == 0)
        return st;
    progress_begin(&bar, "counting", log.length, in->quiet);
    st = log_each(in, &(struct log_range){.channel = *ch, .up_to = log.last, .bar = &bar},
                  count_other_names, &c);
    progress_end(&bar);
    *n = c.n;
    return st == STATUS_DONE && interrupted() ? STATUS_INTERRUPTED : st;
}

/* --- Doing it --- */

static enum status rename_step(struct invocation *in, struct rename_args *a,
                               struct step_result *out) {
    cmd_rename(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), a);
    enum status st = ask_step(in, out, "a purge or restore is at work on this channel");
    if (st != STATUS_DONE)
        return st;
    if (out->state == STEP_OTHER) {
        complain("the channel's epoch has changed meanwhile: do it again");
        return STATUS_CONFLICT;
    }
    snprintf(a->after, sizeof a->after, "%s", out->at);
    return STATUS_DONE;
}

static enum status rename_end_early(struct invocation *in, struct rename_args *a) {
    struct step_result ignored;
    a->entries = 0;
    rename_step(in, a, &ignored);
    complain("interrupted: the messages of this channel are as they were; do it again");
    return STATUS_INTERRUPTED;
}

/* `total`: how many entries the stream has, 0 if that is not known. */
static enum status rename_stream(struct invocation *in, struct rename_args *a, uint64_t total,
                                 uint64_t *n) {
    struct step_result step = {.state = STEP_MORE};
    struct progress bar;
    enum status st = STATUS_DONE;
    uint64_t changed = 0;
    a->id = uuid_make();
    a->entries = PURGE_BATCH;
    snprintf(a->after, sizeof a->after, "0-0");
    progress_begin(&bar, "renaming", total, in->quiet);
    while (st == STATUS_DONE && step.state != STEP_DONE && !interrupted()) {
        st = rename_step(in, a, &step);
        changed += st == STATUS_DONE ? step.moved : 0;
        progress_add(&bar, st == STATUS_DONE ? PURGE_BATCH : 0);
    }
    progress_end(&bar);
    if (st == STATUS_DONE && step.state != STEP_DONE)
        return rename_end_early(in, a);
    *n = st == STATUS_DONE ? changed : 0;
    return st;
}

static enum status begin(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *sender, const char *name, struct rename_args *a) {
    struct channel_state state;
    enum status st = ask_current_position(in, ch, &state);
    *a = (struct rename_args){.channel = *ch,
                              .epoch = state.at.epoch,
                              .sender = *sender,
                              .name = name,
                              .spare_epoch = uuid_make(),
                              .history = redis_sync_history(in->redis)};
    return st;
}

enum status rename_log(struct invocation *in, const struct channel_id *ch,
                       const struct uuid *sender, const char *name, uint64_t *n) {
    struct rename_args a;
    struct log_info log;
    *n = 0;
    enum status st = begin(in, ch, sender, name, &a);
    if (st == STATUS_DONE)
        st = ask_log(in, ch, &log);
    return st == STATUS_DONE ? rename_stream(in, &a, log.length, n) : st;
}

enum status rename_trash(struct invocation *in, const struct channel_id *ch,
                         const struct uuid *sender, const char *name) {
    struct restorable purges[RESTORABLE_MAX];
    struct rename_args a;
    uint64_t changed;
    size_t n = 0;
    enum status st = purge_list(in, ch, purges, RESTORABLE_MAX, &n);
    if (st == STATUS_DONE && n > 0)
        st = begin(in, ch, sender, name, &a);
    for (size_t i = 0; i < n && st == STATUS_DONE; i++) {
        if (strcmp(purges[i].record.mode, "from") == 0 && !uuid_eq(&purges[i].record.what, sender))
            continue;
        a.trash = &purges[i].id;
        st = rename_stream(in, &a, (uint64_t)purges[i].record.moved, &changed);
    }
    return st;
}
