/* people - see people.h. */
#include "chatd/request/people.h"

#include "chatd/daemon/node.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

void people_clear(void *people) {
    struct people *r = people;
    free(r->users);
}

static bool reserve(struct op *op, struct people *r, size_t more) {
    struct user_item *users = realloc(r->users, (r->n + more) * sizeof *users);
    if (!users) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        return false;
    }
    r->users = users;
    memset(users + r->n, 0, more * sizeof *users);
    return true;
}

bool people_add(struct op *op, struct people *r, const struct uuid *user) {
    for (size_t i = 0; i < r->n; i++)
        if (uuid_eq(&r->users[i].uuid, user))
            return true;
    if (!reserve(op, r, 1))
        return false;
    r->users[r->n++].uuid = *user;
    return true;
}

void people_take(struct op *op, struct people *r, const struct redisReply *reply) {
    size_t n;
    struct err e;
    if (reply_array(reply, &n, &e)) {
        op_fail_as(op, &e);
        return;
    }
    if (n == 0 || !reserve(op, r, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct user_item *u = &r->users[r->n];
        if (reply_uuid(reply_item(reply, i), &u->uuid, &e) == ERR_OK && !uuid_is_nil(&u->uuid))
            r->n++;
    }
}

/* --- Looking up --- */

static void set_name(struct user_item *u, const char *name, size_t len) {
    if (len > NAME_MAX_BYTES)
        return;
    memcpy(u->name, name, len);
    u->name[len] = '\0';
    u->name_len = (uint8_t)len;
}

static void people_on_name(struct op *op, const struct redisReply *reply, size_t i) {
    struct people *r = op->state;
    struct user_item *u = &r->users[i];
    const char *name;
    size_t len;
    struct err e;
    if (reply_str(reply, &name, &len, &e) || !name || len == 0)
        return;
    set_name(u, name, len);
    names_put(&op->node->names, &u->uuid, name, len, clock_mono_ms());
}

static void on_online(struct op *op, const struct redisReply *reply) {
    struct people *r = op->state;
    size_t n;
    int64_t nodes;
    struct err e;
    if (reply_array(reply, &n, &e))
        n = 0;
    for (size_t i = 0; i < n && i < r->n; i++)
        r->users[i].online = reply_i64(reply_item(reply, i), 0, &nodes, &e) == ERR_OK && nodes > 0;
}

void people_look_up(struct op *op, struct people *r) {
    struct node *node = op->node;
    uint64_t now = clock_mono_ms();
    if (r->n == 0)
        return;
    cmd_online_among_begin(&node->redis.cmd, &node->redis.keys);
    for (size_t i = 0; i < r->n; i++)
        cmd_online_user(&node->redis.cmd, &r->users[i].uuid);
    op_call(op, on_online);
    for (size_t i = 0; i < r->n; i++) {
        const char *name = names_get(&node->names, &r->users[i].uuid, now);
        if (name)
            set_name(&r->users[i], name, strlen(name));
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->users[i].name_len)
            continue;
        cmd_user_name(&node->redis.cmd, &node->redis.keys, &r->users[i].uuid);
        op_call_item(op, people_on_name, i);
    }
}

/* --- The result --- */

static int by_online(const void *a, const void *b) {
    const struct user_item *x = a, *y = b;
    if (x->online != y->online)
        return x->online ? -1 : 1;
    return strcmp(x->name, y->name);
}

size_t people_settle(struct op *op, struct people *r, bool online_first) {
    (void)op;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->users[i].name_len)
            r->users[n++] = r->users[i];
    r->n = n;
    if (online_first && n)
        qsort(r->users, n, sizeof *r->users, by_online);
    return n;
}
