/* throttle - see throttle.h. */
#include "chatd/request/throttle.h"

#include "chatd/daemon/node.h"
#include "common/redis/reply.h"

#include <string.h>

#define FAILS_DELAY 5  /* failures from which on answers are delayed */
#define FAILS_CLOSE 10 /* failures from which on sign-ins are refused */
#define DELAY_MS 500   /* for each failure too many */
#define DELAY_MAX_MS 2500

static bool counts_address(const struct op *op) {
    return !op->session->address->loopback || op->node->set->limit_loopback;
}

static void read_count(struct op *op, const struct redisReply *reply, int64_t *count) {
    struct err e;
    if (reply_i64(reply, 0, count, &e))
        op_fail_as(op, &e);
}

static void on_name(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->by_name);
}

static void on_addr(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->by_addr);
}

void throttle_look(struct op *op, const char *folded, size_t len) {
    struct cmd *c = &op->node->redis.cmd;
    const char *addr = op->session->address->text;
    if (folded) {
        cmd_fails_get(c, &op->node->redis.keys, KEY_FAILS_NAME, folded, len);
        op_call(op, on_name);
    }
    if (counts_address(op)) {
        cmd_fails_get(c, &op->node->redis.keys, KEY_FAILS_ADDR, addr, strlen(addr));
        op_call(op, on_addr);
    }
}

static void add(struct op *op, enum tailed_key which, const char *tail, size_t len, op_reply fn) {
    struct cmd *c = &op->node->redis.cmd;
    cmd_fails_add(c, &op->node->redis.keys, which, tail, len);
    op_call(op, fn);
    cmd_fails_expire(c, &op->node->redis.keys, which, tail, len,
                     (unsigned)(op->node->set->fail_window / 1000));
    op_call(op, NULL);
}

static void on_name_added(struct op *op, const struct redisReply *reply) {
    on_name(op, reply);
    ((struct throttle *)op->state)->by_name--; /* those before this one */
}

static void on_addr_added(struct op *op, const struct redisReply *reply) {
    on_addr(op, reply);
    ((struct throttle *)op->state)->by_addr--;
}

void throttle_add(struct op *op, const char *folded, size_t len) {
    const char *addr = op->session->address->text;
    add(op, KEY_FAILS_NAME, folded, len, on_name_added);
    if (counts_address(op))
        add(op, KEY_FAILS_ADDR, addr, strlen(addr), on_addr_added);
}

static int64_t fails(const struct op *op) {
    const struct throttle *t = op->state;
    return t->by_name > t->by_addr ? t->by_name : t->by_addr;
}

void throttle_refuse(struct op *op) {
    if (fails(op) < FAILS_CLOSE)
        return;
    op_refuse(op, ERR_TOO_MANY_SIGN_INS);
    op->err.retry_after_ms = (uint32_t)op->node->set->fail_window;
}

void throttle_wait(struct op *op) {
    throttle_refuse(op);
    if (op->err.code || fails(op) < FAILS_DELAY)
        return;
    int64_t ms = (fails(op) - FAILS_DELAY + 1) * DELAY_MS;
    op_sleep(op, (uint32_t)(ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS));
}

void throttle_forget(struct op *op, const char *folded, size_t len) {
    cmd_fails_clear(&op->node->redis.cmd, &op->node->redis.keys, KEY_FAILS_NAME, folded, len);
    op_tell(op);
}
