/* verb_account - signIn, signUp, signOut.
 *
 * A user is made so that a node killed at any point leaves nothing that stands in anybody's way:
 * the name is claimed with a time to lapse, the record is written with one too, then the name is
 * made permanent, then the record. The client is answered last. A user left half-made lapses; a
 * record that was found unconfirmed is confirmed by the next sign-in; a permanent name whose record
 * is gone may be claimed by the next, since the record comes first and so won't come any more. A
 * name that is claimed and not yet permanent is being made by another request: a sign-in waits for
 * the outcome.
 *
 * A name that leads to nobody may have been lost: a Redis that evicts takes single keys. Then the
 * index of names has its user, whose record says whether that still holds, and the name is theirs
 * again. One key holds all of the index, and each new name is looked for there, so that it goes
 * last.
 *
 * Where signing in creates nobody, an unknown user and a wrong password take the same time and get
 * the same answer. Where it does, who is unknown can be found out anyway, and is told if asked for
 * ("create": false).
 */
#include "chatd/daemon/node.h"
#include "chatd/redis/redis_clock.h"
#include "chatd/request/throttle.h"
#include "chatd/request/verbs.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <string.h>

#define SHUTTING_DOWN "the server is shutting down"
#define LAPSE_S 15     /* until a name or record that isn't confirmed is gone */
#define PENDING_MS 100 /* between two looks at a name that is being claimed by another */
#define PENDING_MAX 20 /* looks */

struct sign {
    struct throttle throttle; /* first: throttle.h says so */
    char name[NAME_MAX_BYTES + 1];
    size_t name_len;
    char folded[NAME_FOLDED_MAX + 1];
    size_t folded_len;
    struct uuid user, holder; /* who holds the name; holder: without a record */
    struct uuid traced;       /* who held it, if it was lost */
    bool lost;                /* … and it was */
    bool found, unconfirmed, banned, wrong;
    bool pending;   /* the name is claimed, but not for good yet */
    unsigned looks; /* at a pending name */
    char hash[SECRET_HASH_MAX], rehashed[SECRET_HASH_MAX]; /* rehashed: to take its place, or "" */
    int64_t created_ms;
    char key[ACCESS_KEY_TEXT + 1], key_hash[KEY_HASH_TEXT + 1];
    char place[PLACE_TEXT + 1]; /* of the user, here */
};

static void sign_clear(void *state) {
    secret_wipe(state, sizeof(struct sign));
}

static int64_t key_expiry(const struct op *op) {
    return redis_clock_now(&op->node->redis) + (int64_t)op->node->set->key_ttl;
}

/* --- Looking up --- */

static void on_holder(struct op *op, const struct redisReply *reply) {
    struct sign *g = op->state;
    struct err e;
    if (reply_uuid(reply, &g->user, &e))
        op_fail_as(op, &e);
}

static void on_name_ttl(struct op *op, const struct redisReply *reply) {
    int64_t ttl;
    struct err e;
    if (reply_i64(reply, -1, &ttl, &e) == ERR_OK)
        ((struct sign *)op->state)->pending = ttl >= 0;
}

static void refuse_reserved(struct op *op) {
    op_fail(op, ERR_BAD_NAME, "%s.username: is reserved", request_type(op->req.kind));
}

static void check_name(struct op *op) {
    struct sign *g = op_state(op, sizeof *g, sign_clear);
    struct err e;
    if (!g)
        return;
    const struct request *r = &op->req;
    if (name_check(r->u.sign.name, r->u.sign.name_len, g->name, &g->name_len, &e))
        op_fail(op, e.code, "%s.username: %s", request_type(r->kind), e.detail);
    else if (!name_fold(g->name, g->name_len, g->folded, &g->folded_len))
        op_fail(op, ERR_INTERNAL, "out of memory");
    else if (name_is_of_deleted(g->folded, g->folded_len))
        refuse_reserved(op);
}

/* Others' failures with a name are no reason to keep anybody from signing up. */
static void look_up_fails(struct op *op) {
    const struct sign *g = op->state;
    throttle_look(op, op->req.kind == REQ_SIGN_UP ? NULL : g->folded, g->folded_len);
}

static void make_place(const struct op *op, struct sign *g) {
    char user[UUID_TEXT + 1];
    uuid_format(&g->user, user);
    secret_place(user, op->session->address->text, g->place);
}

/* Has the user signed in from here before? */
static bool has_seen(const struct sign *g, const struct user_record *u) {
    size_t step = PLACE_TEXT + 1; /* a blank between them */
    for (size_t at = 0; at + PLACE_TEXT <= u->seen_len; at += step)
        if (memcmp(u->seen + at, g->place, PLACE_TEXT) == 0)
            return true;
    return false;
}

static void on_record(struct op *op, const struct redisReply *reply) {
    struct sign *g = op->state;
    struct user_record u;
    struct err e;
    if (reply_user(reply, &u, &e)) {
        op_fail_as(op, &e);
        return;
    }
    g->found = u.found;
    if (!u.found)
        return;
    g->name_len = u.name_len;
    memcpy(g->name, u.name, u.name_len);
    g->name[u.name_len] = '\0';
    memcpy(g->hash, u.hash, sizeof g->hash);
    g->created_ms = u.created_ms;
    g->throttle.seen = has_seen(g, &u);
    g->banned = u.banned_until_ms > redis_clock_now(&op->node->redis);
}

static void on_ttl(struct op *op, const struct redisReply *reply) {
    int64_t ttl;
    struct err e;
    if (reply_i64(reply, -1, &ttl, &e) == ERR_OK)
        ((struct sign *)op->state)->unconfirmed = ttl >= 0;
}

static void look_up_name(struct op *op) {
    const struct sign *g = op->state;
    struct cmd *c = &op->node->redis.cmd;
    cmd_name_get(c, &op->node->redis.keys, g->folded, g->folded_len);
    op_call(op, on_holder);
    cmd_name_ttl(c, &op->node->redis.keys, g->folded,
                 g->folded_len); /* after the name, before the record */
    op_call(op, on_name_ttl);
}

static void look_up_record(struct op *op) {
    struct sign *g = op->state;
    g->found = false;
    g->throttle.seen = false;
    if (uuid_is_nil(&g->user))
        return;
    make_place(op, g);
    cmd_user_get(&op->node->redis.cmd, &op->node->redis.keys, &g->user);
    op_call(op, on_record);
    cmd_user_ttl(&op->node->redis.cmd, &op->node->redis.keys, &g->user);
    op_call(op, on_ttl);
}

enum { FROM_LOOK_UP = 2 }; /* the step of VERB_SIGN_IN that a repetition begins with */

/* --- A name that was lost --- */

static bool is_theirs(const struct sign *g, const char *name, size_t len) {
    char folded[NAME_FOLDED_MAX + 1];
    size_t n;
    return name_fold(name, len, folded, &n) && n == g->folded_len &&
           memcmp(folded, g->folded, n) == 0;
}

static void on_traced(struct op *op, const struct redisReply *reply) {
    struct sign *g = op->state;
    struct err e;
    if (reply_uuid(reply, &g->traced, &e))
        op_fail_as(op, &e);
}

static void on_traced_name(struct op *op, const struct redisReply *reply) {
    struct sign *g = op->state;
    const char *name;
    size_t len;
    struct err e;
    if (reply_str(reply, &name, &len, &e))
        op_fail_as(op, &e);
    else
        g->lost = name && is_theirs(g, name, len);
}

static void trace_name(struct op *op) {
    struct sign *g = op->state;
    g->lost = false;
    g->traced = (struct uuid){{0}};
    if (!uuid_is_nil(&g->user))
        return;
    cmd_name_indexed(&op->node->redis.cmd, &op->node->redis.keys, g->folded, g->folded_len);
    op_call(op, on_traced);
}

static void trace_record(struct op *op) {
    const struct sign *g = op->state;
    if (uuid_is_nil(&g->traced))
        return;
    cmd_user_name(&op->node->redis.cmd, &op->node->redis.keys, &g->traced);
    op_call(op, on_traced_name);
}

static void confirm_name(struct op *op);

static void give_back_name(struct op *op) {
    struct sign *g = op->state;
    if (!g->lost)
        return;
    g->user = g->traced;
    confirm_name(op);
    op_goto(op, &VERB_SIGN_IN[FROM_LOOK_UP]);
}

/* Another request is making this user: look again in a moment. */
static bool wait_for_another(struct op *op) {
    struct sign *g = op->state;
    if (g->found || uuid_is_nil(&g->user) || !g->pending)
        return false;
    if (++g->looks > PENDING_MAX) {
        op_fail(op, ERR_BUSY, "this username is being claimed");
        op->err.retry_after_ms = LAPSE_S * 1000;
        return true;
    }
    op_sleep(op, PENDING_MS);
    op_goto(op, &VERB_SIGN_IN[FROM_LOOK_UP]);
    return true;
}

/* --- Passwords --- */

static void fail_busy(struct op *op, const char *why) {
    op_fail(op, ERR_BUSY, "%s", why);
    op->err.retry_after_ms = kdf_wait_ms(op->node->kdf);
}

/* Whose turn it is: an address has one, however many connections it has; where addresses aren't
 * held to limits, since everybody may come from the same, a connection. */
static const void *turn(const struct op *op) {
    const struct session *s = op->session;
    bool counts = !s->address->loopback || op->node->set->limit_loopback;
    return counts ? (const void *)s->address->ip : &s->uuid;
}

static void on_hashed(const struct kdf_result *r, void *arg) {
    struct op *op = arg;
    struct sign *g = op->state;
    if (r->cancelled)
        op_fail(op, ERR_UNAVAILABLE, SHUTTING_DOWN);
    else if (!*r->hash)
        fail_busy(op, "no memory for a password hash");
    else
        memcpy(g->hash, r->hash, sizeof g->hash);
    op_release(op);
}

static void refuse_full(struct op *op) {
    if (op->node->draining)
        op_fail(op, ERR_UNAVAILABLE, SHUTTING_DOWN);
    else
        fail_busy(op, "too many sign-ins at once");
    op_release(op);
}

static void hash_password(struct op *op) {
    const struct request *r = &op->req;
    op_hold(op);
    if (!kdf_hash(op->node->kdf, turn(op), r->u.sign.password, r->u.sign.password_len, on_hashed,
                  op))
        refuse_full(op);
}

static void on_verified(const struct kdf_result *r, void *arg) {
    struct op *op = arg;
    struct sign *g = op->state;
    g->wrong = !g->found || (r->verdict != SECRET_RIGHT && r->verdict != SECRET_RIGHT_REHASH);
    if (r->cancelled)
        op_fail(op, ERR_UNAVAILABLE, SHUTTING_DOWN);
    else if (!g->wrong && r->verdict == SECRET_RIGHT_REHASH)
        memcpy(g->rehashed, r->hash, sizeof g->rehashed);
    op_release(op);
}

static void verify_password(struct op *op) {
    const struct request *r = &op->req;
    struct sign *g = op->state;
    *g->rehashed = '\0';
    op_hold(op);
    if (!kdf_verify(op->node->kdf, turn(op), g->found ? g->hash : "", r->u.sign.password,
                    r->u.sign.password_len, on_verified, op))
        refuse_full(op);
}

static void count_verdict(struct op *op) {
    const struct sign *g = op->state;
    if (g->wrong)
        throttle_add(op, g->folded, g->folded_len);
    else
        throttle_look(op, g->folded, g->folded_len);
}

static void tell_verdict(struct op *op) {
    const struct sign *g = op->state;
    throttle_refuse(op);
    if (g->wrong)
        op_refuse(op, ERR_BAD_CREDENTIALS);
}

/* --- A session begins --- */

static void refuse_another(struct op *op) {
    const struct session *s = op->session;
    const struct sign *g = op->state;
    if (s->account && !uuid_eq(&s->account->uuid, &g->user))
        op_fail(op, ERR_WRONG_USER, "sign out first");
}

static void make_key(struct sign *g) {
    secret_make_key(g->key);
    secret_hash_key(g->key, ACCESS_KEY_TEXT, g->key_hash);
}

static void begin_session(struct op *op) {
    const struct sign *g = op->state;
    account_enter(&op->node->accounts, op->session, &g->user, g->name, g->name_len, g->key_hash);
    struct buf *b = frame_scratch();
    response_encode_authorized(b, &g->user, g->key, g->name, g->name_len, &op->req.id);
    op_answer(op, b);
    secret_wipe(b->data, b->size);
}

/* --- Making a user --- */

static void claim_name(struct op *op);
static void on_claimed(struct op *op, const struct redisReply *reply);

static void on_created(struct op *op, const struct redisReply *reply) {
    int64_t made;
    struct err e;
    if (reply_i64(reply, 0, &made, &e) || !made)
        op_fail(op, ERR_INTERNAL, "a fresh uuid is taken");
}

static void write_record(struct op *op) {
    struct sign *g = op->state;
    make_key(g);
    g->created_ms = redis_clock_now(&op->node->redis);
    struct new_user u = {.uuid = g->user,
                         .name = g->name,
                         .name_len = g->name_len,
                         .password_hash = g->hash,
                         .created_ms = g->created_ms,
                         .key_hash = g->key_hash,
                         .key_expiry_ms = key_expiry(op),
                         .lapse_s = LAPSE_S};
    cmd_user_create(&op->node->redis.cmd, &op->node->redis.keys, &u);
    op_call(op, on_created);
}

static void on_name_confirmed(struct op *op, const struct redisReply *reply) {
    int64_t ours;
    struct err e;
    if (reply_i64(reply, 0, &ours, &e) == ERR_OK && !ours)
        op_refuse(op, ERR_NAME_TAKEN); /* we were so slow that the claim lapsed */
}

static void confirm_name(struct op *op) {
    const struct sign *g = op->state;
    cmd_name_confirm(&op->node->redis.cmd, &op->node->redis.keys, g->folded, g->folded_len,
                     &g->user);
    op_call(op, on_name_confirmed);
}

static void index_user(struct op *op) {
    const struct sign *g = op->state;
    struct cmd *c = &op->node->redis.cmd;
    cmd_user_index(c, &op->node->redis.keys, &g->user, g->created_ms);
    op_call(op, NULL);
    if (!is_theirs(g, g->name, g->name_len)) /* a renaming was cut short: they have two */
        return;
    cmd_name_index(c, &op->node->redis.keys, g->folded, g->folded_len, &g->user);
    op_call(op, NULL);
}

/* The record is gone: deleted while we looked, or it lapsed because we were so slow. Or, while the
 * password was being checked, the user was banned or the password changed: then it is checked
 * again, since another sign-in that brought its hash up to date is no reason to refuse this one. */
static void on_key_added(struct op *op, const struct redisReply *reply) {
    enum { GONE, STORED, BANNED, CHANGED };
    struct sign *g = op->state;
    int64_t stored;
    struct err e;
    if (reply_i64(reply, GONE, &stored, &e) != ERR_OK || stored == STORED)
        return;
    if (stored == CHANGED && ++g->looks <= PENDING_MAX)
        op_goto(op, &VERB_SIGN_IN[FROM_LOOK_UP]);
    else
        op_refuse(op, stored == BANNED ? ERR_BANNED : ERR_UNAVAILABLE);
}

static void store_key(struct op *op, const char *verified, const char *rehashed) {
    const struct sign *g = op->state;
    const struct new_key k = {.user = g->user,
                              .key_hash = g->key_hash,
                              .expiry_ms = key_expiry(op),
                              .now_ms = redis_clock_now(&op->node->redis),
                              .keys_max = (uint32_t)op->node->set->max_keys,
                              .verified = verified,
                              .rehashed = rehashed,
                              .place = g->place};
    cmd_key_add(&op->node->redis.cmd, &op->node->redis.keys, &k);
    op_call(op, on_key_added);
}

static void confirm_record(struct op *op) {
    make_place(op, op->state);
    store_key(op, "", ""); /* takes the lapse off the record and its keys */
    index_user(op);
}

/* Only here: whoever has such a name may go on using it. */
static void refuse_reserved_name(struct op *op) {
    const struct sign *g = op->state;
    if (name_reserved(g->folded, g->folded_len))
        refuse_reserved(op);
}

static const op_step CREATE[] = {refuse_reserved_name,
                                 refuse_another,
                                 throttle_look_made,
                                 throttle_refuse_made,
                                 hash_password,
                                 throttle_add_made,
                                 throttle_refuse_made,
                                 claim_name,
                                 write_record,
                                 confirm_name,
                                 confirm_record,
                                 begin_session,
                                 NULL};

static void claim_name(struct op *op) {
    struct sign *g = op->state;
    g->holder = g->user; /* nil, or one whose record is gone */
    g->user = uuid_make();
    cmd_name_claim(&op->node->redis.cmd, &op->node->redis.keys, g->folded, g->folded_len, &g->user,
                   uuid_is_nil(&g->holder) ? NULL : &g->holder, LAPSE_S);
    op_call(op, on_claimed);
}

/* --- signIn --- */

static void add_key(struct op *op) {
    struct sign *g = op->state;
    if (g->banned) {
        op_refuse(op, ERR_BANNED);
        return;
    }
    make_key(g);
    throttle_forget(op, g->folded, g->folded_len);
    store_key(op, g->hash, g->rehashed);
}

/* The user may have been made by a node that did not come to the end: the rest is done now.
 * The index comes last there, behind what tells a confirmed record, so that it is written again in
 * any case. */
static void confirm_if_needed(struct op *op) {
    index_user(op);
    if (((struct sign *)op->state)->unconfirmed)
        confirm_name(op);
}

static const op_step ENTER[] = {verify_password, count_verdict,     tell_verdict,  refuse_another,
                                add_key,         confirm_if_needed, begin_session, NULL};

static void count_unknown(struct op *op) {
    const struct sign *g = op->state;
    throttle_add(op, g->folded, g->folded_len);
}

static void tell_unknown(struct op *op) {
    throttle_refuse(op);
    op_refuse(op, ERR_NOT_FOUND);
}

static const op_step UNKNOWN[] = {count_unknown, tell_unknown, NULL};

static const op_step *sign_in_unknown(const struct op *op) {
    if (op->req.kind == REQ_SIGN_UP)
        return CREATE;
    if (!op->node->set->sign_in_creates)
        return ENTER;
    return op->req.u.sign.known_only ? UNKNOWN : CREATE;
}

static void enter_or_create(struct op *op) {
    const struct sign *g = op->state;
    bool up = op->req.kind == REQ_SIGN_UP;
    if (up && (g->found || g->pending))
        op_refuse(op, ERR_NAME_TAKEN);
    else if (!wait_for_another(op))
        op_goto(op, g->found ? ENTER : sign_in_unknown(op));
}

const op_step VERB_SIGN_IN[] = {check_name,
                                look_up_fails,
                                [FROM_LOOK_UP] = look_up_name,
                                look_up_record,
                                trace_name,
                                trace_record,
                                give_back_name,
                                throttle_wait,
                                enter_or_create,
                                NULL};

/* The same: what differs looks at the kind of the request. */
static void sign_up(struct op *op) {
    op_goto(op, VERB_SIGN_IN);
}

const op_step VERB_SIGN_UP[] = {sign_up, NULL};

/* Somebody else claimed the name in the meantime: it is theirs, or they can sign in. */
static void on_claimed(struct op *op, const struct redisReply *reply) {
    int64_t claimed;
    struct err e;
    if (reply_i64(reply, 0, &claimed, &e) == ERR_OK && !claimed)
        op_goto(op, &VERB_SIGN_IN[FROM_LOOK_UP]);
}

/* --- signOut --- */

struct sign_out {
    struct session *session;
};

static void sign_out_clear(void *state) {
    ((struct sign_out *)state)->session->signing_out = false;
}

static void revoke_key(struct op *op) {
    struct sign_out *o = op_state(op, sizeof *o, NULL);
    if (!o)
        return;
    o->session = op->session;
    op->state_clear = sign_out_clear;
    op->session->signing_out = true;
    const char *hash = op->session->key_hash; /* this connection's own, whatever pair was sent */
    struct buf *b = frame_scratch();
    event_write_key_revoked(b, hash);
    cmd_key_revoke(&op->node->redis.cmd, &op->node->redis.keys, &op->account->uuid, hash, b->data,
                   b->len);
    op_call(op, NULL);
}

static void leave_account(struct op *op) {
    account_leave(&op->node->accounts, op->session);
    struct buf *b = frame_scratch();
    response_encode_unauthorized(b, &op->account->uuid, &op->req.id);
    op_answer(op, b);
}

const op_step VERB_SIGN_OUT[] = {revoke_key, leave_account, NULL};
