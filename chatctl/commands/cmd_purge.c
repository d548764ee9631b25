/* cmd_purge - channel purge, purges, restore: what is said and asked around purge.h.
 *
 * A plan is a file of JSON lines, one a channel, that fixes by epoch and seq what will go, so that
 * what was looked at is what is purged, whatever was said in between.
 */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/purge.h"
#include "chatctl/table/commands.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/proto/json.h"
#include "common/proto/json_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define PLAN_LINE 4096
#define SEQ_MAX 999999999999999

static const struct column COLUMNS[] = {{"channel", COLUMN_TEXT},
                                        {"messages", COLUMN_NUMBER},
                                        {"upTo", COLUMN_NUMBER},
                                        {NULL, COLUMN_TEXT}};

struct work {
    FILE *plan; /* NULL: not asked for */
    struct uuid from;
    uint64_t messages, channels;
};

static void put_purge(struct invocation *in, const struct purge *p, uint64_t messages) {
    char name[CHANNEL_NAME_SIZE];
    find_channel_name(in, &p->channel, name, sizeof name);
    output_text(in->out, name, strlen(name));
    output_number(in->out, (int64_t)messages);
    output_number(in->out, (int64_t)p->up_to);
}

/* The rows are out before anything is said of them. */
static enum status ended(struct invocation *in, enum status st) {
    return output_end(in->out) || st != STATUS_DONE ? st : STATUS_FAILED;
}

/* --- What is to go --- */

static enum status plan_channel(struct invocation *in, const struct channel_id *ch,
                                const struct work *w, struct purge *p) {
    int64_t age = opt_number(in, "older-than", 0);
    enum status st = purge_plan(in, ch, p);
    if (st == STATUS_DONE && opt_given(in, "before"))
        st = purge_before(in, p, opt_number(in, "before", 0));
    if (st == STATUS_DONE && opt_given(in, "older-than"))
        st = purge_before(in, p, redis_sync_now(in->redis) - age);
    if (st == STATUS_DONE && opt_given(in, "keep"))
        st = purge_keep(in, p, (uint64_t)opt_number(in, "keep", 0));
    if (!uuid_is_nil(&w->from))
        purge_from(p, &w->from);
    return st == STATUS_DONE ? purge_count(in, p) : st;
}

static void write_plan(FILE *f, const char *name, const struct purge *p) {
    char id[CHANNEL_TEXT + 1];
    struct buf b;
    buf_init(&b, PLAN_LINE);
    channel_format(&p->channel, id);
    buf_char(&b, '{');
    json_add_text(&b, "channel", name);
    json_add_text(&b, "id", id);
    json_add_uuid(&b, "epoch", &p->epoch);
    json_add_u64(&b, "upTo", p->up_to);
    if (p->mode == PURGE_FROM)
        json_add_uuid(&b, "from", &p->what);
    json_add_u64(&b, "messages", p->messages);
    buf_str(&b, "}\n");
    fwrite(b.data, 1, b.len, f);
    buf_free(&b);
}

/* For --dry-run and --plan: what would go. */
static enum status show_channel(struct invocation *in, const struct channel_id *ch,
                                int64_t activity, void *arg) {
    struct work *w = arg;
    struct purge p;
    char name[CHANNEL_NAME_SIZE];
    (void)activity;
    if (interrupted())
        return status_stopped("channels were looked at", w->channels);
    enum status st = plan_channel(in, ch, w, &p);
    w->channels++;
    if (st != STATUS_DONE || p.messages == 0)
        return st;
    w->messages += p.messages;
    put_purge(in, &p, p.messages);
    if (w->plan)
        write_plan(w->plan, find_channel_name(in, ch, name, sizeof name), &p);
    return STATUS_DONE;
}

/* --- Doing it --- */

static enum status purge_planned(struct invocation *in, struct work *w, const struct purge *p) {
    uint64_t moved = 0;
    enum status st = purge_run(in, p, opt_number(in, "grace", PURGE_GRACE_MS), &moved);
    w->messages += moved;
    if (moved)
        put_purge(in, p, moved);
    return st;
}

static enum status purge_channel(struct invocation *in, const struct channel_id *ch,
                                 int64_t activity, void *arg) {
    struct work *w = arg;
    struct purge p;
    (void)activity;
    if (interrupted())
        return status_stopped("messages are purged", w->messages);
    enum status st = plan_channel(in, ch, w, &p);
    return st == STATUS_DONE && p.messages ? purge_planned(in, w, &p) : st;
}

/* In the largest unit that says it exactly. */
static void say_restorable(struct invocation *in, const struct work *w) {
    static const struct {
        int64_t ms;
        const char *name;
    } UNITS[] = {{3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    int64_t ms = opt_number(in, "grace", PURGE_GRACE_MS);
    size_t i = 0;
    while (ms % UNITS[i].ms)
        i++;
    say(in,
        "%" PRIu64 " messages purged; `chatctl channel restore` brings them back for %" PRId64
        " %s",
        w->messages, ms / UNITS[i].ms, UNITS[i].name);
}

static void say_purged(struct invocation *in, const struct work *w, enum status st) {
    if (st != STATUS_DONE || in->dry_run || w->plan)
        return;
    if (opt_number(in, "grace", PURGE_GRACE_MS) == 0)
        say(in, "%" PRIu64 " messages purged, for good", w->messages);
    else
        say_restorable(in, w);
}

/* --- Plans --- */

static bool read_plan_line(const struct json *doc, struct purge *p) {
    const char *s;
    size_t len;
    *p = (struct purge){.mode = PURGE_ALL};
    if (json_str(doc, "id", &s, &len) != JSON_OK || !channel_parse(s, len, &p->channel) ||
        json_str(doc, "epoch", &s, &len) != JSON_OK || !uuid_read(s, len, &p->epoch) ||
        json_u64(doc, "upTo", SEQ_MAX, &p->up_to) != JSON_OK ||
        json_u64(doc, "messages", SEQ_MAX, &p->messages) != JSON_OK)
        return false;
    switch (json_str(doc, "from", &s, &len)) {
    case JSON_ABSENT:
        return true;
    case JSON_OK:
        p->mode = PURGE_FROM;
        return uuid_read(s, len, &p->what);
    default:
        return false;
    }
}

/* Calls fn for each line of the plan. */
static enum status each_planned(struct invocation *in, FILE *f, const char *path, struct work *w,
                                enum status (*fn)(struct invocation *in, struct work *w,
                                                  const struct purge *p)) {
    char *line = NULL;
    size_t room = 0;
    enum status st = STATUS_DONE;
    unsigned n = 0;
    ssize_t len;
    rewind(f);
    while (st == STATUS_DONE && (len = getline(&line, &room, f)) > 0) {
        struct err e = {0};
        struct purge p;
        struct json *doc = json_parse(line, (size_t)len - (line[len - 1] == '\n'), 0, &e);
        bool good = doc && read_plan_line(doc, &p);
        n++;
        json_free(doc);
        if (!good) {
            complain("%s:%u: not a line of a plan", path, n);
            st = STATUS_USAGE;
        } else
            st = interrupted() ? status_stopped("messages are purged", w->messages) : fn(in, w, &p);
    }
    if (st == STATUS_DONE && ferror(f)) {
        complain("%s: %s", path, strerror(errno));
        st = STATUS_FAILED;
    }
    free(line);
    return st;
}

static enum status check_planned(struct invocation *in, struct work *w, const struct purge *p) {
    struct channel_state state;
    char name[CHANNEL_NAME_SIZE];
    enum status st = ask_position(in, &p->channel, &state);
    if (st != STATUS_DONE)
        return st;
    if (!uuid_eq(&state.at.epoch, &p->epoch) || p->up_to > state.at.seq) {
        complain("the epoch of %s has changed since the plan was made: make a new one",
                 find_channel_name(in, &p->channel, name, sizeof name));
        return STATUS_CONFLICT;
    }
    w->messages += p->messages;
    w->channels++;
    return STATUS_DONE;
}

static enum status show_planned(struct invocation *in, struct work *w, const struct purge *p) {
    (void)w;
    put_purge(in, p, p->messages);
    return STATUS_DONE;
}

static enum status ask_about(struct invocation *in, const struct work *w) {
    char question[160], before[CLOCK_TEXT + 1] = "";
    if (opt_given(in, "before"))
        clock_rfc3339(opt_number(in, "before", 0), before);
    snprintf(question, sizeof question, "Purge %" PRIu64 " messages of %" PRIu64 " channel%s%s%s?",
             w->messages, w->channels, w->channels == 1 ? "" : "s", *before ? ", sent before " : "",
             before);
    return confirm(in, question);
}

/* All channels are looked at before the first is touched. */
static enum status apply_plan(struct invocation *in, const char *path) {
    struct work checked = {0}, w = {0};
    FILE *f = fopen(path, "r");
    if (!f) {
        complain("%s: %s", path, strerror(errno));
        return STATUS_FAILED;
    }
    enum status st = each_planned(in, f, path, &checked, check_planned);
    if (st == STATUS_DONE && !in->dry_run)
        st = ask_about(in, &checked);
    if (st == STATUS_DONE) {
        output_begin(in->out, COLUMNS, false);
        st = ended(in, each_planned(in, f, path, &w, in->dry_run ? show_planned : purge_planned));
        say_purged(in, &w, st);
    }
    fclose(f);
    return st;
}

/* --- channel purge --- */

static enum status usage(const char *text) {
    complain("%s", text);
    return STATUS_USAGE;
}

static enum status check_usage(struct invocation *in) {
    bool some = opt_given(in, "before") || opt_given(in, "older-than") || opt_given(in, "keep") ||
                opt_given(in, "from");
    if (opt_given(in, "apply"))
        return in->nargs || some || opt_given(in, "all") || opt_given(in, "plan")
                   ? usage("--apply does what the plan says: name no channel and no other choice")
                   : STATUS_DONE;
    if ((in->nargs > 0) == opt_given(in, "all"))
        return usage("name a channel, or --all");
    if (opt_given(in, "before") + opt_given(in, "older-than") + opt_given(in, "keep") > 1)
        return usage("one of --before, --older-than and --keep");
    return STATUS_DONE;
}

/* All channels of this server: the name of the server, which is its prefix, must be said. */
static enum status check_confirmed(struct invocation *in) {
    const char *name = opt_text(in, "confirm"), *prefix = redis_sync_keys(in->redis)->prefix;
    if (name && strcmp(name, prefix) == 0)
        return STATUS_DONE;
    complain("this purges every channel under %s: say --confirm %s", prefix, prefix);
    return STATUS_REFUSED;
}

static enum status show_what_goes(struct invocation *in, struct work *w) {
    const char *path = opt_text(in, "plan");
    if (path && !(w->plan = fopen(path, "w"))) {
        complain("%s: %s", path, strerror(errno));
        return STATUS_FAILED;
    }
    output_begin(in->out, COLUMNS, false);
    enum status st = ended(in, channels_each_named(in, 0, show_channel, w));
    if (w->plan && fclose(w->plan) != 0 && st == STATUS_DONE) {
        complain("%s: %s", path, strerror(errno));
        st = STATUS_FAILED;
    }
    if (st == STATUS_DONE)
        say(in, "%" PRIu64 " messages would go", w->messages);
    return st;
}

/* One channel is counted before the question; all of them only on the way. */
static enum status purge_after_asking(struct invocation *in, struct work *w) {
    struct channel_id ch;
    struct purge p = {0};
    enum status st = STATUS_DONE;
    if (opt_given(in, "all")) {
        st = confirm(in, "Purge the messages of all channels?");
    } else if ((st = find_channel(in, in->args[0], &ch)) == STATUS_DONE &&
               (st = plan_channel(in, &ch, w, &p)) == STATUS_DONE) {
        struct work one = {.messages = p.messages, .channels = 1};
        st = p.messages ? ask_about(in, &one) : STATUS_DONE;
    }
    if (st != STATUS_DONE)
        return st;
    output_begin(in->out, COLUMNS, false);
    if (opt_given(in, "all"))
        st = channels_each(in, purge_channel, w);
    else if (p.messages)
        st = purge_planned(in, w, &p);
    st = ended(in, st);
    say_purged(in, w, st);
    return st;
}

static enum status channel_purge(struct invocation *in) {
    struct work w = {0};
    enum status st = check_usage(in);
    if (st != STATUS_DONE)
        return st;
    if (opt_given(in, "apply"))
        return apply_plan(in, opt_text(in, "apply"));
    if (opt_given(in, "from") && (st = find_user(in, opt_text(in, "from"), &w.from, NULL)))
        return st;
    if (in->dry_run || opt_given(in, "plan"))
        return show_what_goes(in, &w);
    if (opt_given(in, "all") && (st = check_confirmed(in)))
        return st;
    return purge_after_asking(in, &w);
}

/* --- channel purges, restore --- */

static const struct column PURGES_COLUMNS[] = {{"purge", COLUMN_TEXT},      {"what", COLUMN_TEXT},
                                               {"messages", COLUMN_NUMBER}, {"at", COLUMN_TIME},
                                               {"until", COLUMN_TIME},      {NULL, COLUMN_TEXT}};

static enum status channel_purges(struct invocation *in) {
    struct restorable purges[RESTORABLE_MAX];
    struct channel_id ch;
    size_t n;
    enum status st = find_channel(in, in->args[0], &ch);
    if (st != STATUS_DONE || (st = purge_list(in, &ch, purges, RESTORABLE_MAX, &n)))
        return st;
    output_begin(in->out, PURGES_COLUMNS, false);
    output_page(in->out);
    for (size_t i = 0; i < n; i++) {
        char id[UUID_TEXT + 1], what[64], uuid[UUID_TEXT + 1];
        uuid_format(&purges[i].id, id);
        uuid_format(&purges[i].record.what, uuid);
        if (strcmp(purges[i].record.mode, "all") == 0)
            snprintf(what, sizeof what, "up to %" PRIu64, purges[i].record.up_to);
        else
            snprintf(what, sizeof what, "%s %s", purges[i].record.mode, uuid);
        output_text(in->out, id, UUID_TEXT);
        output_text(in->out, what, strlen(what));
        output_number(in->out, purges[i].record.moved);
        output_time(in->out, purges[i].record.at_ms);
        output_time(in->out, purges[i].record.until_ms);
    }
    return STATUS_DONE;
}

/* The one named by --purge, else the newest. */
static const struct restorable *choose(struct invocation *in, const struct restorable *purges,
                                       size_t n) {
    const char *text = opt_text(in, "purge");
    const struct restorable *best = NULL;
    struct uuid id;
    if (text && !uuid_read(text, strlen(text), &id))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (text ? uuid_eq(&purges[i].id, &id)
                 : !best || purges[i].record.at_ms >= best->record.at_ms)
            best = &purges[i];
    return best;
}

static enum status channel_restore(struct invocation *in) {
    static const struct column RESTORED[] = {{"channel", COLUMN_TEXT},
                                             {"messages", COLUMN_NUMBER},
                                             {"purge", COLUMN_TEXT},
                                             {NULL, COLUMN_TEXT}};
    struct restorable purges[RESTORABLE_MAX];
    struct channel_id ch;
    size_t n;
    uint64_t restored;
    char name[CHANNEL_NAME_SIZE], id[UUID_TEXT + 1];
    enum status st = find_channel(in, in->args[0], &ch);
    if (st != STATUS_DONE || (st = purge_list(in, &ch, purges, RESTORABLE_MAX, &n)))
        return st;
    const struct restorable *chosen = choose(in, purges, n);
    if (!chosen) {
        complain("%s: no such purge can be undone", in->args[0]);
        return STATUS_NOT_FOUND;
    }
    restored = (uint64_t)chosen->record.moved;
    st = in->dry_run ? STATUS_DONE : purge_restore(in, &ch, chosen, &restored);
    if (st != STATUS_DONE)
        return st;
    uuid_format(&chosen->id, id);
    find_channel_name(in, &ch, name, sizeof name);
    output_begin(in->out, RESTORED, true);
    output_text(in->out, name, strlen(name));
    output_number(in->out, (int64_t)restored);
    output_text(in->out, id, UUID_TEXT);
    return STATUS_DONE;
}

/* --- The table --- */

static const struct param ONE[] = {{"CHANNEL", VALUE_CHANNEL, false, false}, {0}};
static const struct param PERHAPS[] = {{"CHANNEL", VALUE_CHANNEL, true, false}, {0}};

static const struct opt PURGE_OPTS[] = {
    {"all", 0, VALUE_NONE, NULL, NULL, "every channel"},
    {"before", 0, VALUE_DATE, "DATE", NULL, "messages sent before then"},
    {"older-than", 0, VALUE_DURATION, "D", NULL, "messages sent longer ago than this"},
    {"keep", 0, VALUE_NUMBER, "N", NULL, "all but the newest N"},
    {"from", 0, VALUE_USER, "USER", NULL, "messages of this user only"},
    {"grace", 0, VALUE_DURATION, "D", NULL,
     "can be undone for so long (default 24h); 0s: not at all"},
    {"plan", 0, VALUE_FILE, "FILE", NULL, "write what would go to a file, for --apply"},
    {"apply", 0, VALUE_FILE, "FILE", NULL, "purge what this plan says"},
    {"confirm", 0, VALUE_TEXT, "PREFIX", NULL, "for --all: the prefix of the server that is meant"},
    {0}};
static const struct opt RESTORE_OPTS[] = {
    {"purge", 0, VALUE_TEXT, "ID", NULL, "which one (see channel purges); default: the newest"},
    {0}};

const struct command CMD_PURGE[] = {
    {"channel", "purge", PERHAPS, PURGE_OPTS, "remove messages of a channel",
     "Without a choice, all messages go; numbering goes on. Works in small batches beside a "
     "running chat; clients\n"
     "are told, those that come back too. `channel restore` undoes it within the grace time.\n\n"
     "Examples:\n"
     "  chatctl channel purge public --older-than 30d --dry-run\n"
     "  chatctl channel purge public --from mallory --yes\n"
     "  chatctl channel purge --all --keep 1000 --plan plan.jsonl\n"
     "  chatctl channel purge --apply plan.jsonl --yes\n",
     false, channel_purge},
    {"channel", "purges", ONE, NULL, "list the purges of a channel that can be undone",
     "Examples:\n  chatctl channel purges public\n", false, channel_purges},
    {"channel", "restore", ONE, RESTORE_OPTS, "undo a purge",
     "The messages come back under their old numbers, beside what was said since. Retention goes "
     "on: what is over\n"
     "its limits goes again with the next message.\n\n"
     "Examples:\n  chatctl channel restore public\n",
     false, channel_restore},
    {0}};
