/* verb_users - users: a page of everybody, or of those online. */
#include "chatd/daemon/node.h"
#include "chatd/request/people.h"
#include "chatd/request/verbs.h"
#include "common/redis/reply.h"

struct users_page {
    struct people people; /* first, so that people_clear can be the state's clear */
    int64_t total;
};

static void on_total(struct op *op, const struct redisReply *reply) {
    struct err e;
    if (reply_i64(reply, 0, &((struct users_page *)op->state)->total, &e))
        op_fail_as(op, &e);
}

static void on_users_page(struct op *op, const struct redisReply *reply) {
    people_take(op, op->state, reply);
}

static void look_up_page(struct op *op) {
    const struct request *r = &op->req;
    struct cmd *c = &op->node->redis.cmd;
    const struct keyspace *ks = &op->node->redis.keys;
    if (!op_state(op, sizeof(struct users_page), people_clear))
        return;
    if (r->u.users.online)
        cmd_online_count(c, ks);
    else
        cmd_users_count(c, ks);
    op_call(op, on_total);
    if (r->u.users.online)
        cmd_online_page(c, ks, r->u.users.offset, r->u.users.limit);
    else
        cmd_users_page(c, ks, r->u.users.offset, r->u.users.limit);
    op_call(op, on_users_page);
}

static void look_up_people(struct op *op) {
    people_look_up(op, op->state);
}

static void users_answer(struct op *op) {
    struct users_page *p = op->state;
    size_t n = people_settle(&p->people, false);
    struct buf *b = frame_scratch();
    response_encode_users(b, (uint64_t)p->total, p->people.users, n, &op->req.id);
    op_answer(op, b);
}

const op_step VERB_USERS[] = {look_up_page, look_up_people, users_answer, NULL};
