/* account - see account.h. */
#include "chatd/session/account.h"

#include "chatd/redis/redis_clock.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

bool accounts_init(struct accounts *a) {
    return table_init(&a->table) && keeper_init(&a->keeper);
}

void accounts_free(struct accounts *a) {
    table_free(&a->table);
    keeper_free(&a->keeper);
}

struct account *account_find(struct accounts *a, const struct uuid *user) {
    struct table_node *n = table_find(&a->table, user, sizeof *user);
    return n ? container_of(n, struct account, node) : NULL;
}

struct account *account_ref(struct account *acc) {
    acc->refs++;
    return acc;
}

void account_unref(struct account *acc) {
    if (--acc->refs == 0)
        free(acc);
}

/* --- In and out --- */

static struct account *find_or_make(struct accounts *a, const struct uuid *user, const char *name,
                                    size_t name_len) {
    struct account *acc = account_find(a, user);
    if (acc)
        return acc;
    acc = calloc(1, sizeof *acc);
    if (!acc)
        return NULL;
    acc->uuid = *user;
    acc->name_len = (uint8_t)name_len;
    memcpy(acc->name, name, name_len);
    acc->listed = true;
    keeper_take(&a->keeper, &acc->uuid, acc->rate, KEEPER_BUCKETS);
    table_add(&a->table, &acc->node, &acc->uuid, sizeof acc->uuid);
    a->came(acc, a->arg);
    return acc;
}

void account_enter(struct accounts *a, struct session *s, const struct uuid *user, const char *name,
                   size_t name_len, const char *key_hash) {
    memcpy(s->key_hash, key_hash, sizeof s->key_hash);
    s->key_mark = 0;
    if (s->account)
        return;
    struct account *acc = find_or_make(a, user, name, name_len);
    if (!acc) {
        session_close(s, CLOSE_SERVER_ERROR);
        return;
    }
    s->account = account_ref(acc);
    s->same_account.next = acc->sessions;
    if (acc->sessions)
        acc->sessions->same_account.prev = s;
    acc->sessions = s;
    session_mark_signed(s, true, clock_mono_ms());
    names_put(a->names, user, name, name_len, clock_mono_ms());
}

void account_leave(struct accounts *a, struct session *s) {
    struct account *acc = s->account;
    if (!acc)
        return;
    while (s->subs)
        sub_close(a->hub, s->subs);
    if (s->same_account.prev)
        s->same_account.prev->same_account.next = s->same_account.next;
    else
        acc->sessions = s->same_account.next;
    if (s->same_account.next)
        s->same_account.next->same_account.prev = s->same_account.prev;
    s->same_account = (struct link_node){0};
    s->account = NULL;
    secret_wipe(s->key_hash, sizeof s->key_hash);
    s->key_mark = 0;
    session_mark_signed(s, false, clock_mono_ms());
    if (!acc->sessions) {
        acc->listed = false;
        keeper_put(&a->keeper, &acc->uuid, acc->rate, KEEPER_BUCKETS, clock_mono_ms());
        table_remove(&a->table, &acc->node);
        a->went(acc, a->arg);
    }
    account_unref(acc);
}

/* Signs out every session of `acc` that uses this key; each is told. */
static void account_revoke_key(struct accounts *a, struct account *acc, const char *key_hash) {
    struct uuid user = acc->uuid;
    account_ref(acc);
    struct session *next;
    for (struct session *s = acc->sessions; s; s = next) {
        next = s->same_account.next;
        if (!secret_eq(s->key_hash, key_hash, KEY_HASH_TEXT))
            continue;
        if (!s->signing_out) { /* then it gets an answer, which this event may come before */
            struct buf *b = frame_scratch();
            response_encode_unauthorized(b, &user, NULL);
            session_push_json(s, b);
        }
        account_leave(a, s);
    }
    account_unref(acc);
}

static void close_all(struct account *acc, enum close_code code) {
    for (struct session *s = acc->sessions; s; s = s->same_account.next)
        session_close(s, code);
}

/* --- Checking --- */

struct check {
    struct accounts *all;
    struct account *account;
    char key_hash[KEY_HASH_TEXT + 1];
};

static struct check *check_new(struct accounts *a, struct account *acc, const char *key_hash) {
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->all = a;
    c->account = account_ref(acc);
    if (key_hash)
        memcpy(c->key_hash, key_hash, sizeof c->key_hash);
    return c;
}

static void check_free(struct check *c) {
    account_unref(c->account);
    free(c);
}

/* chatctl may have renamed the user. */
static void take_name(struct accounts *a, struct account *acc, const char *name, size_t len) {
    memcpy(acc->name, name, len);
    acc->name[len] = '\0';
    acc->name_len = (uint8_t)len;
    names_put(a->names, &acc->uuid, name, len, clock_mono_ms());
}

static void on_user(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct check *c = arg;
    struct user_record u;
    struct err e;
    if (reply_user(reply, &u, &e) == ERR_OK && u.found) {
        if (u.banned_until_ms > redis_clock_now(c->all->redis))
            close_all(c->account, CLOSE_BANNED);
        take_name(c->all, c->account, u.name, u.name_len);
    }
    check_free(c);
}

static void on_key(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct check *c = arg;
    int64_t expiry;
    struct err e;
    if (reply_i64(reply, 0, &expiry, &e) == ERR_OK && expiry <= redis_clock_now(c->all->redis))
        account_revoke_key(c->all, c->account, c->key_hash);
    check_free(c);
}

/* Sessions with the same key stand side by side only by chance; asking twice does no harm. */
void account_check(struct accounts *a, struct account *acc) {
    struct check *c = check_new(a, acc, NULL);
    if (c) {
        cmd_user_get(&a->redis->cmd, &a->redis->keys, &acc->uuid);
        redis_call(a->redis, on_user, c, NULL);
    }
    const struct session *before = NULL;
    for (struct session *s = acc->sessions; s; before = s, s = s->same_account.next) {
        if (before && secret_eq(before->key_hash, s->key_hash, KEY_HASH_TEXT))
            continue;
        c = check_new(a, acc, s->key_hash);
        if (!c)
            return;
        cmd_key_expiry(&a->redis->cmd, &a->redis->keys, &acc->uuid, s->key_hash);
        redis_call(a->redis, on_key, c, NULL);
    }
}

void account_forget_name(struct accounts *a, const struct uuid *user) {
    names_forget(a->names, user);
    struct account *acc = account_find(a, user);
    if (acc)
        account_check(a, acc);
}

/* --- Events --- */

static bool is_joined(const struct account *acc, const struct channel *ch) {
    for (const struct session *s = acc->sessions; s; s = s->same_account.next)
        if (sub_find(s, ch))
            return true;
    return false;
}

static void tell_unread(struct accounts *a, struct account *acc, const struct event *ev) {
    struct channel *ch = hub_find(a->hub, &ev->channel);
    if (ch && is_joined(acc, ch))
        return;
    struct buf *b = frame_scratch();
    response_encode_sys_unread(b, &ev->user, ev->name, ev->name_len, ev->seq);
    struct frame *f = frame_text(b);
    for (struct session *s = acc->sessions; s; s = s->same_account.next)
        session_push(s, f);
    frame_unref(f);
}

void account_event(struct accounts *a, struct account *acc, const struct event *ev) {
    switch (ev->kind) {
    case EVENT_UNREAD:
        tell_unread(a, acc, ev);
        break;
    case EVENT_KEY_REVOKED:
        account_revoke_key(a, acc, ev->key_hash);
        break;
    case EVENT_CLOSE:
        close_all(acc, ev->close_code == CLOSE_BANNED ? CLOSE_BANNED : CLOSE_KICKED);
        break;
    case EVENT_CHECK:
        account_check(a, acc);
        break;
    case EVENT_MESSAGE:
    case EVENT_USER:
    case EVENT_PURGE:
    case EVENT_PURGE_FROM:
    case EVENT_FORGET:
    case EVENT_PROBE:
        break;
    }
}
