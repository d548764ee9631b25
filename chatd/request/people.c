/* people - see people.h. */
#include "chatd/request/people.h"

#include "chatd/daemon/node.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

void people_clear(void *people) {
    struct people *p = people;
    free(p->users);
}

static bool reserve(struct op *op, struct people *p, size_t more) {
    struct user_item *users = realloc(p->users, (p->n + more) * sizeof *users);
    if (!users) {
        op_fail(op, ERR_INTERNAL, "out of memory");
        return false;
    }
    p->users = users;
    memset(users + p->n, 0, more * sizeof *users);
    return true;
}

bool people_add(struct op *op, struct people *p, const struct uuid *user) {
    for (size_t i = 0; i < p->n; i++)
        if (uuid_eq(&p->users[i].uuid, user))
            return true;
    if (!reserve(op, p, 1))
        return false;
    p->users[p->n++].uuid = *user;
    return true;
}

void people_take(struct op *op, struct people *p, const struct redisReply *reply) {
    size_t n;
    struct err e;
    if (reply_array(reply, &n, &e)) {
        op_fail_as(op, &e);
        return;
    }
    if (n == 0 || !reserve(op, p, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct user_item *u = &p->users[p->n];
        if (reply_uuid(reply_item(reply, i), &u->uuid, &e) == ERR_OK && !uuid_is_nil(&u->uuid))
            p->n++;
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
    struct people *p = op->state;
    struct user_item *u = &p->users[i];
    const char *name;
    size_t len;
    struct err e;
    if (reply_str(reply, &name, &len, &e) || !name || len == 0)
        return;
    set_name(u, name, len);
    names_put(&op->node->names, &u->uuid, name, len, clock_mono_ms());
}

static void on_online(struct op *op, const struct redisReply *reply) {
    struct people *p = op->state;
    size_t n;
    int64_t nodes;
    struct err e;
    if (reply_array(reply, &n, &e))
        n = 0;
    for (size_t i = 0; i < n && i < p->n; i++)
        p->users[i].online = reply_i64(reply_item(reply, i), 0, &nodes, &e) == ERR_OK && nodes > 0;
}

void people_look_up(struct op *op, struct people *p) {
    struct node *node = op->node;
    uint64_t now = clock_mono_ms();
    if (p->n == 0)
        return;
    cmd_online_among_begin(&node->redis.cmd, &node->redis.keys);
    for (size_t i = 0; i < p->n; i++)
        cmd_online_user(&node->redis.cmd, &p->users[i].uuid);
    op_call(op, on_online);
    for (size_t i = 0; i < p->n; i++) {
        const char *name = names_get(&node->names, &p->users[i].uuid, now);
        if (name)
            set_name(&p->users[i], name, strlen(name));
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->users[i].name_len)
            continue;
        cmd_user_name(&node->redis.cmd, &node->redis.keys, &p->users[i].uuid);
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

size_t people_settle(struct people *p, bool online_first) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->users[i].name_len)
            p->users[n++] = p->users[i];
    p->n = n;
    if (online_first && n)
        qsort(p->users, n, sizeof *p->users, by_online);
    return n;
}
