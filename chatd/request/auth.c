/* auth - see auth.h. */
#include "chatd/request/auth.h"

#include "chatd/daemon/node.h"
#include "chatd/redis/redis_clock.h"
#include "common/base/clock.h"
#include "common/redis/reply.h"

#include <string.h>

struct pair_check {
    char key_hash[KEY_HASH_TEXT + 1];
    int64_t expiry_ms, banned_until_ms;
    char name[NAME_MAX_BYTES + 1];
    size_t name_len; /* 0: no such user */
};

/* A client may send its pair with each request: the key that was right is known again by a keyed
 * hash of 64 bits, an eighth of the cost of hashing it as it is stored. */
static bool pair_is_own(struct session *s, const struct request *req) {
    char hash[KEY_HASH_TEXT + 1];
    if (!s->account || !uuid_eq(&req->user, &s->account->uuid))
        return false;
    uint64_t mark = secret_table_hash(req->key, req->key_len);
    if (s->key_mark && s->key_mark == mark)
        return true;
    secret_hash_key(req->key, req->key_len, hash);
    if (!secret_eq(hash, s->key_hash, KEY_HASH_TEXT))
        return false;
    s->key_mark = mark;
    return true;
}

static bool session_matches(const struct session *s, const struct request *req) {
    return !req->has_suuid || uuid_eq(&req->suuid, &s->uuid);
}

bool auth_is_settled(struct session *s, const struct request *req) {
    return s->account && session_matches(s, req) && (req->key_len == 0 || pair_is_own(s, req));
}

/* --- A pair that is not this connection's --- */

static void on_expiry(struct op *op, const struct redisReply *reply) {
    struct pair_check *c = op->state;
    struct err e;
    if (reply_i64(reply, 0, &c->expiry_ms, &e))
        op_fail_as(op, &e);
}

static void on_pair_record(struct op *op, const struct redisReply *reply) {
    struct pair_check *c = op->state;
    struct user_record u;
    struct err e;
    if (reply_user(reply, &u, &e)) {
        op_fail_as(op, &e);
        return;
    }
    c->banned_until_ms = u.banned_until_ms;
    c->name_len = u.found ? u.name_len : 0;
    memcpy(c->name, u.found ? u.name : "", c->name_len);
}

static void look_up_pair(struct op *op) {
    struct pair_check *c = op_state(op, sizeof *c, NULL);
    if (!c)
        return;
    struct cmd *cmd = &op->node->redis.cmd;
    secret_hash_key(op->req.key, op->req.key_len, c->key_hash);
    cmd_key_expiry(cmd, &op->node->redis.keys, &op->req.user, c->key_hash);
    op_call(op, on_expiry);
    cmd_user_get(cmd, &op->node->redis.keys, &op->req.user);
    op_call(op, on_pair_record);
}

static void check_pair(struct op *op) {
    const struct pair_check *c = op->state;
    int64_t now = redis_clock_now(&op->node->redis);
    if (c->name_len == 0 || c->expiry_ms <= now)
        op_refuse(op, ERR_BAD_KEY);
    else if (c->banned_until_ms > now)
        op_refuse(op, ERR_BANNED);
    else if (!op->session->account)
        account_enter(&op->node->accounts, op->session, &op->req.user, c->name, c->name_len,
                      c->key_hash);
}

/* What came in one burst behind the key, and the key itself, is charged when it is carried out. */
static void charge(struct op *op) {
    const struct chatd_settings *set = op->node->set;
    if (op->session->address->loopback && !set->limit_loopback)
        return;
    uint32_t wait =
        bucket_take(&op->account->rate[ACCOUNT_REQUESTS], set->max_rate_user, clock_mono_ms());
    if (wait == 0)
        return;
    op_refuse(op, ERR_RATE_LIMITED);
    op->err.retry_after_ms = wait;
}

static void take_account(struct op *op) {
    op_state_free(op);
    if (!op->session->account) {
        op_refuse(op, ERR_NOT_AUTHORIZED);
        return;
    }
    op->account = account_ref(op->session->account);
    if (op->charged != op->account)
        charge(op);
}

static const op_step LOOK_UP[] = {look_up_pair, check_pair, take_account, NULL};

void auth_begin(struct op *op) {
    struct session *s = op->session;
    const struct request *req = &op->req;
    op->step = op->verb->steps;
    if (!session_matches(s, req)) {
        op_refuse(op, ERR_BAD_SESSION);
        return;
    }
    if (op->verb->anyone)
        return;
    if (req->key_len == 0 || pair_is_own(s, req)) {
        take_account(op);
        return;
    }
    if (s->account && !uuid_eq(&req->user, &s->account->uuid)) {
        op_refuse(op, ERR_WRONG_USER);
        return;
    }
    op->after = op->step;
    op->step = LOOK_UP;
}
