/* cmd_message - message tail, search, delete. Sending is in cmd_send.c. */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/log.h"
#include "chatctl/ops/purge.h"
#include "chatctl/table/commands.h"
#include "chatctl/term/cursor.h"
#include "chatctl/term/progress.h"
#include "common/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define TAILS_MAX 100 /* channels followed at once */
#define FOLLOW_PAGE 100
#define LAST_DEFAULT 10
#define ASK_AGAIN_MS 100 /* in a Cluster, of several channels */
#define RETRY_MS 300     /* until Redis is looked for again */
#define WAIT_MS 250      /* for what comes; below any sensible time-out */
#define QUIET_ROUNDS 8   /* of waiting, until the epochs are compared */

static const struct column COLUMNS[] = {{"time", COLUMN_TIME},       {"channel", COLUMN_TEXT},
                                        {"sender", COLUMN_TEXT},     {"message", COLUMN_TEXT},
                                        {"seq", COLUMN_NUMBER},      {"uuid", COLUMN_TEXT},
                                        {"senderUUID", COLUMN_TEXT}, {NULL, COLUMN_TEXT}};

static void put_message(struct invocation *in, const char *channel, const struct message *m) {
    output_time(in->out, m->created_ms);
    output_text(in->out, channel, strlen(channel));
    output_text(in->out, m->sender_name, m->sender_name_len);
    output_text(in->out, m->text, m->text_len);
    output_number(in->out, (int64_t)m->seq);
    output_uuid(in->out, &m->uuid);
    output_uuid(in->out, &m->sender);
}

/* --- message tail --- */

struct tail {
    struct channel_id id;
    char name[CHANNEL_NAME_SIZE];
    struct position at; /* shown up to here */
};

struct tails {
    struct tail *all;
    size_t n;
    const char *cursor; /* file, or NULL */
};

static enum status read_cursor(struct tails *t) {
    char line[CURSOR_LINE];
    unsigned n = 0;
    FILE *f = fopen(t->cursor, "r");
    if (!f && errno == ENOENT)
        return STATUS_DONE;
    while (f && fgets(line, sizeof line, f)) {
        struct channel_id ch;
        struct position at;
        n++;
        if (!cursor_read(line, &ch, &at)) {
            complain("%s:%u: not a line of a cursor file", t->cursor, n);
            fclose(f);
            return STATUS_FAILED;
        }
        for (size_t i = 0; i < t->n; i++)
            if (channel_eq(&t->all[i].id, &ch))
                t->all[i].at = at;
    }
    if (f && fclose(f) == 0)
        return STATUS_DONE;
    complain("%s: %s", t->cursor, strerror(errno));
    return STATUS_FAILED;
}

/* By a second file and rename, so that a cursor is whole or not there. */
static enum status write_cursor(const struct tails *t) {
    char path[4096], line[CURSOR_LINE];
    if (!t->cursor)
        return STATUS_DONE;
    snprintf(path, sizeof path, "%s.new", t->cursor);
    FILE *f = fopen(path, "w");
    for (size_t i = 0; f && i < t->n; i++) {
        cursor_write(&t->all[i].id, &t->all[i].at, line);
        fputs(line, f);
    }
    if (f && fflush(f) == 0 && fsync(fileno(f)) == 0 && fclose(f) == 0 &&
        rename(path, t->cursor) == 0)
        return STATUS_DONE;
    complain("%s: %s", path, strerror(errno));
    return STATUS_FAILED;
}

/* Shows an entry; the time of a spoilt one is passed over. */
static void show(struct invocation *in, struct tail *t, const struct message *m, bool good) {
    if (m->seq > t->at.seq + 1 && t->at.seq)
        say(in, "%s: %" PRIu64 " to %" PRIu64 " are gone", t->name, t->at.seq + 1, m->seq - 1);
    if (good)
        put_message(in, t->name, m);
    if (m->seq)
        t->at.seq = m->seq;
}

static void show_entries(struct invocation *in, struct tail *t, const struct redisReply *entries,
                         size_t n, bool newest_first) {
    for (size_t i = 0; i < n; i++) {
        struct message m;
        bool good = reply_entry(reply_item(entries, newest_first ? n - 1 - i : i), &t->id, &m);
        show(in, t, &m, good);
    }
}

/* Without a cursor: the newest ones. */
static enum status show_last(struct invocation *in, struct tail *t, const struct position *now) {
    const struct redisReply *r;
    struct err e = {0};
    size_t n;
    int64_t last = opt_number(in, "last", LAST_DEFAULT);
    t->at = (struct position){.epoch = now->epoch};
    if (last > 0) {
        uint32_t count = last > 10000 ? 10000 : (uint32_t)last;
        cmd_log_back(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &t->id, 0, 0, count);
        enum status st = ask(in, &r);
        if (st != STATUS_DONE)
            return st;
        if (reply_array(r, &n, &e))
            return fail(&e);
        show_entries(in, t, r, n, true);
    }
    if (t->at.seq < now->seq)
        t->at.seq = now->seq;
    return STATUS_DONE;
}

struct showing {
    struct invocation *in;
    struct tail *tail;
};

static bool show_entry(const struct log_entry *entry, void *arg) {
    struct showing *s = arg;
    show(s->in, s->tail, &entry->message, entry->good);
    return true;
}

/* Shows everything behind the cursor. Ctrl-C ends it early, and the cursor stands there. */
static enum status show_missed(struct invocation *in, struct tail *t) {
    struct showing s = {.in = in, .tail = t};
    struct log_range missed = {.channel = t->id, .after = t->at.seq, .up_to = LOG_END};
    enum status st = log_each(in, &missed, show_entry, &s);
    return st == STATUS_INTERRUPTED ? STATUS_DONE : st;
}

/* The numbering may have begun anew; what is of the new epoch is all new. */
static enum status enter_epoch(struct invocation *in, struct tail *t) {
    struct channel_state state;
    enum status st = ask_position(in, &t->id, &state);
    if (st != STATUS_DONE || uuid_eq(&state.at.epoch, &t->at.epoch))
        return st;
    if (!uuid_is_nil(&t->at.epoch))
        say(in, "%s: the numbering began anew behind %" PRIu64, t->name, t->at.seq);
    t->at = (struct position){.epoch = state.at.epoch, .seq = state.base > 0 ? state.base - 1 : 0};
    return STATUS_DONE;
}

static enum status begin_tail(struct invocation *in, struct tail *t) {
    struct channel_state state;
    enum status st = ask_position(in, &t->id, &state);
    if (st != STATUS_DONE)
        return st;
    if (uuid_is_nil(&t->at.epoch))
        return show_last(in, t, &state.at);
    st = enter_epoch(in, t);
    return st == STATUS_DONE ? show_missed(in, t) : st;
}

/* XREAD: what comes is read from the streams themselves, so nothing is lost whatever happens to the
 * link. */
static void follow_command(struct invocation *in, const struct tail *tails, size_t n,
                           unsigned wait_ms) {
    struct cmd *c = redis_sync_cmd(in->redis);
    cmd_begin(c, "XREAD");
    cmd_literal(c, "COUNT");
    cmd_i64(c, FOLLOW_PAGE);
    if (wait_ms) {
        cmd_literal(c, "BLOCK");
        cmd_i64(c, wait_ms);
    }
    cmd_literal(c, "STREAMS");
    for (size_t i = 0; i < n; i++)
        cmd_channel_key(c, redis_sync_keys(in->redis), &tails[i].id, CHANNEL_LOG);
    for (size_t i = 0; i < n; i++)
        cmd_i64(c, (int64_t)tails[i].at.seq);
}

static struct tail *find_tail(struct invocation *in, struct tails *t, const char *key, size_t len) {
    struct key_name name;
    if (!key_parse(redis_sync_keys(in->redis), key, len, &name))
        return NULL;
    for (size_t i = 0; i < t->n; i++)
        if (channel_eq(&t->all[i].id, &name.channel))
            return &t->all[i];
    return NULL;
}

/* Sends the scratch command and shows what came of it. */
static enum status show_new(struct invocation *in, struct tails *t, bool *came) {
    const struct redisReply *r;
    struct err e = {0};
    size_t n = 0, parts, entries;
    enum status st = ask(in, &r);
    if (st != STATUS_DONE)
        return st;
    if (reply_array(r, &n, &e))
        return STATUS_DONE; /* nil: nothing came */
    for (size_t i = 0; i < n; i++) {
        const char *key;
        size_t len;
        const struct redisReply *part = reply_item(r, i);
        if (reply_array(part, &parts, &e) || parts != 2 ||
            reply_str(reply_item(part, 0), &key, &len, &e) ||
            reply_array(reply_item(part, 1), &entries, &e))
            return fail(&e);
        struct tail *one = key ? find_tail(in, t, key, len) : NULL;
        if (one)
            show_entries(in, one, reply_item(part, 1), entries, false);
        *came = true;
    }
    return STATUS_DONE;
}

/* One round of waiting. *came: something did. A Cluster doesn't wait for streams of different
 * slots: there each is asked for by itself, now and again. */
static enum status follow(struct invocation *in, struct tails *t, bool *came) {
    const struct timespec pause = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
    enum status st = STATUS_DONE;
    *came = false;
    if (t->n == 1 || redis_sync_servers(in->redis) == 1) {
        follow_command(in, t->all, t->n, WAIT_MS);
        return show_new(in, t, came);
    }
    for (unsigned ms = 0; !*came && st == STATUS_DONE && ms < WAIT_MS && !interrupted();
         ms += ASK_AGAIN_MS) {
        if (ms)
            nanosleep(&pause, NULL);
        for (size_t i = 0; i < t->n && st == STATUS_DONE; i++) {
            follow_command(in, &t->all[i], 1, 0);
            st = show_new(in, t, came);
        }
    }
    return st;
}

/* Shown first, then counted as shown: after a crash something may be shown twice, nothing never. */
static enum status settle(struct invocation *in, const struct tails *t) {
    return output_flush(in->out) ? write_cursor(t) : STATUS_FAILED;
}

/* Redis restarts, or another one is promoted: it was said that it is gone; goes on once it is back,
 * behind what was shown. */
static enum status wait_for_redis(struct invocation *in) {
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    struct err e = {0};
    do
        nanosleep(&pause, NULL);
    while (!interrupted() && redis_sync_reopen(in->redis, &e) == ERR_UNAVAILABLE);
    if (interrupted())
        return STATUS_DONE;
    if (e.code)
        return fail(&e);
    say(in, "Redis is back");
    return STATUS_DONE;
}

static enum status follow_on(struct invocation *in, struct tails *t) {
    enum status st = settle(in, t);
    for (unsigned quiet = 0; st == STATUS_DONE && !interrupted(); quiet++) {
        bool came;
        st = follow(in, t, &came);
        if (st == STATUS_DONE && came) {
            st = settle(in, t);
            quiet = 0;
        }
        for (size_t i = 0; st == STATUS_DONE && quiet >= QUIET_ROUNDS && i < t->n; i++)
            st = enter_epoch(in, &t->all[i]);
        if (st == STATUS_UNAVAILABLE && (st = wait_for_redis(in)) == STATUS_DONE)
            quiet = QUIET_ROUNDS - 1; /* its restart is a new epoch */
        quiet = quiet >= QUIET_ROUNDS ? 0 : quiet;
    }
    return st == STATUS_DONE ? STATUS_INTERRUPTED : st;
}

static enum status find_tails(struct invocation *in, struct tails *t) {
    for (size_t i = 0; i < t->n; i++) {
        struct tail *one = &t->all[i];
        enum status st = find_channel(in, in->nargs ? in->args[i] : "public", &one->id);
        if (st != STATUS_DONE)
            return st;
        find_channel_name(in, &one->id, one->name, sizeof one->name);
    }
    return t->cursor ? read_cursor(t) : STATUS_DONE;
}

static enum status message_tail(struct invocation *in) {
    struct tails t = {.n = in->nargs ? in->nargs : 1, .cursor = opt_text(in, "cursor-file")};
    if (t.n > TAILS_MAX) {
        complain("at most %d channels at once", TAILS_MAX);
        return STATUS_USAGE;
    }
    t.all = calloc(t.n, sizeof *t.all);
    if (!t.all)
        return status_no_memory();
    enum status st = find_tails(in, &t);
    if (st == STATUS_DONE) {
        output_begin(in->out, COLUMNS, false);
        for (size_t i = 0; i < t.n && st == STATUS_DONE; i++)
            st = begin_tail(in, &t.all[i]);
        if (st == STATUS_DONE && opt_given(in, "follow"))
            st = follow_on(in, &t);
        bool written = output_end(in->out);
        if (st == STATUS_DONE)
            st = written ? write_cursor(&t) : STATUS_FAILED;
    }
    free(t.all);
    return st;
}

/* --- message search --- */

struct search {
    const char *text;
    size_t len;
    bool any_case;
    struct uuid from;
    int64_t since, before;
    uint64_t found, limit, read;
};

static bool contains(const struct search *s, const struct message *m) {
    if (!s->any_case)
        return memmem(m->text, m->text_len, s->text, s->len) != NULL;
    for (size_t i = 0; i + s->len <= m->text_len; i++) /* of ASCII only */
        if (strncasecmp(m->text + i, s->text, s->len) == 0)
            return true;
    return false;
}

static bool matches(const struct search *s, const struct message *m) {
    return m->created_ms >= s->since && m->created_ms < s->before &&
           (uuid_is_nil(&s->from) || uuid_eq(&s->from, &m->sender)) && contains(s, m);
}

struct searching {
    struct invocation *in;
    struct search *search;
    char name[CHANNEL_NAME_SIZE];
};

static bool search_entry(const struct log_entry *entry, void *arg) {
    struct searching *here = arg;
    struct search *s = here->search;
    s->read++;
    if (entry->good && matches(s, &entry->message)) {
        put_message(here->in, here->name, &entry->message);
        s->found++;
    }
    return s->found < s->limit;
}

/* Newest first. */
static enum status search_channel(struct invocation *in, const struct channel_id *ch,
                                  int64_t activity, void *arg) {
    struct search *s = arg;
    struct searching here = {.in = in, .search = s};
    struct log_range all = {.channel = *ch, .back = true, .up_to = LOG_END};
    (void)activity;
    if (s->found >= s->limit)
        return STATUS_DONE;
    find_channel_name(in, ch, here.name, sizeof here.name);
    enum status st = log_each(in, &all, search_entry, &here);
    return st == STATUS_INTERRUPTED ? status_stopped("messages were looked at", s->read) : st;
}

static enum status message_search(struct invocation *in) {
    struct search s = {.text = in->args[0],
                       .len = strlen(in->args[0]),
                       .any_case = opt_given(in, "ignore-case"),
                       .since = opt_number(in, "since", INT64_MIN),
                       .before = opt_number(in, "before", INT64_MAX),
                       .limit = (uint64_t)opt_number(in, "limit", INT64_MAX)};
    enum status st = STATUS_DONE;
    if (opt_given(in, "from") && (st = find_user(in, opt_text(in, "from"), &s.from, NULL)))
        return st;
    output_begin(in->out, COLUMNS, false);
    output_page(in->out);
    return channels_each_named(in, 1, search_channel, &s);
}

/* --- message delete --- */

struct hunt {
    struct uuid uuid;
    bool found;
    struct channel_id channel;
    uint64_t seq;
};

static enum status hunt_in(struct invocation *in, const struct channel_id *ch, int64_t activity,
                           void *arg) {
    struct hunt *h = arg;
    (void)activity;
    if (h->found)
        return STATUS_DONE;
    enum status st = find_message(in, ch, &h->uuid, &h->seq);
    h->found = st == STATUS_DONE;
    h->channel = *ch;
    return st == STATUS_NOT_FOUND ? STATUS_DONE : st;
}

static enum status delete_found(struct invocation *in, const struct hunt *h) {
    struct purge p;
    char name[CHANNEL_NAME_SIZE], question[CHANNEL_NAME_SIZE + 64];
    uint64_t moved = 1;
    find_channel_name(in, &h->channel, name, sizeof name);
    snprintf(question, sizeof question, "Delete message %" PRIu64 " of %s?", h->seq, name);
    enum status st = in->dry_run ? STATUS_DONE : confirm(in, question);
    if (st == STATUS_DONE)
        st = purge_plan(in, &h->channel, &p);
    if (st != STATUS_DONE)
        return st;
    p.mode = PURGE_ONE;
    p.what = h->uuid;
    p.after = h->seq - 1;
    p.up_to = h->seq;
    if (!in->dry_run)
        st = purge_run(in, &p, opt_number(in, "grace", PURGE_GRACE_MS), &moved);
    if (st != STATUS_DONE || moved == 0)
        return st == STATUS_DONE ? STATUS_NOT_FOUND : st;
    static const struct column DELETED[] = {{"channel", COLUMN_TEXT},
                                            {"seq", COLUMN_NUMBER},
                                            {"uuid", COLUMN_TEXT},
                                            {NULL, COLUMN_TEXT}};
    output_begin(in->out, DELETED, true);
    output_text(in->out, name, strlen(name));
    output_number(in->out, (int64_t)h->seq);
    output_uuid(in->out, &h->uuid);
    return STATUS_DONE;
}

static enum status message_delete(struct invocation *in) {
    struct hunt h = {.found = false};
    if (!uuid_read(in->args[0], strlen(in->args[0]), &h.uuid)) {
        complain("%s: not a UUID", in->args[0]);
        return STATUS_USAGE;
    }
    enum status st = channels_each_named(in, 1, hunt_in, &h);
    if (st != STATUS_DONE)
        return st;
    if (!h.found) {
        complain("%s: no such message", in->args[0]);
        return STATUS_NOT_FOUND;
    }
    return delete_found(in, &h);
}

/* --- The table --- */

static const struct param TAIL[] = {{"CHANNEL", VALUE_CHANNEL, true, true}, {0}};
static const struct param SEARCH[] = {
    {"TEXT", VALUE_TEXT, false, false}, {"CHANNEL", VALUE_CHANNEL, true, true}, {0}};
static const struct param DELETE[] = {
    {"UUID", VALUE_TEXT, false, false}, {"CHANNEL", VALUE_CHANNEL, true, true}, {0}};

static const struct opt TAIL_OPTS[] = {
    {"follow", 'f', VALUE_NONE, NULL, NULL, "go on with what comes, until Ctrl-C"},
    {"last", 'n', VALUE_NUMBER, "N", NULL, "how many to begin with (default 10)"},
    {"cursor-file", 0, VALUE_FILE, "FILE", NULL, "go on behind what was shown last time"},
    {0}};
static const struct opt SEARCH_OPTS[] = {
    {"from", 0, VALUE_USER, "USER", NULL, "of this user"},
    {"since", 0, VALUE_DATE, "DATE", NULL, "not older"},
    {"before", 0, VALUE_DATE, "DATE", NULL, "older"},
    {"ignore-case", 'i', VALUE_NONE, NULL, NULL, "A is a (ASCII letters)"},
    {"limit", 0, VALUE_NUMBER, "N", NULL, "how many at most"},
    {0}};
static const struct opt DELETE_OPTS[] = {
    {"grace", 0, VALUE_DURATION, "D", NULL,
     "can be undone for so long (default 24h); 0s: not at all"},
    {0}};

const struct command CMD_MESSAGE[] = {
    {"message", "tail", TAIL, TAIL_OPTS, "show the newest messages, and what comes",
     "Of the public channel, if none is named. With --cursor-file, a script that is run again and "
     "again sees\n"
     "each message; gaps left by purges and retention are said on stderr.\n\n"
     "Examples:\n  chatctl message tail --follow\n"
     "  chatctl message tail public --cursor-file ~/.seen --format jsonl\n",
     false, message_tail},
    {"message", "search", SEARCH, SEARCH_OPTS, "find messages that contain a text",
     "In all channels, if none is named; newest first in each.\n\n"
     "Examples:\n  chatctl message search 'printer on fire' public --since 7d\n",
     false, message_search},
    {"message", "delete", DELETE, DELETE_OPTS, "delete one message",
     "Looks for it in the channels named, else in all. `channel restore` undoes it within the "
     "grace time.\n\n"
     "Examples:\n  chatctl message delete 0e55a9e0-0000-4000-8000-000000000005 public --yes\n",
     false, message_delete},
    {0}};
