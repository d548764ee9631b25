/* test_auth - who asks? For each state of a connection and each pair and SUUID that a request may
 * bring: what is looked up, in whose name the request goes on, or why not. Redis and the sockets
 * are fakes, and so is the time. */
#include "chatd/request/auth.h"

#include "chatd/daemon/node.h"
#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_redis.h"
#include "fake_wire.h"

static uv_loop_t LOOP;
static struct node NODE;
static struct chatd_settings SETTINGS = {.max_requests = 100};
static struct lws WSI;
static struct session *S; /* NULL: freed */
static struct address ADDRESS = {.text = "192.0.2.1"};
static unsigned CAME, WENT;
static char ASKS[8]; /* in whose name the steps of the verb ran: "A", "-" nobody's */

static void gone(struct session *s) {
    account_leave(&NODE.accounts, s);
    S = NULL;
}

static void came(struct account *acc, void *arg) {
    (void)acc;
    (void)arg;
    CAME++;
}

static void went(struct account *acc, void *arg) {
    (void)acc;
    (void)arg;
    WENT++;
}

static void ignore_channel(struct channel *ch, void *arg) {
    (void)ch;
    (void)arg;
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    WSI = (struct lws){.bytes = NULL};
    CAME = WENT = 0;
    ASKS[0] = '\0';
    fake_redis_init();
    uv_loop_init(&LOOP);
    NODE = (struct node){.set = &SETTINGS, .loop = &LOOP, .redis = REDIS};
    NODE.accounts = (struct accounts){
        .redis = &NODE.redis, .hub = &NODE.hub, .names = &NODE.names, .came = came, .went = went};
    NODE.ops = (struct ops){.redis = &NODE.redis,
                            .hub = &NODE.hub,
                            .count = &NODE.count,
                            .set = &SETTINGS,
                            .loop = &LOOP,
                            .node = &NODE};
    if (!sessions_init(&NODE.sessions, 1u << 20, gone) || !accounts_init(&NODE.accounts) ||
        !names_init(&NODE.names) || !hub_init(&NODE.hub, ignore_channel, ignore_channel, NULL))
        return -1;
    S = session_new(&NODE.sessions, &WSI, &ADDRESS, 10, CLOCK_MS);
    return 0;
}

static int teardown(void **state) {
    fake_redis_go();
    if (S && S->wsi)
        session_detach(S);
    sessions_flush(&NODE.sessions);
    assert_int_equal(NODE.sessions.count, 0);
    assert_int_equal(NODE.accounts.table.count, 0);
    assert_int_equal(CAME, WENT);
    assert_int_equal(uv_loop_close(&LOOP), 0);
    sessions_free(&NODE.sessions);
    accounts_free(&NODE.accounts);
    names_free(&NODE.names);
    hub_free(&NODE.hub);
    frame_scratch_free();
    cmd_free(&NODE.redis.cmd);
    fake_redis_end();
    fake_wire_free(&WSI);
    return made_free(state);
}

/* --- The request --- */

static struct uuid user_of(char name) {
    return (struct uuid){{'u', [15] = (uint8_t)name}};
}

/* A key's hash, as it is stored. Keys are digits. */
static const char *hash_of(char key) {
    static char hash[KEY_HASH_TEXT + 1];
    secret_hash_key(&key, 1, hash);
    return hash;
}

static void sign_in(char user, char key) {
    struct uuid uuid = user_of(user);
    account_enter(&NODE.accounts, S, &uuid, &user, 1, hash_of(key));
}

static void step(struct op *op) {
    ASKS[0] = op->account ? op->account->name[0] : '-';
    assert_null(op->state); /* what auth needed is gone */
    struct buf *b = frame_scratch();
    buf_str(b, "ok");
    op_answer(op, b);
}

static const op_step STEPS[] = {step, NULL};
static const struct verb USERS_VERB = {.steps = STEPS, .begin = auth_begin};
static const struct verb ANYONES_VERB = {.steps = STEPS, .begin = auth_begin, .anyone = true};

/* "A1": user A's pair with key 1, "": none. `suuid`: '+' this session's, '-' another's. */
static struct request make_request(const char *pair, char suuid) {
    struct request req = {.kind = REQ_USERS, .mem = malloc(1), .mem_size = 1};
    assert_non_null(req.mem);
    if (*pair) {
        req.user = *pair == '0' ? (struct uuid){{0}} : user_of(*pair);
        *req.mem = pair[1];
        req.key = req.mem;
        req.key_len = 1;
    }
    req.has_suuid = suuid != ' ';
    req.suuid = suuid == '+' ? S->uuid : user_of('x');
    return req;
}

static void submit(const char *pair, char suuid, bool anyone) {
    struct request req = make_request(pair, suuid);
    op_submit(&NODE.ops, S, anyone ? &ANYONES_VERB : &USERS_VERB, &req, NULL);
}

/* What the session got last: "ok", or the name of an error. */
static const char *got_last(void) {
    static char out[64];
    const char *json;
    out[0] = '\0';
    sessions_flush(&NODE.sessions);
    for (size_t at = 0; (json = fake_wire_next(&WSI, &at));) {
        const char *name = strstr(json, "\"name\":\"");
        snprintf(out, sizeof out, "%.*s", (int)strcspn(name ? name + 8 : json, "\""),
                 name ? name + 8 : json);
    }
    return out;
}

/* --- What Redis says of a pair --- */

/* Until when the key is good: in so many ms from now; 0: there is no such key. */
static void answer_expiry(int64_t ms) {
    char text[32];
    snprintf(text, sizeof text, "'%lld'", (long long)((int64_t)CLOCK_MS + ms));
    assert_memory_equal(fake_redis_asked(0), "ZSCORE ", 7);
    fake_redis_answer(ms == 0 ? "nil" : text);
}

/* '\0': there is no such user. `banned` until so many ms from now; 0: not. */
static void answer_record(char name, int64_t banned) {
    char text[64];
    size_t i = FAKE_POOL.n - 1; /* either may come first */
    assert_memory_equal(fake_redis_asked(i), "HMGET ", 6);
    if (name)
        snprintf(text, sizeof text, "[ '%c' 'hash' '1' '%lld' nil ]", name,
                 (long long)(banned ? (int64_t)CLOCK_MS + banned : 0));
    else
        snprintf(text, sizeof text, "[ nil nil nil nil nil ]");
    fake_redis_answer_at(i, text);
}

struct row {
    const char *what;
    const char *is; /* the connection is signed in so: "A1" by user A with key 1; "": it isn't */
    const char *pair;
    char suuid;
    bool anyone;
    const char *got;  /* at once; "": it is looked up first */
    const char *asks; /* in whose name it went on */
    bool settled;     /* that would have been known before */
};

static const struct row ROWS[] = {
    {"nobody", "", "", ' ', false, "not_authorized", "", false},
    {"nobody, and anybody may", "", "", ' ', true, "ok", "-", false},
    {"nobody, and any pair is no matter there", "", "A1", ' ', true, "ok", "-", false},
    {"this session's SUUID", "", "", '+', true, "ok", "-", false},
    {"another's", "", "", '-', true, "bad_session", "", false},
    {"another's, and nobody", "", "", '-', false, "bad_session", "", false},
    {"signed in", "A1", "", ' ', false, "ok", "A", true},
    {"signed in, and anybody may", "A1", "", ' ', true, "ok", "-", true},
    {"signed in, this session's SUUID", "A1", "", '+', false, "ok", "A", true},
    {"signed in, another's", "A1", "", '-', false, "bad_session", "", false},
    {"its own pair", "A1", "A1", ' ', false, "ok", "A", true},
    {"its own pair, another's SUUID", "A1", "A1", '-', false, "bad_session", "", false},
    {"another user's pair", "A1", "B1", ' ', false, "wrong_user", "", false},
    {"a user that can't be", "A1", "01", ' ', false, "wrong_user", "", false},
    {"its user, another key", "A1", "A2", ' ', false, "", "", false},
    {"a pair", "", "A1", ' ', false, "", "", false},
    {"a pair of a user that can't be", "", "01", ' ', false, "", "", false},
};

static void check_row(const struct row *r) {
    print_message("%s\n", r->what);
    if (*r->is)
        sign_in(r->is[0], r->is[1]);
    struct request req = make_request(r->pair, r->suuid);
    assert_int_equal(auth_is_settled(S, &req), r->settled);
    request_free(&req);
    submit(r->pair, r->suuid, r->anyone);
    assert_int_equal(FAKE_POOL.n, *r->got ? 0 : 2);
    assert_string_equal(got_last(), r->got);
    assert_string_equal(ASKS, r->asks);
}

static void test_at_once(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_row(&ROWS[i]);
    }
}

/* --- A pair that is looked up --- */

struct looked_up {
    const char *what;
    const char *is; /* as above */
    int64_t expiry; /* see answer_expiry, or LOST */
    char name;      /* see answer_record, or RECORD_LOST */
    int64_t banned;
    const char *got;
    const char *then; /* the connection's key behind it; "": it is not signed in */
    bool backwards;   /* the record is answered first */
    const char *meanwhile;
};

#define LOST INT64_MIN
#define NONSENSE INT64_MAX
#define RECORD_LOST '?'
#define RECORD_NONSENSE '!'

static const struct looked_up LOOKED_UP[] = {
    {"right", "", 1000, 'A', 0, "ok", "2", .backwards = false},
    {"right, the answers change places", "", 1000, 'A', 0, "ok", "2", .backwards = true},
    {"expires in a moment", "", 1, 'A', 0, "ok", "2", .backwards = false},
    {"has expired", "", -1, 'A', 0, "bad_key", "", .backwards = false},
    {"no such key", "", 0, 'A', 0, "bad_key", "", .backwards = false},
    {"no such user", "", 1000, '\0', 0, "bad_key", "", .backwards = false},
    {"banned", "", 1000, 'A', 1000, "banned", "", .backwards = false},
    {"was banned", "", 1000, 'A', -1000, "ok", "2", .backwards = false},
    {"banned, and the key is none: that isn't told", "", 0, 'A', 1000, "bad_key", "",
     .backwards = false},
    {"the first answer is lost", "", LOST, 'A', 0, "unavailable", "", .backwards = false},
    {"the second is", "", 1000, RECORD_LOST, 0, "unavailable", "", .backwards = false},
    {"both are", "", LOST, RECORD_LOST, 0, "unavailable", "", .backwards = false},
    {"the first answer is nonsense", "", NONSENSE, 'A', 0, "internal", "", .backwards = false},
    {"the second is nonsense", "", 1000, RECORD_NONSENSE, 0, "internal", "", .backwards = false},
    {"its user's other key", "A1", 1000, 'A', 0, "ok", "1", .backwards = false},
    {"its user's, that is none", "A1", 0, 'A', 0, "bad_key", "1", .backwards = false},
    {"its user's, and they are banned", "A1", 1000, 'A', 1000, "banned", "1", .backwards = false},
    {"signed out meanwhile", "A1", 1000, 'A', 0, "ok", "2", .meanwhile = "out"},
    {"signed out meanwhile, and it is none", "A1", 0, 'A', 0, "bad_key", "", .meanwhile = "out"},
    {"its key was revoked meanwhile", "A1", 1000, 'A', 0, "ok", "2", .meanwhile = "revoked"},
    {"the socket goes meanwhile", "", 1000, 'A', 0, "", "gone", .meanwhile = "gone"},
};

static void happen(const char *what) {
    struct event ev = {.kind = EVENT_KEY_REVOKED};
    memcpy(ev.key_hash, hash_of('1'), sizeof ev.key_hash);
    if (strcmp(what, "out") == 0)
        account_leave(&NODE.accounts, S);
    else if (strcmp(what, "revoked") == 0)
        account_event(&NODE.accounts, S->account, &ev);
    else
        session_detach(S);
}

static void check_looked_up(const struct looked_up *r) {
    char expected[128], user[UUID_TEXT + 1];
    struct uuid uuid = user_of('A');
    print_message("%s\n", r->what);
    if (*r->is)
        sign_in(r->is[0], r->is[1]);
    submit("A2", ' ', false);
    uuid_format(&uuid, user);
    snprintf(expected, sizeof expected, "ZSCORE chat:{u:%s}:keys %s", user, hash_of('2'));
    assert_string_equal(fake_redis_asked(0), expected);
    if (r->meanwhile)
        happen(r->meanwhile);
    for (int turn = 0; turn < 2; turn++)
        if ((turn == 0) != r->backwards) {
            if (r->expiry == LOST || r->expiry == NONSENSE)
                fake_redis_answer(r->expiry == LOST ? NULL : "'soon'");
            else
                answer_expiry(r->expiry);
        } else if (r->name == RECORD_LOST || r->name == RECORD_NONSENSE)
            fake_redis_answer_at(FAKE_POOL.n - 1, r->name == RECORD_LOST ? NULL : ":1");
        else
            answer_record(r->name, r->banned);
    assert_int_equal(FAKE_POOL.n, 0);
    assert_string_equal(got_last(), r->got);
    assert_string_equal(ASKS, strcmp(r->got, "ok") == 0 || !*r->got ? "A" : "");
    if (strcmp(r->then, "gone") == 0) {
        assert_null(S);
        return;
    }
    assert_int_equal(S->account != NULL, *r->then != '\0');
    if (*r->then)
        assert_string_equal(S->key_hash, hash_of(*r->then));
    assert_int_equal(S->closing, strcmp(r->got, "banned") == 0 ? CLOSE_BANNED : CLOSE_NONE);
}

static void test_looked_up(void **state) {
    for (size_t i = 0; i < sizeof LOOKED_UP / sizeof *LOOKED_UP; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_looked_up(&LOOKED_UP[i]);
    }
}

/* The last moment of a key is not one of its own. */
static void test_expires_now(void **state) {
    char text[32];
    (void)state;
    submit("A1", ' ', false);
    snprintf(text, sizeof text, "'%llu'", (unsigned long long)CLOCK_MS);
    fake_redis_answer(text);
    answer_record('A', 0);
    assert_string_equal(got_last(), "bad_key");
}

/* A key that was right is known again; another isn't taken for it, nor it for another's. */
static void test_known_again(void **state) {
    (void)state;
    sign_in('A', '1');
    assert_int_equal(S->key_mark, 0);
    submit("A1", ' ', false);
    uint64_t mark = S->key_mark;
    assert_int_not_equal(mark, 0);
    submit("A1", ' ', false);
    assert_string_equal(got_last(), "ok");
    assert_int_equal(FAKE_POOL.n, 0);
    submit("A2", ' ', false);
    assert_int_equal(FAKE_POOL.n, 2);
    fake_redis_go();
    FAKE_POOL.up = true;
    assert_int_equal(S->key_mark, mark);
    sign_in('A', '2'); /* from now on with this one */
    submit("A1", ' ', false);
    assert_int_equal(FAKE_POOL.n, 2);
    fake_redis_go();
    FAKE_POOL.up = true;
    account_leave(&NODE.accounts, S);
    sign_in('B', '2');
    submit("A2", ' ', false);
    assert_string_equal(got_last(), "wrong_user");
}

/* The second request waits for what the first one's pair turns out to be. */
static void test_pipelined(void **state) {
    (void)state;
    submit("A1", ' ', false);
    submit("", ' ', false);
    submit("A1", ' ', false);
    assert_int_equal(FAKE_POOL.n, 2);
    answer_expiry(1000);
    answer_record('A', 0);
    assert_int_equal(FAKE_POOL.n, 0); /* signed in, all of them */
    sessions_flush(&NODE.sessions);
    assert_int_equal(WSI.len, 3 * 4);
    assert_int_equal(CAME, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_at_once), TEST(test_looked_up),
                                       TEST(test_expires_now), TEST(test_known_again),
                                       TEST(test_pipelined)};
    return cmocka_run_group_tests(tests, init, NULL);
}
