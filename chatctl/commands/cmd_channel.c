/* cmd_channel - channel list, show, members, retention. Purging is in cmd_purge.c. */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/lookup.h"
#include "chatctl/ops/purge.h"
#include "chatctl/ops/walk.h"
#include "chatctl/table/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT 100
#define LIST_MAX 100000

static void put_text(struct output *o, const char *s) {
    output_text(o, s, strlen(s));
}

static void put_channel(struct invocation *in, const struct channel_id *ch) {
    char name[CHANNEL_NAME_SIZE];
    put_text(in->out, find_channel_name(in, ch, name, sizeof name));
}

/* --- What a channel holds --- */

struct facts {
    struct channel_id id;
    int64_t activity, messages, members;
    struct channel_state state;
};

static enum status ask_length(struct invocation *in, struct facts *f) {
    cmd_log_length(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &f->id);
    return ask_i64(in, &f->messages);
}

static enum status ask_members(struct invocation *in, struct facts *f) {
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "ZCARD");
    cmd_channel_key(c, redis_sync_keys(in->redis), &f->id, CHANNEL_MEMBERS);
    return ask_i64(in, &f->members);
}

static enum status ask_activity(struct invocation *in, struct facts *f) {
    struct cmd *c = redis_sync_cmd(in->redis);
    char id[CHANNEL_TEXT + 1];
    cmd_begin(c, "ZSCORE");
    cmd_global_key(c, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    cmd_copy(c, id, channel_format(&f->id, id));
    return ask_i64(in, &f->activity);
}

static enum status ask_facts(struct invocation *in, struct facts *f) {
    enum status st = ask_length(in, f);
    if (st == STATUS_DONE)
        st = ask_members(in, f);
    if (st == STATUS_DONE)
        st = ask_position(in, &f->id, &f->state);
    return st;
}

/* --- channel list --- */

static const struct column LIST_COLUMNS[] = {
    {"channel", COLUMN_TEXT}, {"messages", COLUMN_NUMBER}, {"members", COLUMN_NUMBER},
    {"seq", COLUMN_NUMBER},   {"activity", COLUMN_TIME},   {"id", COLUMN_TEXT},
    {NULL, COLUMN_TEXT},
};

/* The first `limit` of all by the order asked for. */
struct list {
    struct facts *best; /* the largest key first */
    size_t n, limit;
    bool by_size;
    uint64_t met;
};

static int64_t list_key(const struct list *l, const struct facts *f) {
    return l->by_size ? f->messages : f->activity;
}

static enum status put_listed(struct invocation *in, struct facts *f) {
    char id[CHANNEL_TEXT + 1];
    enum status st = ask_facts(in, f);
    if (st != STATUS_DONE)
        return st;
    put_channel(in, &f->id);
    output_number(in->out, f->messages);
    output_number(in->out, f->members);
    output_number(in->out, (int64_t)f->state.at.seq);
    output_time(in->out, f->activity);
    output_text(in->out, id, channel_format(&f->id, id));
    return STATUS_DONE;
}

static void insert(struct list *l, const struct facts *f) {
    size_t at = l->n < l->limit ? l->n++ : l->limit - 1;
    while (at > 0 && list_key(l, &l->best[at - 1]) < list_key(l, f)) {
        l->best[at] = l->best[at - 1];
        at--;
    }
    l->best[at] = *f;
}

static enum status take_listed(struct invocation *in, const struct channel_id *ch, int64_t activity,
                               void *arg) {
    struct list *l = arg;
    struct facts f = {.id = *ch, .activity = activity};
    l->met++;
    if (interrupted())
        return status_stopped("channels were looked at", l->met);
    if (l->limit == 0)
        return put_listed(in, &f);
    enum status st = l->by_size ? ask_length(in, &f) : STATUS_DONE;
    if (st == STATUS_DONE &&
        (l->n < l->limit || list_key(l, &f) > list_key(l, &l->best[l->limit - 1])))
        insert(l, &f);
    return st;
}

static enum status channel_list(struct invocation *in) {
    const char *sort = opt_text(in, "sort");
    struct list l = {.limit = (size_t)opt_number(in, "limit", LIST_LIMIT),
                     .by_size = sort && strcmp(sort, "size") == 0};
    if (l.limit > LIST_MAX) {
        complain("--limit is at most %d, or 0 for all, in no order", LIST_MAX);
        return STATUS_USAGE;
    }
    l.best = l.limit ? calloc(l.limit, sizeof *l.best) : NULL;
    if (l.limit && !l.best)
        return status_no_memory();
    output_begin(in->out, LIST_COLUMNS, false);
    output_page(in->out);
    enum status st = channels_each(in, take_listed, &l);
    for (size_t i = 0; i < l.n && st == STATUS_DONE; i++)
        st = put_listed(in, &l.best[i]);
    free(l.best);
    return st;
}

/* --- channel show --- */

static const struct column SHOW_COLUMNS[] = {
    {"channel", COLUMN_TEXT},    {"id", COLUMN_TEXT},       {"epoch", COLUMN_TEXT},
    {"seq", COLUMN_NUMBER},      {"first", COLUMN_NUMBER},  {"messages", COLUMN_NUMBER},
    {"members", COLUMN_NUMBER},  {"activity", COLUMN_TIME}, {"max", COLUMN_NUMBER},
    {"maxAgeMs", COLUMN_NUMBER}, {"bytes", COLUMN_NUMBER},  {"restorable", COLUMN_NUMBER},
    {NULL, COLUMN_TEXT},
};

static enum status ask_retention(struct invocation *in, const struct channel_id *ch,
                                 const char *field, int64_t *out) {
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "HGET");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_META);
    cmd_literal(c, field);
    return ask_i64(in, out);
}

static enum status ask_bytes(struct invocation *in, const struct channel_id *ch, int64_t *out) {
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "MEMORY");
    cmd_literal(c, "USAGE");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_LOG);
    return ask_i64(in, out);
}

static void put_or_none(struct output *o, int64_t v) {
    if (v > 0)
        output_number(o, v);
    else
        output_none(o);
}

static enum status channel_show(struct invocation *in) {
    struct facts f = {0};
    struct log_info log;
    struct restorable restorable[RESTORABLE_MAX];
    int64_t max = 0, age = 0, bytes = 0;
    size_t n;
    char id[CHANNEL_TEXT + 1];
    enum status st = find_channel(in, in->args[0], &f.id);
    if (st != STATUS_DONE || (st = ask_facts(in, &f)) || (st = ask_activity(in, &f)) ||
        (st = ask_log(in, &f.id, &log)) || (st = ask_retention(in, &f.id, "max", &max)) ||
        (st = ask_retention(in, &f.id, "age", &age)) || (st = ask_bytes(in, &f.id, &bytes)) ||
        (st = purge_list(in, &f.id, restorable, RESTORABLE_MAX, &n)))
        return st;
    output_begin(in->out, SHOW_COLUMNS, true);
    put_channel(in, &f.id);
    output_text(in->out, id, channel_format(&f.id, id));
    if (uuid_is_nil(&f.state.at.epoch))
        output_none(in->out);
    else
        output_uuid(in->out, &f.state.at.epoch);
    output_number(in->out, (int64_t)f.state.at.seq);
    put_or_none(in->out, (int64_t)log.first);
    output_number(in->out, f.messages);
    output_number(in->out, f.members);
    output_time(in->out, f.activity);
    put_or_none(in->out, max);
    put_or_none(in->out, age);
    output_number(in->out, bytes);
    output_number(in->out, (int64_t)n);
    return STATUS_DONE;
}

/* --- channel members --- */

static const struct column MEMBER_COLUMNS[] = {
    {"username", COLUMN_TEXT}, {"uuid", COLUMN_TEXT}, {"joined", COLUMN_TIME},
    {"online", COLUMN_BOOL},   {NULL, COLUMN_TEXT},
};

static size_t take_members(const struct walk *w, struct user_row *rows, int64_t *joined) {
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        size_t len;
        const char *uuid = walk_item(w, i, &len, &joined[n]);
        n += uuid_read(uuid, len, &rows[n].uuid);
    }
    return n;
}

static void put_member(struct output *o, const struct user_row *row, int64_t joined) {
    if (*row->name)
        put_text(o, row->name);
    else
        output_none(o);
    output_uuid(o, &row->uuid);
    output_time(o, joined);
    output_bool(o, row->online);
}

static enum status put_members(struct invocation *in, struct walk *w, void *arg) {
    static struct user_row rows[WALK_PAGE];
    static int64_t joined[WALK_PAGE];
    int64_t *left = arg;
    struct err e = {0};
    if (interrupted())
        return STATUS_INTERRUPTED;
    size_t n = take_members(w, rows, joined);
    if (lookup_rows(in->redis, rows, n, &e))
        return fail(&e);
    if ((uint64_t)*left < n)
        n = (size_t)*left;
    for (size_t i = 0; i < n; i++)
        put_member(in->out, &rows[i], joined[i]);
    *left -= (int64_t)n;
    w->last |= *left == 0;
    return STATUS_DONE;
}

static enum status channel_members(struct invocation *in) {
    struct channel_id ch;
    struct walk w;
    int64_t limit = opt_number(in, "limit", INT64_MAX), left = limit;
    enum status st = find_channel(in, in->args[0], &ch);
    if (st != STATUS_DONE)
        return st;
    output_begin(in->out, MEMBER_COLUMNS, false);
    output_page(in->out);
    walk_channel(&w, redis_sync_keys(in->redis), &ch, CHANNEL_MEMBERS);
    if (limit > 0)
        st = walk_each(in, &w, put_members, &left);
    if (st == STATUS_INTERRUPTED || (st == STATUS_DONE && interrupted()))
        st = status_stopped("members are listed", (uint64_t)(limit - left));
    return st;
}

/* --- channel retention --- */

static const struct column RETENTION_COLUMNS[] = {
    {"channel", COLUMN_TEXT},
    {"max", COLUMN_NUMBER},
    {"maxAgeMs", COLUMN_NUMBER},
    {NULL, COLUMN_TEXT},
};

static enum status set_retention(struct invocation *in, const struct channel_id *ch,
                                 const char *field, int64_t value) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, value > 0 ? "HSET" : "HDEL");
    cmd_channel_key(c, redis_sync_keys(in->redis), ch, CHANNEL_META);
    cmd_literal(c, field);
    if (value > 0)
        cmd_i64(c, value);
    return ask(in, &r);
}

static enum status change_retention(struct invocation *in, const struct channel_id *ch) {
    static const char *const FIELDS[] = {"max", "age"};
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < 2 && st == STATUS_DONE; i++)
        if (opt_given(in, FIELDS[i]) && !in->dry_run)
            st = set_retention(in, ch, FIELDS[i], opt_number(in, FIELDS[i], 0));
    return st;
}

/* What is over the limits goes with the next messages, for good. */
static enum status count_over(struct invocation *in, const struct channel_id *ch, uint64_t *n) {
    struct purge p;
    int64_t age = opt_number(in, "age", 0), max = opt_number(in, "max", 0);
    *n = 0;
    enum status st = age > 0 || max > 0 ? purge_plan(in, ch, &p) : STATUS_DONE;
    if (st == STATUS_DONE && age > 0 &&
        !(st = purge_before(in, &p, redis_sync_now(in->redis) - age)) &&
        !(st = purge_count(in, &p)))
        *n = p.messages;
    if (st == STATUS_DONE && max > 0) {
        struct facts f = {.id = *ch};
        st = ask_length(in, &f);
        if (f.messages > max && (uint64_t)(f.messages - max) > *n)
            *n = (uint64_t)(f.messages - max);
    }
    return st;
}

static enum status confirm_retention(struct invocation *in, const struct channel_id *ch) {
    char question[160];
    uint64_t n;
    enum status st = count_over(in, ch, &n);
    if (st != STATUS_DONE || n == 0)
        return st;
    snprintf(question, sizeof question,
             "%" PRIu64
             " messages are over this and will go, for good, with those that come. Set it?",
             n);
    if (!in->dry_run)
        return confirm(in, question);
    say(in, "%" PRIu64 " messages are over this, and would go", n);
    return STATUS_DONE;
}

static enum status channel_retention(struct invocation *in) {
    struct channel_id ch;
    int64_t max = 0, age = 0;
    enum status st = find_channel(in, in->args[0], &ch);
    if (st != STATUS_DONE || (st = confirm_retention(in, &ch)) ||
        (st = change_retention(in, &ch)) || (st = ask_retention(in, &ch, "max", &max)) ||
        (st = ask_retention(in, &ch, "age", &age)))
        return st;
    if (in->dry_run) {
        max = opt_number(in, "max", max);
        age = opt_number(in, "age", age);
    }
    output_begin(in->out, RETENTION_COLUMNS, true);
    put_channel(in, &ch);
    put_or_none(in->out, max);
    put_or_none(in->out, age);
    return STATUS_DONE;
}

/* --- The table --- */

static const struct param CHANNEL[] = {{"CHANNEL", VALUE_CHANNEL, false, false}, {0}};

static const struct opt LIST_OPTS[] = {
    {"sort", 0, VALUE_CHOICE, "ORDER", "activity|size",
     "the last active first (default), or those with most messages"},
    {"limit", 0, VALUE_NUMBER, "N", NULL, "how many (default 100); 0: all, the last active last"},
    {0}};
static const struct opt MEMBERS_OPTS[] = {{"limit", 0, VALUE_NUMBER, "N", NULL, "how many at most"},
                                          {0}};
static const struct opt RETENTION_OPTS[] = {
    {"max", 0, VALUE_NUMBER, "N", NULL, "keep about the newest N messages; 0: no limit"},
    {"age", 0, VALUE_DURATION, "D", NULL, "keep messages for so long (30d); 0s: for ever"},
    {0}};

const struct command CMD_CHANNEL[] = {
    {"channel", "list", NULL, LIST_OPTS, "list the channels",
     "Private channels are named by their two users, as alice,bob.\n\n"
     "Examples:\n  chatctl channel list --sort size --limit 10\n",
     false, channel_list},
    {"channel", "show", CHANNEL, NULL, "show one channel",
     "Examples:\n  chatctl channel show public\n  chatctl channel show alice,bob --json\n", false,
     channel_show},
    {"channel", "members", CHANNEL, MEMBERS_OPTS, "list the members of a channel",
     "Examples:\n  chatctl channel members public --limit 20\n", false, channel_members},
    {"channel", "retention", CHANNEL, RETENTION_OPTS, "show or set how long messages are kept",
     "What is over the limits goes as new messages come; `channel purge` removes it now. Messages "
     "that go\n"
     "by retention are gone for good: if there are any, you are asked first.\n\n"
     "Examples:\n  chatctl channel retention public --max 100000 --age 90d\n",
     false, channel_retention},
    {0}};
