/* cmd_fsck - fsck: looks at every key under the prefix, and at what should be there and isn't;
 * mends with --fix what can be mended without a guess.
 *
 * It runs beside a chat in use: what is half done for a moment (a sign-up whose claim will lapse, a
 * user who has just come online) is no problem, and every repair is one that does no harm if things
 * have changed since: a script that compares first, or a command that adds only what is missing.
 * Memory is bounded by a page of SCAN.
 */
#include "chatctl/commands/fsck.h"
#include "chatctl/ops/ask.h"
#include "chatctl/ops/channels.h"
#include "chatctl/ops/walk.h"
#include "chatctl/table/commands.h"
#include "chatctl/table/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_COUNT 300
#define GRACE_S 60 /* a node that is dead for less may be reaped by the others any moment */
#define NODES_MAX 1000

static const struct column COLUMNS[] = {{"problem", COLUMN_TEXT},
                                        {"key", COLUMN_TEXT},
                                        {"detail", COLUMN_TEXT},
                                        {"fixed", COLUMN_BOOL},
                                        {NULL, COLUMN_TEXT}};

/* --- Any key --- */

static int64_t default_ttl_ms(const struct key_name *n) {
    if (n->family == FAMILY_SENT)
        return 600000;
    if (n->family == FAMILY_TAILED)
        return n->which == KEY_NODE_INFO ? 60000 : 900000;
    if (n->family == FAMILY_CHANNEL && n->which != CHANNEL_PURGES)
        return 3600000;
    return (int64_t)24 * 3600000;
}

static bool may_expire(const struct key_name *n) {
    bool half_made = (n->family == FAMILY_USER && n->which != USER_CHANNELS) ||
                     (n->family == FAMILY_TAILED && n->which == KEY_NAME);
    return half_made || strstr(n->type, "TTL");
}

static enum status check_expiry(struct fsck *f, const struct key *k) {
    if (k->ttl < 0 && strstr(k->name.type, "TTL")) {
        fsck_key_command(f, "PEXPIRE", k);
        cmd_i64(f->c, default_ttl_ms(&k->name));
        cmd_literal(f->c, "NX");
        return fsck_found_key(f, "never expires", k, "it is a passing key", true);
    }
    if (k->ttl >= 0 && !may_expire(&k->name)) {
        fsck_key_command(f, "PERSIST", k);
        return fsck_found_key(f, "will expire", k, "it holds what must last", true);
    }
    return STATUS_DONE;
}

/* --- Nodes --- */

static enum status check_node(struct fsck *f, const struct key *k) {
    const char *s;
    size_t len;
    cmd_begin(f->c, "ZSCORE");
    cmd_global_key(f->c, f->ks, KEY_NODES);
    cmd_copy(f->c, k->name.tail, k->name.tail_len);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE ||
        (s && strtod(s, NULL) > (double)(redis_sync_now(f->in->redis) - GRACE_S * 1000)))
        return st;
    cmd_reap(f->c, f->ks, k->name.tail, k->name.tail_len, 500);
    return fsck_found_key(f, "users of a dead node", k, "they count as online", true);
}

/* --- Dispatch --- */

static enum status check_family(struct fsck *f, const struct key *k) {
    const struct key_name *n = &k->name;
    if (n->family == FAMILY_TAILED && n->which == KEY_NAME)
        return fsck_check_name(f, k);
    if (n->family == FAMILY_TAILED && n->which == KEY_NODE_USERS)
        return check_node(f, k);
    if (n->family == FAMILY_USER && n->which == USER_RECORD)
        return fsck_check_record(f, k);
    if (n->family == FAMILY_USER && n->which == USER_KEYS)
        return fsck_check_keys(f, k);
    if (n->family == FAMILY_USER && n->which == USER_CHANNELS)
        return fsck_check_orphan(f, k);
    if (n->family == FAMILY_CHANNEL && n->which == CHANNEL_LOG)
        return fsck_check_log(f, k);
    if (n->family == FAMILY_CHANNEL && n->which == CHANNEL_MEMBERS)
        return fsck_check_users_in(f, k->text, k->len, "orphaned member");
    if (n->family == FAMILY_CHANNEL && n->which == CHANNEL_META)
        return fsck_check_meta(f, k);
    return STATUS_DONE;
}

/* What stands under another type is said where that key is met; a check that needs it is left out.
 */
static enum status bear(enum status st) {
    return st == STATUS_WRONG_TYPE ? STATUS_DONE : st;
}

static enum status is_a_chat(struct fsck *f, const struct keyspace *other, bool *yes) {
    int64_t n = 0;
    cmd_begin(f->c, "EXISTS");
    cmd_global_key(f->c, other, KEY_SCHEMA);
    enum status st = ask_i64(f->in, &n);
    *yes = n > 0;
    return st;
}

/* Of a chat whose prefix begins with ours: chat: and chat:b: in one Redis. */
static enum status find_owner(struct fsck *f, const struct key *k, bool *found) {
    enum status st = STATUS_DONE;
    struct keyspace other;
    struct key_name name;
    char prefix[PREFIX_MAX + 1];
    *found = false;
    for (size_t n = f->ks->len + 1; n < k->len && n <= PREFIX_MAX && !*found && !st; n++) {
        memcpy(prefix, k->text, n);
        prefix[n] = '\0';
        if (!keyspace_init(&other, prefix) || !key_parse(&other, k->text, k->len, &name))
            continue;
        *found = strcmp(prefix, f->beside) == 0;
        if (!*found)
            st = is_a_chat(f, &other, found);
        if (*found)
            memcpy(f->beside, prefix, n + 1);
    }
    return st;
}

static enum status check_foreign(struct fsck *f, const struct key *k) {
    bool theirs = false;
    enum status st = k->cut ? STATUS_DONE : find_owner(f, k, &theirs);
    f->theirs += theirs;
    if (st != STATUS_DONE || theirs)
        return st;
    return fsck_found_key(f, "foreign key", k, "no name of ours; left alone", false);
}

static enum status check_key(struct fsck *f, const struct key *k) {
    char detail[64];
    if (strcmp(k->type, "none") == 0) /* gone meanwhile */
        return STATUS_DONE;
    if (!k->ours)
        return check_foreign(f, k);
    size_t len = strcspn(k->name.type, ",");
    if (strlen(k->type) != len || memcmp(k->type, k->name.type, len) != 0) {
        snprintf(detail, sizeof detail, "is a %s, should be a %.*s", k->type, (int)len,
                 k->name.type);
        return fsck_found_key(f, "wrong type", k, detail, false);
    }
    enum status st = check_expiry(f, k);
    return st == STATUS_DONE ? bear(check_family(f, k)) : st;
}

/* --- All keys --- */

static enum status ask_types(struct fsck *f, struct key *keys, size_t n) {
    struct err e = {0};
    for (size_t i = 0; i < n; i++) {
        fsck_key_command(f, "TYPE", &keys[i]);
        if (redis_sync_queue(f->in->redis, &e))
            return fail(&e);
        fsck_key_command(f, "PTTL", &keys[i]);
        if (redis_sync_queue(f->in->redis, &e))
            return fail(&e);
    }
    for (size_t i = 0; i < n; i++) {
        const char *type = NULL;
        size_t len;
        const struct redisReply *r = redis_sync_next(f->in->redis, &e);
        if (!r || reply_str(r, &type, &len, &e))
            return fail(&e);
        snprintf(keys[i].type, sizeof keys[i].type, "%s", type ? type : "");
        r = redis_sync_next(f->in->redis, &e);
        if (!r || reply_i64(r, -1, &keys[i].ttl, &e))
            return fail(&e);
    }
    return STATUS_DONE;
}

static void take_key(struct fsck *f, const struct redisReply *item, struct key *k) {
    const char *s = NULL;
    struct err e;
    reply_str(item, &s, &k->len, &e);
    k->cut = k->len > KEY_MAX;
    k->len = k->cut ? KEY_MAX : k->len;
    memcpy(k->text, s ? s : "", k->len);
    k->text[k->len] = '\0';
    k->ours = !k->cut && key_parse(f->ks, k->text, k->len, &k->name);
}

static enum status scan_page(struct fsck *f, char *cursor, size_t size, struct key **keys,
                             size_t *n) {
    const struct redisReply *r;
    struct err e = {0};
    const char *next;
    size_t parts, count, len;
    char match[PREFIX_MAX + 2];
    snprintf(match, sizeof match, "%s*", f->ks->prefix);
    cmd_begin(f->c, "SCAN");
    cmd_copy(f->c, cursor, strlen(cursor));
    cmd_literal(f->c, "MATCH");
    cmd_copy(f->c, match, strlen(match));
    cmd_literal(f->c, "COUNT");
    cmd_i64(f->c, SCAN_COUNT);
    enum status st = ask(f->in, &r);
    if (st != STATUS_DONE)
        return st;
    if (reply_array(r, &parts, &e) || parts != 2 || reply_str(reply_item(r, 0), &next, &len, &e) ||
        reply_array(reply_item(r, 1), &count, &e) || !next)
        return fail(&e);
    snprintf(cursor, size, "%s", next);
    *keys = calloc(count ? count : 1, sizeof **keys);
    if (!*keys)
        return status_no_memory();
    for (*n = 0; *n < count; ++*n)
        take_key(f, reply_item(reply_item(r, 1), *n), &(*keys)[*n]);
    return STATUS_DONE;
}

/* SCAN is each server's own; what is found is looked at wherever it is by then. */
static enum status check_keys_of(struct fsck *f, int server) {
    char cursor[32] = "0";
    enum status st;
    do {
        struct key *keys = NULL;
        size_t n = 0;
        redis_sync_pin(f->in->redis, server);
        st = scan_page(f, cursor, sizeof cursor, &keys, &n);
        redis_sync_pin(f->in->redis, -1);
        if (st == STATUS_DONE)
            st = ask_types(f, keys, n);
        for (size_t i = 0; i < n && st == STATUS_DONE && !interrupted(); i++, f->keys++)
            st = check_key(f, &keys[i]);
        progress_add(&f->bar, n);
        free(keys);
        if (st == STATUS_DONE && interrupted())
            st = status_stopped("keys were looked at", f->keys);
    } while (st == STATUS_DONE && strcmp(cursor, "0") != 0);
    return st;
}

static enum status check_all_keys(struct fsck *f) {
    enum status st = STATUS_DONE;
    for (unsigned i = 0; i < redis_sync_servers(f->in->redis) && st == STATUS_DONE; i++)
        st = check_keys_of(f, (int)i);
    return st;
}

/* --- The lists --- */

static enum status check_listed_channel(struct invocation *in, const struct channel_id *ch,
                                        int64_t activity, void *arg) {
    struct fsck *f = arg;
    int64_t n;
    char id[CHANNEL_TEXT + 1], key[KEY_MAX + 1];
    (void)activity;
    if (interrupted())
        return status_stopped("keys were looked at", f->keys);
    cmd_begin(f->c, "EXISTS");
    cmd_channel_key(f->c, f->ks, ch, CHANNEL_LOG);
    cmd_channel_key(f->c, f->ks, ch, CHANNEL_META);
    cmd_channel_key(f->c, f->ks, ch, CHANNEL_MEMBERS);
    enum status st = ask_i64(in, &n);
    if (st != STATUS_DONE || n > 0)
        return st;
    size_t len = key_global(f->ks, KEY_CHANNEL_INDEX, key);
    channel_format(ch, id);
    cmd_begin(f->c, "ZREM");
    cmd_key(f->c, key, len);
    cmd_copy(f->c, id, strlen(id));
    return fsck_found(f, "listed channel without keys", key, len, id, true);
}

static enum status check_lists(struct fsck *f) {
    char key[KEY_MAX + 1];
    size_t len = key_global(f->ks, KEY_USERS, key);
    enum status st = bear(fsck_check_users_in(f, key, len, "listed user without a record"));
    return st == STATUS_DONE ? bear(channels_each(f->in, check_listed_channel, f)) : st;
}

struct nodes {
    char ids[NODES_MAX][64];
    size_t n;
};

static enum status list_nodes(struct fsck *f, struct nodes *nodes) {
    struct err e = {0};
    const struct redisReply *r;
    cmd_begin(f->c, "ZRANGE");
    cmd_global_key(f->c, f->ks, KEY_NODES);
    cmd_literal(f->c, "0");
    cmd_i64(f->c, NODES_MAX - 1);
    enum status st = ask(f->in, &r);
    if (st != STATUS_DONE)
        return st;
    if (reply_array(r, &nodes->n, &e))
        return fail(&e);
    for (size_t i = 0; i < nodes->n; i++) {
        const char *s = NULL;
        size_t len;
        reply_str(reply_item(r, i), &s, &len, &e);
        snprintf(nodes->ids[i], sizeof nodes->ids[i], "%s", s ? s : "");
    }
    return STATUS_DONE;
}

static enum status is_on_a_node(struct fsck *f, const struct nodes *nodes, const struct uuid *u,
                                bool *yes) {
    enum status st = STATUS_DONE;
    *yes = false;
    for (size_t i = 0; i < nodes->n && !*yes && st == STATUS_DONE; i++) {
        int64_t in_it;
        cmd_begin(f->c, "SISMEMBER");
        cmd_tailed_key(f->c, f->ks, KEY_NODE_USERS, nodes->ids[i], strlen(nodes->ids[i]));
        cmd_uuid(f->c, u);
        st = ask_i64(f->in, &in_it);
        *yes = in_it != 0;
    }
    return st;
}

/* Online, and on no node: nobody would ever take them offline. */
static enum status check_online_user(struct fsck *f, const struct nodes *nodes,
                                     const struct walk *w, const struct uuid *u) {
    char uuid[UUID_TEXT + 1];
    bool yes;
    enum status st = is_on_a_node(f, nodes, u, &yes);
    if (st != STATUS_DONE || yes)
        return st;
    uuid_format(u, uuid);
    cmd_begin(f->c, "ZREM");
    cmd_global_key(f->c, f->ks, KEY_ONLINE);
    cmd_uuid(f->c, u);
    return fsck_found(f, "online on no node", w->key, w->key_len, uuid, true);
}

static enum status check_online_page(struct invocation *in, struct walk *w, void *arg) {
    static struct uuid users[WALK_PAGE];
    static struct nodes nodes;
    struct fsck *f = arg;
    (void)in;
    w->last |= interrupted();
    size_t n = interrupted() ? 0 : fsck_take_users(w, users);
    /* Behind the users: the node of one who comes meanwhile is known. */
    enum status st = n > 0 ? list_nodes(f, &nodes) : STATUS_DONE;
    for (size_t i = 0; i < n && st == STATUS_DONE; i++)
        st = check_online_user(f, &nodes, w, &users[i]);
    return st;
}

static enum status check_online(struct fsck *f) {
    struct walk w;
    walk_global(&w, f->ks, KEY_ONLINE);
    return bear(walk_each(f->in, &w, check_online_page, f));
}

static enum status check_schema_key(struct fsck *f) {
    const char *s;
    size_t len;
    char key[KEY_MAX + 1];
    cmd_schema_get(f->c, f->ks);
    enum status st = fsck_ask_str(f, &s, &len);
    if (st != STATUS_DONE || s || f->keys == 0)
        return bear(st);
    len = key_global(f->ks, KEY_SCHEMA, key);
    cmd_schema_claim(f->c, f->ks);
    return fsck_found(f, "no schema version", key, len, "", true);
}

/* Opened here, since a schema key of another type is what fsck is there for. */
static enum status fsck_open(struct invocation *in) {
    struct err e = {0};
    const struct ctl_settings *set = in->set;
    in->redis = redis_sync_connect(&set->uri, &set->keys, (unsigned)set->timeout, &e);
    if (!in->redis ||
        (redis_sync_check(in->redis, &e) && strcmp(e.detail, "store: WRONGTYPE") != 0))
        return fail(&e);
    in->bears_wrong_type = true;
    return STATUS_DONE;
}

static enum status fsck_opened(struct invocation *in) {
    struct fsck f = {.in = in,
                     .ks = redis_sync_keys(in->redis),
                     .c = redis_sync_cmd(in->redis),
                     .fix = opt_given(in, "fix")};
    output_begin(in->out, COLUMNS, false);
    progress_begin(&f.bar, "checking", 0, in->quiet);
    enum status st = check_all_keys(&f);
    if (st == STATUS_DONE)
        st = check_lists(&f);
    if (st == STATUS_DONE)
        st = check_online(&f);
    if (st == STATUS_DONE)
        st = check_schema_key(&f);
    progress_end(&f.bar);
    if (!output_end(in->out) && st == STATUS_DONE)
        st = STATUS_FAILED;
    if (st == STATUS_DONE)
        say(in, "%" PRIu64 " keys, %" PRIu64 " problems, %" PRIu64 " mended", f.keys, f.problems,
            f.problems - f.left);
    if (st == STATUS_DONE && f.theirs)
        say(in, "%" PRIu64 " keys are of another chat, under %s", f.theirs, f.beside);
    return st == STATUS_DONE && f.left ? STATUS_FAILED : st;
}

static enum status fsck(struct invocation *in) {
    enum status st = fsck_open(in);
    if (st == STATUS_DONE)
        st = fsck_opened(in);
    redis_sync_close(in->redis);
    in->redis = NULL;
    return st;
}

static const struct opt OPTS[] = {
    {"fix", 0, VALUE_NONE, NULL, NULL, "mend what can be mended without a guess"}, {0}};

const struct command CMD_FSCK[] = {{NULL, "fsck", NULL, OPTS, "check the data for damage",
                                    "Looks at every key under the prefix, in small steps, beside a "
                                    "running chat. Exit status 1: there are problems\n"
                                    "that weren't mended. Foreign keys are never touched.\n\n"
                                    "Examples:\n  chatctl fsck\n  chatctl fsck --fix\n",
                                    true, fsck},
                                   {0}};
