/* throttle - see throttle.h. */
#include "chatd/request/throttle.h"

#include "chatd/daemon/node.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <stdio.h>
#include <string.h>

#define FAILS_DELAY 5  /* failures from which on answers are delayed */
#define FAILS_CLOSE 10 /* failures from which on sign-ins are refused */
#define DELAY_MS 500   /* for each failure too many */
#define DELAY_MAX_MS 2500
#define MADE_WINDOW_S 3600
#define FAILS_SLOW 20 /* failures of a name, from anywhere, from which on answers are delayed */

#define TAIL_MAX (sizeof((struct address *)NULL)->text + 1 + NAME_FOLDED_MAX)

static bool counts_address(const struct op *op) {
    return !op->session->address->loopback || op->node->set->limit_loopback;
}

/* The tail of the key that counts a name there. */
static size_t both(const struct op *op, const char *folded, size_t len, char out[TAIL_MAX]) {
    return (size_t)snprintf(out, TAIL_MAX, "%s %.*s", op->session->address->text, (int)len, folded);
}

static void read_count(struct op *op, const struct redisReply *reply, int64_t *count) {
    struct err e;
    if (reply_i64(reply, 0, count, &e))
        op_fail_as(op, &e);
}

static void on_both(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->by_both);
}

static void on_addr(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->by_addr);
}

static void on_name(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->by_name);
}

static void look(struct op *op, enum tailed_key which, const char *tail, size_t len, op_reply fn) {
    cmd_count_get(&op->node->redis.cmd, &op->node->redis.keys, which, tail, len);
    op_call(op, fn);
}

void throttle_look(struct op *op, const char *folded, size_t len) {
    const char *addr = op->session->address->text;
    char tail[TAIL_MAX];
    if (folded) {
        look(op, KEY_FAILS_BOTH, tail, both(op, folded, len, tail), on_both);
        look(op, KEY_FAILS_NAME, folded, len, on_name);
    }
    if (counts_address(op))
        look(op, KEY_FAILS_ADDR, addr, strlen(addr), on_addr);
}

static void add(struct op *op, enum tailed_key which, const char *tail, size_t len, op_reply fn) {
    struct cmd *c = &op->node->redis.cmd;
    cmd_count_add(c, &op->node->redis.keys, which, tail, len);
    op_call(op, fn);
    cmd_count_expire(c, &op->node->redis.keys, which, tail, len,
                     (unsigned)(op->node->set->fail_window / 1000));
    op_call(op, NULL);
}

static void on_both_added(struct op *op, const struct redisReply *reply) {
    on_both(op, reply);
    ((struct throttle *)op->state)->by_both--; /* those before this one */
}

static void on_addr_added(struct op *op, const struct redisReply *reply) {
    on_addr(op, reply);
    ((struct throttle *)op->state)->by_addr--;
}

void throttle_add(struct op *op, const char *folded, size_t len) {
    const char *addr = op->session->address->text;
    char tail[TAIL_MAX];
    add(op, KEY_FAILS_BOTH, tail, both(op, folded, len, tail), on_both_added);
    add(op, KEY_FAILS_NAME, folded, len, NULL);
    if (counts_address(op))
        add(op, KEY_FAILS_ADDR, addr, strlen(addr), on_addr_added);
}

static int64_t fails(const struct throttle *t) {
    return t->seen || t->by_both > t->by_addr ? t->by_both : t->by_addr;
}

static void note_attack(struct op *op) {
    tally_add(&op->node->attacks, "address=%s", op->session->address->text);
}

void throttle_refuse(struct op *op) {
    if (fails(op->state) < FAILS_CLOSE)
        return;
    note_attack(op);
    op_refuse(op, ERR_TOO_MANY_SIGN_INS);
    op->err.retry_after_ms = (uint32_t)op->node->set->fail_window;
}

/* Failures too many. */
static int64_t excess(const struct throttle *t) {
    int64_t here = fails(t) - FAILS_DELAY + 1;
    int64_t anywhere = t->seen ? 0 : t->by_name - FAILS_SLOW + 1;
    return here > anywhere ? here : anywhere;
}

void throttle_wait(struct op *op) {
    struct throttle *t = op->state;
    throttle_refuse(op);
    if (op->err.code || excess(t) <= 0 || t->waited)
        return;
    t->waited = true;
    if (!t->seen && t->by_name >= FAILS_SLOW)
        note_attack(op);
    int64_t ms = excess(t) < DELAY_MAX_MS ? excess(t) * DELAY_MS : DELAY_MAX_MS;
    op_sleep(op, (uint32_t)(ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS));
}

void throttle_forget(struct op *op, const char *folded, size_t len) {
    char tail[TAIL_MAX];
    cmd_count_clear(&op->node->redis.cmd, &op->node->redis.keys, KEY_FAILS_BOTH, tail,
                    both(op, folded, len, tail));
    op_tell(op);
}

/* --- New users --- */

static bool counts_made(const struct op *op) {
    return counts_address(op) && op->node->set->max_sign_ups_address > 0;
}

static void on_made(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->made);
}

static void on_made_ttl(struct op *op, const struct redisReply *reply) {
    read_count(op, reply, &((struct throttle *)op->state)->made_ttl_s);
}

void throttle_look_made(struct op *op) {
    const char *addr = op->session->address->text;
    if (!counts_made(op))
        return;
    look(op, KEY_MADE_ADDR, addr, strlen(addr), on_made);
    cmd_count_ttl(&op->node->redis.cmd, &op->node->redis.keys, KEY_MADE_ADDR, addr, strlen(addr));
    op_call(op, on_made_ttl);
}

/* A count without an end was cut short between its two commands: the next one that is added gives
 * it one. */
void throttle_refuse_made(struct op *op) {
    const struct throttle *t = op->state;
    if (!counts_made(op) || t->made_ttl_s < 0 ||
        t->made < (int64_t)op->node->set->max_sign_ups_address)
        return;
    op_fail(op, ERR_RATE_LIMITED, "too many new users from this address");
    op->err.retry_after_ms = (uint32_t)(t->made_ttl_s + 1) * 1000;
}

static void on_made_added(struct op *op, const struct redisReply *reply) {
    struct throttle *t = op->state;
    on_made(op, reply);
    t->made--;
    if (t->made_ttl_s < 0)
        t->made_ttl_s = MADE_WINDOW_S;
}

void throttle_add_made(struct op *op) {
    struct cmd *c = &op->node->redis.cmd;
    const char *addr = op->session->address->text;
    if (!counts_made(op))
        return;
    cmd_count_add(c, &op->node->redis.keys, KEY_MADE_ADDR, addr, strlen(addr));
    op_call(op, on_made_added);
    cmd_count_expire_once(c, &op->node->redis.keys, KEY_MADE_ADDR, addr, strlen(addr),
                          MADE_WINDOW_S);
    op_call(op, NULL);
}
