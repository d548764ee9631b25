/* fsck_channels - logs, their counters, and members: see fsck.h. */
#include "chatctl/commands/fsck.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/import_check.h"
#include "chatctl/ops/log.h"
#include "chatctl/ops/walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- Channels --- */

static enum status check_channel_listed(struct fsck *f, const struct key *k) {
    const char *s;
    size_t len;
    char id[CHANNEL_TEXT + 1];
    cmd_begin(f->c, "ZSCORE");
    cmd_global_key(f->c, f->ks, KEY_CHANNEL_INDEX);
    cmd_copy(f->c, id, channel_format(&k->name.channel, id));
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || s)
        return st;
    cmd_channel_touch(f->c, f->ks, &k->name.channel, redis_sync_now(f->in->redis));
    return fsck_found_key(f, "channel not in the list", k, "", true);
}

/* --- Entries that have to go --- */

#define SPOILT_MAX 100
#define RELOG_BATCH 500 /* entries that are copied in a call */
#define ID_SIZE 48

struct spoilt {
    bool every; /* good ones, too */
    size_t n;
    char ids[SPOILT_MAX][ID_SIZE];
};

static bool take_spoilt(const struct log_entry *entry, void *arg) {
    struct spoilt *s = arg;
    const char *id;
    size_t len, parts;
    struct err e;
    if ((entry->good && !s->every) || reply_array(entry->reply, &parts, &e) || parts != 2 ||
        reply_str(reply_item(entry->reply, 0), &id, &len, &e) || !id)
        return true;
    snprintf(s->ids[s->n++], ID_SIZE, "%s", id);
    return s->n < SPOILT_MAX;
}

static void delete_ids(struct fsck *f, const struct key *k, const struct spoilt *spoilt) {
    cmd_begin(f->c, "XDEL");
    cmd_channel_key(f->c, f->ks, &k->name.channel, CHANNEL_LOG);
    for (size_t i = 0; i < spoilt->n; i++)
        cmd_copy(f->c, spoilt->ids[i], strlen(spoilt->ids[i]));
}

/* --- Numbers without room --- */

/* So near the largest number that the next one may be none: nobody could join or write. */
static bool is_wild(uint64_t seq) {
    return seq > IMPORT_SEQ_MAX;
}

/* Entries of such numbers go, whoever wrote them, and the log goes on behind those that stay. */
static enum status remove_wild(struct fsck *f, const struct key *k) {
    struct spoilt wild = {.n = SPOILT_MAX};
    enum status st = STATUS_DONE;
    const struct redisReply *r;
    while (st == STATUS_DONE && wild.n == SPOILT_MAX) {
        struct log_range range = {
            .channel = k->name.channel, .after = IMPORT_SEQ_MAX, .up_to = LOG_END};
        wild = (struct spoilt){.every = true};
        st = log_each(f->in, &range, take_spoilt, &wild);
        if (st == STATUS_DONE && wild.n) {
            delete_ids(f, k, &wild);
            st = ask(f->in, &r);
        }
    }
    return st;
}

static enum status restart_log(struct fsck *f, const struct key *k) {
    struct uuid work = uuid_make();
    struct step_result step = {.at = "0-0"};
    enum status st;
    do {
        cmd_relog(f->c, f->ks, &k->name.channel, &work, step.at, RELOG_BATCH);
        st = ask_step(f->in, &step, "a purge or restore is at work on this channel");
    } while (st == STATUS_DONE && step.state != STEP_DONE);
    return st;
}

static enum status mend_wild(struct fsck *f, const struct key *k, bool log) {
    const struct redisReply *r;
    struct uuid spare = uuid_make();
    enum status st = log ? remove_wild(f, k) : STATUS_DONE;
    if (st == STATUS_DONE && log)
        st = restart_log(f, k);
    if (st != STATUS_DONE)
        return st;
    cmd_begin(f->c, "HDEL");
    cmd_channel_key(f->c, f->ks, &k->name.channel, CHANNEL_META);
    cmd_literal(f->c, "epoch");
    if ((st = ask(f->in, &r)))
        return st;
    cmd_renew(f->c, f->ks, &k->name.channel, &spare, NULL, redis_sync_history(f->in->redis));
    return STATUS_DONE;
}

static enum status found_wild(struct fsck *f, const struct key *k, uint64_t seq, bool log) {
    char detail[96];
    bool mend = f->fix && !f->in->dry_run;
    enum status st = mend ? mend_wild(f, k, log) : STATUS_DONE;
    snprintf(detail, sizeof detail, "%" PRIu64 ": nobody could be given the next one", seq);
    return st == STATUS_DONE ? fsck_found_key(f, "number too large", k, detail, mend) : st;
}

/* --- Position and retention --- */

static enum status check_retention(struct fsck *f, const struct key *k, const char *field) {
    const char *s;
    size_t len;
    char detail[96];
    fsck_key_command(f, "HGET", k);
    cmd_copy(f->c, field, strlen(field));
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || !s || (len > 0 && len <= 15 && strspn(s, "0123456789") == len))
        return st;
    snprintf(detail, sizeof detail, "%s is '%.40s'", field, s);
    fsck_key_command(f, "HDEL", k);
    cmd_copy(f->c, field, strlen(field));
    return fsck_found_key(f, "retention that is no number", k, detail, true);
}

/* Without one, clients of earlier epochs begin anew. */
static enum status check_lineage(struct fsck *f, const struct key *k) {
    struct lineage lineage;
    const char *s;
    size_t len;
    char detail[96];
    fsck_key_command(f, "HGET", k);
    cmd_literal(f->c, "prev");
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || !s || lineage_read(s, len, &lineage))
        return st;
    snprintf(detail, sizeof detail, "prev is '%.40s'", s);
    fsck_key_command(f, "HDEL", k);
    cmd_literal(f->c, "prev");
    return fsck_found_key(f, "lineage that is none", k, detail, true);
}

enum status fsck_check_meta(struct fsck *f, const struct key *k) {
    struct channel_state state;
    struct log_info log;
    enum status st = check_channel_listed(f, k);
    if (st != STATUS_DONE || (st = check_retention(f, k, "max")) ||
        (st = check_retention(f, k, "age")) || (st = check_lineage(f, k)) ||
        (st = ask_log(f->in, &k->name.channel, &log)) || log.exists ||
        (st = ask_position(f->in, &k->name.channel, &state)))
        return st; /* with a log, what is said of it holds */
    return is_wild(state.at.seq) ? found_wild(f, k, state.at.seq, false) : STATUS_DONE;
}

/* --- Logs --- */

/* Entries that are no message that could be shown: clients never see them, and miss nothing. */
static enum status check_entries(struct fsck *f, const struct key *k, uint64_t up_to) {
    struct spoilt spoilt = {.n = SPOILT_MAX};
    enum status st = STATUS_DONE;
    bool mend = f->fix && !f->in->dry_run;
    while (st == STATUS_DONE && spoilt.n == SPOILT_MAX) {
        struct log_range range = {.channel = k->name.channel, .up_to = up_to};
        char detail[96];
        spoilt = (struct spoilt){.n = 0};
        st = log_each(f->in, &range, take_spoilt, &spoilt);
        if (st != STATUS_DONE || spoilt.n == 0)
            break;
        snprintf(detail, sizeof detail, "%zu%s, the first %s", spoilt.n,
                 spoilt.n == SPOILT_MAX ? " or more" : "", spoilt.ids[0]);
        delete_ids(f, k, &spoilt);
        st = fsck_found_key(f, "entries that are no messages", k, detail, true);
        if (!mend)
            break;
    }
    return st == STATUS_INTERRUPTED ? STATUS_DONE : st; /* which is said by the caller */
}

/* The next append would notice it, too, and begin a new epoch. */
enum status fsck_check_log(struct fsck *f, const struct key *k) {
    struct channel_state state;
    struct log_info log;
    struct uuid spare = uuid_make();
    enum status st = ask_log(f->in, &k->name.channel, &log); /* first: seq goes on growing */
    if (st == STATUS_DONE)
        st = ask_position(f->in, &k->name.channel, &state);
    if (st != STATUS_DONE)
        return st;
    if (is_wild(log.top) || is_wild(state.at.seq))
        return found_wild(f, k, log.top > state.at.seq ? log.top : state.at.seq, true);
    st = check_entries(f, k, log.top);
    if (st != STATUS_DONE)
        return st;
    if (uuid_is_nil(&state.at.epoch)) {
        cmd_renew(f->c, f->ks, &k->name.channel, &spare, NULL, redis_sync_history(f->in->redis));
        st = fsck_found_key(f, "log without a position", k,
                            "epoch, base or seq is missing or wrong", true);
    } else if (log.top > state.at.seq) {
        char detail[96];
        struct position known = {.epoch = state.at.epoch, .seq = log.top};
        cmd_renew(f->c, f->ks, &k->name.channel, &spare, &known, redis_sync_history(f->in->redis));
        snprintf(detail, sizeof detail, "seq is %" PRIu64 ", the log ends at %" PRIu64,
                 state.at.seq, log.top);
        st = fsck_found_key(f, "counter behind the stream", k, detail, true);
    }
    return st;
}

size_t fsck_take_users(const struct walk *w, struct uuid *out) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        const char *s = walk_item(w, i, &len, NULL);
        n += uuid_read(s, len, &out[n]);
    }
    return n;
}

/* Which members of a page have no record: asked in one go, mended one by one. */
static enum status find_orphans(struct fsck *f, const struct walk *w, struct uuid *orphans,
                                size_t *n) {
    static struct uuid users[WALK_PAGE];
    struct err e = {0};
    size_t asked = fsck_take_users(w, users);
    *n = 0;
    for (size_t i = 0; i < asked; i++) {
        cmd_begin(f->c, "EXISTS");
        cmd_user_key(f->c, f->ks, &users[i], USER_RECORD);
        if (redis_sync_queue(f->in->redis, &e))
            return fail(&e);
    }
    for (size_t i = 0; i < asked; i++) {
        int64_t exists = 1;
        const struct redisReply *r = redis_sync_next(f->in->redis, &e);
        if (!r)
            return fail(&e);
        if (!reply_i64(r, 0, &exists, &e) && exists == 0)
            orphans[(*n)++] = users[i];
    }
    return STATUS_DONE;
}

struct membership {
    struct fsck *fsck;
    const char *problem;
};

static enum status check_members(struct invocation *in, struct walk *w, void *arg) {
    struct uuid orphans[WALK_PAGE];
    const struct membership *m = arg;
    struct fsck *f = m->fsck;
    size_t n = 0;
    w->last |= interrupted(); /* which is said by the caller */
    enum status st = interrupted() ? STATUS_DONE : find_orphans(f, w, orphans, &n);
    for (size_t i = 0; i < n && st == STATUS_DONE; i++) {
        char uuid[UUID_TEXT + 1];
        uuid_format(&orphans[i], uuid);
        cmd_begin(f->c, "ZREM");
        cmd_key(f->c, w->key, w->key_len);
        cmd_uuid(f->c, &orphans[i]);
        st = fsck_found(f, m->problem, w->key, w->key_len, uuid, true);
        if (st == STATUS_DONE && f->fix && !in->dry_run && w->skip > 0)
            w->skip--; /* it is no longer among those of its score, perhaps: better met twice */
    }
    return st;
}

enum status fsck_check_users_in(struct fsck *f, const char *key, size_t len, const char *problem) {
    struct membership m = {.fsck = f, .problem = problem};
    struct walk w;
    walk_key(&w, key, len);
    return walk_each(f->in, &w, check_members, &m);
}
