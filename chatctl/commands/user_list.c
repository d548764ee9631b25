/* user_list - user list and user show. A list in the order of creation is streamed, a page at a
 * time; only a sorted one is gathered, in rows much smaller than those of a page. */
#include "chatctl/commands/user_commands.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/find.h"
#include "chatctl/ops/lookup.h"
#include "chatctl/ops/user.h"
#include "chatctl/ops/walk.h"
#include "chatctl/term/progress.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define GATHER_SPARE                                                                               \
    10000 /* rows over the limit that are gathered before they are sorted and cut */

/* A row that waits to be sorted. */
struct kept {
    struct uuid uuid;
    int64_t created_ms, banned_until_ms;
    bool online;
    char *name;
};

struct listing {
    struct invocation *in;
    bool online, banned, reverse, by_name;
    const char *match;
    uint64_t limit, printed;
    int64_t now_ms;
    struct walk walk;
    uint64_t offset; /* backwards */
    struct user_row *rows;
    size_t n;
    struct kept *kept;
    size_t nkept, room;
    struct progress progress;
};

static const struct column LIST_COLUMNS[] = {{"name", COLUMN_TEXT},         {"uuid", COLUMN_TEXT},
                                             {"created", COLUMN_TIME},      {"online", COLUMN_BOOL},
                                             {"banned_until", COLUMN_TIME}, {NULL, COLUMN_TEXT}};

static void print_row(struct listing *l, const char *name, const struct uuid *uuid, int64_t created,
                      bool online, int64_t banned) {
    struct output *out = l->in->out;
    output_text(out, name, strlen(name));
    output_uuid(out, uuid);
    output_time(out, created);
    output_bool(out, online);
    output_time(out, banned > l->now_ms ? banned : 0);
    l->printed++;
}

/* --- Pages --- */

/* Forwards by score, so that users who come and go meanwhile shift nothing. */
static enum status page_on(struct listing *l, bool *more) {
    enum status status = walk_page(l->in, &l->walk, more);
    l->n = 0;
    for (size_t i = 0; status == STATUS_DONE && *more && i < l->walk.n && l->n < LOOKUP_PAGE; i++) {
        size_t len;
        int64_t score;
        const char *id = walk_item(&l->walk, i, &len, &score);
        l->rows[l->n] = (struct user_row){0};
        if (uuid_read(id, len, &l->rows[l->n].uuid))
            l->n++;
    }
    return status;
}

static enum status page_back(struct listing *l, bool *more) {
    struct err e = {0};
    if (lookup_page(l->in->redis, l->online ? KEY_ONLINE : KEY_USERS, l->offset, true, l->rows,
                    &l->n, &e))
        return fail(&e);
    l->offset += l->n;
    *more = l->n > 0;
    return STATUS_DONE;
}

static bool is_wanted(const struct listing *l, const struct user_row *r) {
    return *r->name && (!l->online || r->online) &&
           (!l->banned || r->banned_until_ms > l->now_ms) &&
           (!l->match || fnmatch(l->match, r->name, FNM_CASEFOLD) == 0);
}

/* --- Sorting --- */

static int by_name(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);
    return order ? order : uuid_cmp(&x->uuid, &y->uuid);
}

static int by_name_back(const void *a, const void *b) {
    return by_name(b, a);
}

/* Sorts what was gathered and lets go of all over the limit. */
static void cut(struct listing *l) {
    qsort(l->kept, l->nkept, sizeof *l->kept, l->reverse ? by_name_back : by_name);
    while (l->nkept > l->limit)
        free(l->kept[--l->nkept].name);
}

static bool keep(struct listing *l, const struct user_row *r) {
    if (l->nkept == l->room) {
        size_t room = l->room ? l->room * 2 : 1024;
        struct kept *kept = realloc(l->kept, room * sizeof *kept);
        if (!kept)
            return false;
        l->kept = kept;
        l->room = room;
    }
    char *name = strdup(r->name);
    if (!name)
        return false;
    l->kept[l->nkept++] = (struct kept){.uuid = r->uuid,
                                        .created_ms = r->created_ms,
                                        .banned_until_ms = r->banned_until_ms,
                                        .online = r->online,
                                        .name = name};
    if (l->nkept >= 2 * l->limit && l->nkept - l->limit >= GATHER_SPARE)
        cut(l);
    return true;
}

static void print_kept(struct listing *l) {
    cut(l);
    for (size_t i = 0; i < l->nkept; i++) {
        const struct kept *k = &l->kept[i];
        print_row(l, k->name, &k->uuid, k->created_ms, k->online, k->banned_until_ms);
    }
}

/* --- The list --- */

static enum status take_page(struct listing *l) {
    struct err e = {0};
    if (lookup_rows(l->in->redis, l->rows, l->n, &e))
        return fail(&e);
    for (size_t i = 0; i < l->n && l->printed < l->limit; i++) {
        const struct user_row *r = &l->rows[i];
        if (!is_wanted(l, r))
            continue;
        if (!l->by_name)
            print_row(l, r->name, &r->uuid, r->created_ms, r->online, r->banned_until_ms);
        else if (!keep(l, r)) {
            complain("out of memory at %zu users: use --limit", l->nkept);
            return STATUS_FAILED;
        }
    }
    progress_add(&l->progress, l->n);
    return STATUS_DONE;
}

static enum status run_listing(struct listing *l) {
    bool more = true, back = l->reverse && !l->by_name;
    enum status status = STATUS_DONE;
    while (status == STATUS_DONE && more && l->printed < l->limit) {
        if (interrupted())
            return status_stopped("users looked at", l->progress.done);
        status = back ? page_back(l, &more) : page_on(l, &more);
        if (status == STATUS_DONE && more)
            status = take_page(l);
    }
    return status;
}

static void begin_progress(struct listing *l) {
    int64_t total = 0;
    struct err e;
    struct redis_sync *s = l->in->redis;
    if (l->online)
        cmd_online_count(redis_sync_cmd(s), redis_sync_keys(s));
    else
        cmd_users_count(redis_sync_cmd(s), redis_sync_keys(s));
    reply_i64(redis_sync_do(s, &e), 0, &total, &e);
    bool mixed = !l->by_name && isatty(STDOUT_FILENO); /* the rows themselves are progress */
    progress_begin(&l->progress, "users", (uint64_t)total, l->in->quiet || mixed);
}

enum status user_list(struct invocation *in) {
    const char *sort = opt_text(in, "sort");
    struct listing l = {.in = in,
                        .online = opt_given(in, "online"),
                        .banned = opt_given(in, "banned"),
                        .reverse = opt_given(in, "reverse"),
                        .by_name = sort && strcmp(sort, "name") == 0,
                        .match = opt_text(in, "match"),
                        .limit = (uint64_t)opt_number(in, "limit", INT64_MAX / 4),
                        .now_ms = redis_sync_now(in->redis)};
    l.rows = calloc(LOOKUP_PAGE, sizeof *l.rows);
    if (!l.rows) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    output_begin(in->out, LIST_COLUMNS, false);
    output_page(in->out);
    walk_global(&l.walk, redis_sync_keys(in->redis), l.online ? KEY_ONLINE : KEY_USERS);
    begin_progress(&l);
    enum status status = run_listing(&l);
    progress_end(&l.progress);
    if (status == STATUS_DONE && l.by_name)
        print_kept(&l);
    while (l.nkept)
        free(l.kept[--l.nkept].name);
    free(l.kept);
    free(l.rows);
    return status;
}

/* --- user show --- */

static const struct column SHOW_COLUMNS[] = {
    {"name", COLUMN_TEXT},       {"uuid", COLUMN_TEXT},       {"created", COLUMN_TIME},
    {"online", COLUMN_BOOL},     {"nodes", COLUMN_NUMBER},    {"banned_until", COLUMN_TIME},
    {"ban_reason", COLUMN_TEXT}, {"sessions", COLUMN_NUMBER}, {"channels", COLUMN_NUMBER},
    {NULL, COLUMN_TEXT}};

/* Sessions that are good still, channels, and on how many nodes the user is. */
static enum status count_owned(struct invocation *in, const struct uuid *u, int64_t *sessions,
                               int64_t *channels, int64_t *nodes) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct keyspace *ks = redis_sync_keys(in->redis);
    cmd_begin(c, "ZCOUNT");
    cmd_user_key(c, ks, u, USER_KEYS);
    cmd_i64(c, redis_sync_now(in->redis));
    cmd_literal(c, "+inf");
    enum status status = ask_i64(in, sessions);
    if (status)
        return status;
    cmd_begin(c, "ZCARD");
    cmd_user_key(c, ks, u, USER_CHANNELS);
    if ((status = ask_i64(in, channels)))
        return status;
    cmd_begin(c, "ZSCORE");
    cmd_global_key(c, ks, KEY_ONLINE);
    cmd_uuid(c, u);
    return ask_i64(in, nodes);
}

static enum status print_record(struct invocation *in, const struct uuid *u, int64_t sessions,
                                int64_t channels, int64_t nodes) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct redisReply *r;
    const char *name = NULL, *reason = NULL;
    size_t n, name_len = 0, reason_len = 0;
    int64_t created = 0, banned = 0;
    struct err e = {0};
    static const char *const FIELDS[] = {"name", "created", "banned", "ban-reason"};
    cmd_begin(c, "HMGET");
    cmd_user_key(c, redis_sync_keys(in->redis), u, USER_RECORD);
    for (size_t i = 0; i < 4; i++)
        cmd_literal(c, FIELDS[i]);
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_array(r, &n, &e) || reply_str(reply_item(r, 0), &name, &name_len, &e) ||
        reply_i64(reply_item(r, 1), 0, &created, &e) ||
        reply_i64(reply_item(r, 2), 0, &banned, &e) ||
        reply_str(reply_item(r, 3), &reason, &reason_len, &e))
        return fail(&e);
    bool now_banned = banned > redis_sync_now(in->redis);
    output_begin(in->out, SHOW_COLUMNS, true);
    output_text(in->out, name ? name : "", name_len);
    output_uuid(in->out, u);
    output_time(in->out, created);
    output_bool(in->out, nodes > 0);
    output_number(in->out, nodes);
    output_time(in->out, now_banned ? banned : 0);
    if (reason && now_banned)
        output_text(in->out, reason, reason_len);
    else
        output_none(in->out);
    output_number(in->out, sessions);
    output_number(in->out, channels);
    return STATUS_DONE;
}

enum status user_show(struct invocation *in) {
    struct uuid user;
    int64_t sessions = 0, channels = 0, nodes = 0;
    enum status status = find_user(in, in->args[0], &user, NULL);
    if (status == STATUS_DONE)
        status = count_owned(in, &user, &sessions, &channels, &nodes);
    return status ? status : print_record(in, &user, sessions, channels, nodes);
}
