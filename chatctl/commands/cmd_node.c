/* cmd_node - nodes, and numbers. */
#include "chatctl/commands/doctor.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/walk.h"
#include "chatctl/table/commands.h"
#include "chatctl/term/progress.h"
#include "common/redis/event.h"

#include <stdlib.h>
#include <string.h>

#define NODES_LISTED_MAX 10000

/* --- node list --- */

static const struct column NODE_COLUMNS[] = {
    {"node", COLUMN_TEXT},        {"alive", COLUMN_BOOL},   {"listen", COLUMN_TEXT},
    {"pid", COLUMN_NUMBER},       {"users", COLUMN_NUMBER}, {"connections", COLUMN_NUMBER},
    {"alive_until", COLUMN_TIME}, {NULL, COLUMN_TEXT}};

struct node_row {
    char id[NODE_ID_TEXT + 1];
    int64_t until_ms;
};

static enum status redis_time(struct invocation *in, int64_t *ms) {
    const struct redisReply *r;
    size_t n;
    int64_t seconds = 0, micros = 0;
    struct err e = {0};
    cmd_begin(redis_sync_cmd(in->redis), "TIME");
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_array(r, &n, &e) || n != 2 || reply_i64(reply_item(r, 0), 0, &seconds, &e) ||
        reply_i64(reply_item(r, 1), 0, &micros, &e)) {
        complain("TIME: unexpected reply");
        return STATUS_FAILED;
    }
    *ms = seconds * 1000 + micros / 1000;
    return STATUS_DONE;
}

static enum status read_nodes(struct invocation *in, struct node_row **rows, size_t *n) {
    const struct redisReply *r;
    struct cmd *c = redis_sync_cmd(in->redis);
    size_t got;
    struct err e = {0};
    cmd_begin(c, "ZRANGE");
    cmd_global_key(c, redis_sync_keys(in->redis), KEY_NODES);
    cmd_i64(c, 0);
    cmd_i64(c, NODES_LISTED_MAX - 1);
    cmd_literal(c, "WITHSCORES");
    enum status status = ask(in, &r);
    if (status)
        return status;
    if (reply_array(r, &got, &e))
        return fail(&e);
    *rows = calloc(got / 2 + 1, sizeof **rows);
    for (size_t i = 0; *rows && i + 1 < got; i += 2) {
        const char *id;
        size_t len;
        struct node_row *row = &(*rows)[*n];
        if (reply_str(reply_item(r, i), &id, &len, &e) || !id || len > NODE_ID_TEXT ||
            reply_i64(reply_item(r, i + 1), 0, &row->until_ms, &e))
            continue;
        memcpy(row->id, id, len);
        ++*n;
    }
    return STATUS_DONE;
}

static void print_info(struct output *out, const struct redisReply *r, size_t i, bool number) {
    const char *s;
    size_t len;
    int64_t v;
    struct err e;
    if (reply_str(reply_item(r, i), &s, &len, &e) || !s)
        output_none(out);
    else if (number)
        output_number(out, reply_i64(reply_item(r, i), 0, &v, &e) ? 0 : v);
    else
        output_text(out, s, len);
}

static enum status print_node(struct invocation *in, const struct node_row *row, int64_t now_ms) {
    struct cmd *c = redis_sync_cmd(in->redis);
    const struct redisReply *r;
    int64_t users = 0;
    size_t n;
    struct err e = {0};
    cmd_begin(c, "SCARD");
    cmd_tailed_key(c, redis_sync_keys(in->redis), KEY_NODE_USERS, row->id, strlen(row->id));
    enum status status = ask_i64(in, &users);
    if (status)
        return status;
    cmd_begin(c, "HMGET");
    cmd_tailed_key(c, redis_sync_keys(in->redis), KEY_NODE_INFO, row->id, strlen(row->id));
    cmd_literal(c, "listen");
    cmd_literal(c, "pid");
    cmd_literal(c, "connections");
    if ((status = ask(in, &r)))
        return status;
    if (reply_array(r, &n, &e) || n != 3)
        return fail(&e);
    output_text(in->out, row->id, strlen(row->id));
    output_bool(in->out, row->until_ms > now_ms);
    print_info(in->out, r, 0, false);
    print_info(in->out, r, 1, true);
    output_number(in->out, users);
    print_info(in->out, r, 2, true);
    output_time(in->out, row->until_ms);
    return STATUS_DONE;
}

static enum status node_list(struct invocation *in) {
    struct node_row *rows = NULL;
    size_t n = 0;
    int64_t now = 0;
    enum status status = redis_time(in, &now);
    if (status == STATUS_DONE)
        status = read_nodes(in, &rows, &n);
    if (status == STATUS_DONE)
        output_begin(in->out, NODE_COLUMNS, false);
    for (size_t i = 0; status == STATUS_DONE && i < n; i++)
        status = print_node(in, &rows[i], now);
    free(rows);
    return status;
}

/* --- stats --- */

static const struct column STATS_COLUMNS[] = {
    {"users", COLUMN_NUMBER},    {"online", COLUMN_NUMBER},      {"channels", COLUMN_NUMBER},
    {"messages", COLUMN_NUMBER}, {"nodes", COLUMN_NUMBER},       {"memory_bytes", COLUMN_NUMBER},
    {"keys", COLUMN_NUMBER},     {"redis_version", COLUMN_TEXT}, {NULL, COLUMN_TEXT}};

struct stats {
    int64_t users, online, channels, messages, nodes, memory, keys;
    struct progress progress;
};

/* "used_memory:1234" in the text of INFO; -1 where it isn't said. */
static int64_t info_number(const char *text, const char *name) {
    const char *at = text ? strstr(text, name) : NULL;
    return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}

/* -1 where Redis does not let us look. */
static enum status read_memory_here(struct invocation *in, int64_t *memory, int64_t *keys) {
    const struct redisReply *r;
    const char *text;
    size_t len;
    struct err e = {0};
    *memory = *keys = -1;
    cmd_begin(redis_sync_cmd(in->redis), "INFO");
    cmd_literal(redis_sync_cmd(in->redis), "memory");
    r = redis_sync_do(in->redis, &e);
    if (!r)
        return fail(&e);
    if (reply_str(r, &text, &len, &e) == ERR_OK)
        *memory = info_number(text, "used_memory:");
    cmd_begin(redis_sync_cmd(in->redis), "DBSIZE");
    r = redis_sync_do(in->redis, &e);
    if (!r)
        return fail(&e);
    if (reply_i64(r, -1, keys, &e))
        *keys = -1;
    return STATUS_DONE;
}

/* Of all servers that hold data. */
static enum status read_memory(struct invocation *in, int64_t *memory, int64_t *keys) {
    enum status st = STATUS_DONE;
    int64_t m = 0, k = 0;
    *memory = *keys = 0;
    for (unsigned i = 0; i < redis_sync_servers(in->redis) && st == STATUS_DONE; i++) {
        redis_sync_pin(in->redis, (int)i);
        st = read_memory_here(in, &m, &k);
        *memory = m < 0 || *memory < 0 ? -1 : *memory + m;
        *keys = k < 0 || *keys < 0 ? -1 : *keys + k;
    }
    redis_sync_pin(in->redis, -1);
    return st;
}

static enum status count_zset(struct invocation *in, enum global_key k, int64_t *out) {
    cmd_begin(redis_sync_cmd(in->redis), "ZCARD");
    cmd_global_key(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), k);
    return ask_i64(in, out);
}

/* The lengths of a page of logs in one round trip. */
static enum status count_page(struct invocation *in, struct walk *w, void *arg) {
    struct stats *s = arg;
    struct channel_id ch;
    struct err e = {0};
    size_t len, asked = 0;
    int64_t score, n;
    if (interrupted())
        return status_stopped("channels counted", s->progress.done);
    for (size_t i = 0; i < w->n; i++) {
        const char *id = walk_item(w, i, &len, &score);
        if (!channel_parse(id, len, &ch))
            continue;
        cmd_log_length(redis_sync_cmd(in->redis), redis_sync_keys(in->redis), &ch);
        if (redis_sync_queue(in->redis, &e))
            return fail(&e);
        asked++;
    }
    for (size_t i = 0; i < asked; i++) {
        const struct redisReply *r = redis_sync_next(in->redis, &e);
        if (!r)
            return fail(&e);
        if (reply_i64(r, 0, &n, &e) == ERR_OK) /* a key of another type is fsck's */
            s->messages += n;
    }
    progress_add(&s->progress, w->n);
    return STATUS_DONE;
}

static enum status count_messages(struct invocation *in, struct stats *s) {
    struct walk w;
    walk_global(&w, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    progress_begin(&s->progress, "channels", (uint64_t)s->channels, in->quiet);
    enum status status = walk_each(in, &w, count_page, s);
    progress_end(&s->progress);
    return status;
}

static void number_or_none(struct output *out, int64_t v) {
    if (v < 0)
        output_none(out);
    else
        output_number(out, v);
}

static enum status stats(struct invocation *in) {
    struct stats s = {0};
    char version[32];
    struct err e = {0};
    enum status status;
    if ((status = count_zset(in, KEY_USERS, &s.users)) ||
        (status = count_zset(in, KEY_ONLINE, &s.online)) ||
        (status = count_zset(in, KEY_CHANNEL_INDEX, &s.channels)) ||
        (status = count_zset(in, KEY_NODES, &s.nodes)) || (status = count_messages(in, &s)) ||
        (status = read_memory(in, &s.memory, &s.keys)))
        return status;
    if (redis_sync_version(in->redis, version, sizeof version, &e))
        return fail(&e);
    output_begin(in->out, STATS_COLUMNS, true);
    output_number(in->out, s.users);
    output_number(in->out, s.online);
    output_number(in->out, s.channels);
    output_number(in->out, s.messages);
    output_number(in->out, s.nodes);
    number_or_none(in->out, s.memory);
    number_or_none(in->out, s.keys);
    output_text(in->out, version, strlen(version));
    return STATUS_DONE;
}

const struct command CMD_NODE[] = {
    {"node", "list", NULL, NULL, "list the running chatds",
     "A node that was killed stays listed until another one has taken its users offline.\n"
     "\nExample:\n  chatctl node list",
     false, node_list},
    {NULL, "stats", NULL, NULL, "count users, channels, messages, memory",
     "memory_bytes and keys are those of the whole Redis, and empty where it doesn't let us look.\n"
     "\nExample:\n  chatctl --json stats",
     false, stats},
    {NULL, "doctor", NULL, NULL, "check version, settings, permissions and clock of the Redis",
     "A line a check: ok, warn or fail. Exit status 1 if any failed.\n"
     "\nExample:\n  chatctl doctor",
     true, doctor},
    {NULL, NULL, NULL, NULL, NULL, NULL, false, NULL},
};
