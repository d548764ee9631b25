/* test_op - the driver of requests: each is started when its turn has come, ends once, whatever
 * ends it and from wherever, and is answered in its turn. The requests are of the test's own kinds,
 * Redis and the sockets are fakes, and so is the time. */
#include "chatd/op/op.h"

#include "chatd/base/frame.h"
#include "chatd/session/hub.h"
#include "chatd/session/session.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_redis.h"
#include "fake_wire.h"
#include "steps.h"

#define PEOPLE 4
#define MAX_REQUESTS 4

static uv_loop_t LOOP;
static struct sessions ALL;
static struct lws WSI[PEOPLE];
static struct session *S[PEOPLE]; /* NULL: freed */
static struct address ADDRESS = {.text = "192.0.2.1"};
static struct counters COUNT;
static struct chatd_settings SETTINGS;
static struct hub HUB;
static struct ops OPS;
static struct channel CHANNEL; /* what is appended to: any */
static unsigned ASKED[PEOPLE], CLEARED;
static char STARTED[128]; /* the names of requests, as their turn came */

static void gone(struct session *s) {
    for (int i = 0; i < PEOPLE; i++)
        if (S[i] == s)
            S[i] = NULL;
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
    CLEARED = 0;
    STARTED[0] = '\0';
    memset(WSI, 0, sizeof WSI);
    memset(ASKED, 0, sizeof ASKED);
    COUNT = (struct counters){0};
    SETTINGS = (struct chatd_settings){.max_requests = MAX_REQUESTS};
    CHANNEL = (struct channel){.pins = 1000};
    fake_redis_init();
    uv_loop_init(&LOOP);
    OPS = (struct ops){
        .redis = &REDIS, .hub = &HUB, .count = &COUNT, .set = &SETTINGS, .loop = &LOOP};
    if (!sessions_init(&ALL, 1u << 20, gone) ||
        !hub_init(&HUB, ignore_channel, ignore_channel, NULL))
        return -1;
    ALL.resume_below = MAX_REQUESTS / 2;
    for (int i = 0; i < PEOPLE; i++)
        S[i] = session_new(&ALL, &WSI[i], &ADDRESS, 10, 0);
    return 0;
}

static int teardown(void **state) {
    fake_redis_go();
    for (int i = 0; i < PEOPLE; i++)
        if (S[i] && S[i]->wsi)
            session_detach(S[i]);
    sessions_flush(&ALL);
    assert_int_equal(ALL.count, 0); /* so no request is left */
    assert_int_equal(OPS.admission.inside, 0);
    assert_null(OPS.admission.first);
    uv_run(&LOOP, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&LOOP), 0);
    sessions_free(&ALL);
    hub_free(&HUB);
    frame_scratch_free();
    fake_redis_end();
    for (int i = 0; i < PEOPLE; i++)
        fake_wire_free(&WSI[i]);
    return made_free(state);
}

/* --- The kinds of requests --- */

static const char *name_of(const struct op *op) {
    return op->req.id.json + 1; /* "c1", behind the quotation mark */
}

static void say(struct op *op, const char *more) {
    struct buf *b = frame_scratch();
    buf_fmt(b, "%.2s%s", name_of(op), more);
    op_answer(op, b);
}

static void finish(struct op *op) {
    say(op, "");
}

static void on_ok(struct op *op, const redisReply *reply) {
    (void)op;
    assert_string_equal(reply->str, "ok");
}

static void ask(struct op *op) {
    cmd_ping(&REDIS.cmd);
    op_call(op, on_ok);
}

static void ask_twice(struct op *op) {
    ask(op);
    cmd_ping(&REDIS.cmd);
    op_call(op, NULL);
}

static void ask_and_fail(struct op *op) {
    ask(op);
    op_refuse(op, ERR_NOT_JOINED);
    op_refuse(op, ERR_INTERNAL); /* the first counts */
}

static void tell(struct op *op) {
    cmd_ping(&REDIS.cmd);
    op_tell(op);
}

static struct op *HELD[16];
static size_t HELD_COUNT;

static void hold(struct op *op) {
    op_hold(op);
    HELD[HELD_COUNT++] = op;
}

static void hold_and_release(struct op *op) {
    op_hold(op);
    op_release(op);
    op_hold(op);
    op_release(op);
}

static void append(struct op *op) {
    op->session->append_to = &CHANNEL;
    op->channel = &CHANNEL;
    CHANNEL.pins++;
    hold(op);
}

static void sleep_a_little(struct op *op) {
    op_sleep(op, 100);
}

static void sleep_not(struct op *op) {
    op_sleep(op, 0);
}

static void be_banned(struct op *op) {
    op_refuse(op, ERR_BANNED);
}

static void on_item(struct op *op, const redisReply *reply, size_t item) {
    assert_string_equal(reply->str, "ok");
    char *seen = op->state;
    seen[strlen(seen)] = (char)('0' + item);
}

static void clear_items(void *state) {
    assert_non_null(state);
    CLEARED++;
}

static void ask_items(struct op *op) {
    assert_non_null(op_state(op, 8, clear_items));
    for (size_t i = 0; i < 3; i++) {
        cmd_ping(&REDIS.cmd);
        op_call_item(op, on_item, i);
    }
}

static void finish_items(struct op *op) {
    char seen[8];
    memcpy(seen, op->state, sizeof seen);
    say(op, seen);
}

static void answer_too_much(struct op *op) {
    struct buf b;
    buf_init(&b, 4);
    buf_str(&b, "too much");
    op_answer(op, &b);
    buf_free(&b);
}

static void unreachable(struct op *op) {
    (void)op;
    fail();
}

static const op_step OTHER[] = {ask, finish, NULL};

static void go_elsewhere(struct op *op) {
    op_goto(op, OTHER);
}

struct kind {
    char name;
    op_step steps[5];
    bool costly, follows, first; /* `first` asks something before its steps */
    enum err_code begin, early;
};

static const struct kind KINDS[] = {
    {.name = 'n', .steps = {finish}},
    {.name = 'c', .steps = {ask, finish}},
    {.name = '2', .steps = {ask_twice, finish}},
    {.name = '3', .steps = {ask, ask_twice, finish}},
    {.name = 'k', .steps = {ask, finish}, .costly = true},
    {.name = 'K', .steps = {finish}, .costly = true},
    {.name = 'a', .steps = {append, finish}, .follows = true},
    {.name = 'h', .steps = {hold, finish}},
    {.name = 'w', .steps = {hold_and_release, ask, finish}},
    {.name = 's', .steps = {sleep_a_little, finish}},
    {.name = 'z', .steps = {sleep_not, finish}},
    {.name = 't', .steps = {tell, finish}},
    {.name = 'i', .steps = {ask_items, finish_items}},
    {.name = 'g', .steps = {go_elsewhere, unreachable}},
    {.name = 'l', .steps = {finish}, .first = true},
    {.name = 'f', .steps = {unreachable}, .begin = ERR_NOT_JOINED},
    {.name = 'F', .steps = {ask_and_fail, unreachable}},
    {.name = 'e', .steps = {unreachable}, .early = ERR_BAD_FIELD, .follows = true},
    {.name = 'E', .steps = {unreachable}, .early = ERR_BAD_FIELD, .costly = true},
    {.name = 'b', .steps = {be_banned, unreachable}},
    {.name = 'L', .steps = {answer_too_much}},
};

static const struct kind *kind_of(char name) {
    size_t i = 0;
    while (KINDS[i].name != name)
        assert_true(++i < sizeof KINDS / sizeof *KINDS);
    return &KINDS[i];
}

static uintptr_t DEEPEST = UINTPTR_MAX; /* the stack, as requests begin */

static void begin(struct op *op) {
    static const op_step FIRST[] = {ask, NULL};
    const struct kind *k = kind_of(*name_of(op));
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    DEEPEST = here < DEEPEST ? here : DEEPEST;
    if (strlen(STARTED) + 2 < sizeof STARTED)
        strncat(STARTED, name_of(op), 2);
    op->step = op->verb->steps;
    if (k->begin)
        op_refuse(op, k->begin);
    if (!k->first)
        return;
    op->after = op->step;
    op->step = FIRST;
}

static bool may_follow(const struct op *op) {
    assert_ptr_equal(op->session->append_to, &CHANNEL);
    return true;
}

static void submit(int who, char name) {
    static struct verb VERBS[128];
    const struct kind *k = kind_of(name);
    struct verb *v = &VERBS[(unsigned char)name];
    struct request req = {.kind = REQ_USERS};
    struct err early = {.code = k->early};
    *v = (struct verb){.steps = k->steps,
                       .begin = begin,
                       .may_follow = k->follows ? may_follow : NULL,
                       .costly = k->costly};
    req.mem_size = 5;
    req.mem = req.id.json = malloc(req.mem_size);
    assert_non_null(req.mem);
    snprintf(req.mem, req.mem_size, "\"%c%u\"", name, ++ASKED[who]);
    req.id.len = 4;
    op_submit(&OPS, S[who], v, &req, k->early ? &early : NULL);
}

/* --- What the sessions get --- "c1", or of an error "c1!not_joined" */

static void read_error(const char *json, char *out, size_t size) {
    const char *name = strstr(json, "\"name\":\"") + 8, *id = strstr(json, "requestID\":\"") + 12;
    assert_non_null(strstr(json, "\"request\":\"users\""));
    snprintf(out, size, "%.2s!%.*s", id, (int)strcspn(name, "\""), name);
}

static void check_got(int who, const char *expected) {
    char got[512] = "", one[64];
    const char *text;
    for (size_t at = 0; (text = fake_wire_next(&WSI[who], &at));) {
        snprintf(one, sizeof one, "%s", text);
        if (*text == '{')
            read_error(text, one, sizeof one);
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, n ? " %s" : "%s", one);
    }
    assert_string_equal(got, expected);
}

/* --- Orders --- */

/* 0c: session 0 asks for a c. 0x: its socket goes. r, r1: Redis answers its oldest question, or
 * number 1 (r!: with an error; r-: all are lost, and what is asked from then on; r+: it is back;
 * r@: it answers within the call). h0: what is held longest is released; h1: what came behind it.
 * t100: time passes. m1: one place is left inside. */
static void do_step(const char *step) {
    if (*step >= '0' && *step <= '9' && step[1] == 'x')
        session_detach(S[*step - '0']);
    else if (*step >= '0' && *step <= '9')
        submit(*step - '0', step[1]);
    else if (strcmp(step, "r-") == 0)
        fake_redis_go();
    else if (strcmp(step, "r+") == 0)
        FAKE_POOL.up = true;
    else if (strcmp(step, "r@") == 0)
        FAKE_POOL.at_once = "'ok'";
    else if (strcmp(step, "r!") == 0)
        fake_redis_answer("-LOADING Redis is loading the dataset;");
    else if (*step == 'r')
        fake_redis_answer_at(step[1] ? (size_t)(step[1] - '0') : 0, "'ok'");
    else if (*step == 'h') {
        struct op *op = HELD[step[1] - '0'];
        memmove(&HELD[step[1] - '0'], &HELD[step[1] - '0' + 1],
                (--HELD_COUNT - (size_t)(step[1] - '0')) * sizeof *HELD);
        op_release(op);
    } else if (*step == 'm')
        OPS.admission.inside = ADMISSION_PLACES - (unsigned)(step[1] - '0');
    else {
        clock_pass(strtoul(step + 1, NULL, 10));
        uv_run(&LOOP, UV_RUN_NOWAIT);
    }
}

struct row {
    const char *what, *steps;
    const char *got[PEOPLE]; /* NULL: nothing */
    const char *started;     /* NULL: not looked at */
    size_t pending;          /* questions that Redis has not answered */
};

static const struct row ROWS[] = {
    {"ends at once", "0n", {"n1"}, "n1", 0},
    {"one question", "0c r", {"c1"}, "c1", 0},
    {"not before it is answered", "0c", {NULL}, "c1", 1},
    {"two questions at a time", "02 r", {NULL}, "21", 1},
    {"… and goes on behind both", "02 r r", {"21"}, "21", 0},
    {"in any order", "02 r1 r", {"21"}, "21", 0},
    {"step by step", "03 r r r", {"31"}, "31", 0},
    {"it tells, and waits for nothing", "0t", {"t1"}, "t1", 0},
    {"Redis answers within the call", "r@ 0c 02 03 0w", {"c1 22 33 w4"}, "c12233w4", 0},
    {"items, in any order", "0i r1 r1 r", {"i1120"}, "i1", 0},
    {"items, within the call", "r@ 0i", {"i1012"}, "i1", 0},
    {"it goes on with another list", "0g r", {"g1"}, "g1", 0},
    {"… and behind one", "0l r", {"l1"}, "l1", 0},
    {"… within the call", "r@ 0l 0g", {"l1 g2"}, "l1g2", 0},

    {"fails when its turn comes", "0f", {"f1!not_joined"}, "f1", 0},
    {"fails, and its answer comes all the same", "0F", {NULL}, "F1", 1},
    {"… then it ends", "0F r", {"F1!not_joined"}, "F1", 0},
    {"… within the call", "r@ 0F", {"F1!not_joined"}, "F1", 0},
    {"an error was found before", "0e", {"e1!bad_field"}, "", 0},
    {"… and waits for its turn", "0c 0e r", {"c1 e2!bad_field"}, "c1", 0},
    {"… and enters nowhere", "m0 0E", {"E1!bad_field"}, "", 0},
    {"Redis answers with an error", "0c r!", {"c1!unavailable"}, "c1", 0},
    {"… and the other answer is awaited", "02 r!", {NULL}, "21", 1},
    {"… and no step behind it", "03 r! 0n", {"31!unavailable n2"}, "31n2", 0},
    {"… of an item", "0i r r! r", {"i1!unavailable"}, "i1", 0},
    {"lost", "02 r-", {"21!unavailable"}, "21", 0},
    {"lost: items", "0i r-", {"i1!unavailable"}, "i1", 0},
    {"lost between two answers", "02 r r-", {"21!unavailable"}, "21", 0},
    {"Redis is away", "r- 0c 0i r+ 0c r", {"c1!unavailable i2!unavailable c3"}, "c1i2c3", 0},
    {"the answer is too large", "0L", {"L1!internal"}, "L1", 0},

    {"one behind the other", "0c 0c r", {"c1"}, "c1c2", 1},
    {"answered in their order", "0c 0n r", {"c1 n2"}, "c1n2", 0},
    {"all at once behind one", "0c 0n 0n 0n r", {"c1 n2 n3 n4"}, "c1n2n3n4", 0},
    {"sessions by themselves", "0c 1c 1n 0n r1 r", {"c1 n2", "c1 n2"}, NULL, 0},
    {"appends go together", "0a 0a 0a", {NULL}, "a1a2a3", 0},
    {"… and are answered in their order", "0a 0a 0a h1 h1", {NULL}, "a1a2a3", 0},
    {"… when the first is done", "0a 0a 0a h1 h1 h0", {"a1 a2 a3"}, NULL, 0},
    {"not what is no append", "0a 0n", {NULL}, "a1", 0},
    {"… until all are answered", "0a 0a 0n h0 h0", {"a1 a2 n3"}, "a1a2n3", 0},
    {"no append beside others", "0c 0a", {NULL}, "c1", 1},
    {"… but behind them", "0c 0a 0a r h1 h0", {"c1 a2 a3"}, "c1a2a3", 0},
    {"an append behind what is no append", "0a 0c 0a h0 r h0", {"a1 c2 a3"}, "a1c2a3", 0},
    {"an error beside appends waits", "0a 0e 0a h0", {"a1 e2!bad_field"}, "a1a3", 0},

    {"held elsewhere", "0h 0n h0", {"h1 n2"}, "h1n2", 0},
    {"held, and released in the same step", "0w r", {"w1"}, "w1", 0},
    {"asleep", "0s t90", {NULL}, "s1", 0},
    {"awake", "0s 0n t90 t10", {"s1 n2"}, "s1n2", 0},
    {"no sleep", "0z", {"z1"}, "z1", 0},

    {"costly: there is a place", "m1 0k r", {"k1"}, "k1", 0},
    {"costly: there is none", "m1 0k 1k", {NULL}, "k1", 1},
    {"… until there is", "m1 0k 1k r", {"k1"}, "k1k1", 1},
    {"… others pass by", "m1 0k 1k 2n 3c", {NULL, NULL, "n1"}, "k1n1c1", 2},
    {"… not those behind it", "m1 0k 1k 1n r r", {"k1", "k1 n2"}, "k1k1n2", 0},
    {"in the order in which they came", "m1 0k 2k 1k r r r", {"k1", "k1", "k1"}, NULL, 0},
    {"its second stands behind the others", "m1 0k 0k 1k r r", {"k1", "k1"}, "k1k1k2", 1},
    {"one that ends at once lets the next in",
     "m1 0k 1K 2K 3K r",
     {"k1", "K1", "K1", "K1"},
     NULL,
     0},
    {"Redis goes, and all fail",
     "m1 0k 1k 2k 3k 1k r-",
     {"k1!unavailable", "k1!unavailable k2!unavailable", "k1!unavailable", "k1!unavailable"},
     NULL,
     0},
    {"costly, within the call", "m1 r@ 0k 0k 1k", {"k1 k2", "k1"}, "k1k2k1", 0},
    {"several places, one session each", "m2 0k 1k 2k 3k r r", {"k1", "k1"}, NULL, 2},

    {"its socket goes", "0c 0x r", {NULL}, "c1", 0},
    {"… and all that came is carried out", "0c 0c 0n 0x r", {NULL}, "c1c2", 1},
    {"… while it stands in line", "m1 0k 1k 1x r r", {"k1"}, "k1k1", 0},
    {"… and ends at once when it is let in", "m1 0k 1K 1x r", {"k1"}, "k1K1", 0},
    {"… and lets others in", "m1 0k 1k 0x r r", {NULL, "k1"}, "k1k1", 0},
    {"… while it sleeps", "0s 0x t100", {NULL}, "s1", 0},
    {"… while appends are under way", "0a 0a 0x h1 h0", {NULL}, "a1a2", 0},
    {"it is closed, and carries out what came", "0c 0b 0c r r", {"c1 b2!banned"}, "c1b2c3", 0},
};

static void check_row(const struct row *r) {
    struct steps steps = steps_of(r->steps);
    print_message("%s\n", r->what);
    HELD_COUNT = 0;
    unsigned inside = 0;
    for (char *step; (step = steps_next(&steps));) {
        do_step(step);
        if (*step == 'm')
            inside = OPS.admission.inside;
    }
    sessions_flush(&ALL);
    for (int i = 0; i < PEOPLE; i++)
        check_got(i, r->got[i] ? r->got[i] : "");
    if (r->started)
        assert_string_equal(STARTED, r->started);
    assert_int_equal(FAKE_POOL.n, r->pending);
    fake_redis_go();
    while (HELD_COUNT > 0)
        op_release(HELD[--HELD_COUNT]);
    OPS.admission.inside -= inside;
    assert_int_equal(CHANNEL.pins, 1000);
    clock_pass(1000);
    uv_run(&LOOP, UV_RUN_NOWAIT);
    for (int i = 0; i < PEOPLE; i++) {
        assert_int_equal(S[i] ? S[i]->op_count : 0, 0);
        assert_int_equal(S[i] ? S[i]->op_started : 0, 0);
        assert_null(S[i] ? S[i]->append_to : NULL);
    }
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_row(&ROWS[i]);
    }
}

/* --- The rest --- */

/* A session is freed behind its last request, once. */
static void test_freed_behind_the_last(void **state) {
    (void)state;
    submit(0, 'c');
    submit(0, 'c');
    session_detach(S[0]);
    assert_non_null(S[0]);
    fake_redis_answer("'ok'");
    assert_non_null(S[0]);
    fake_redis_answer("'ok'");
    assert_null(S[0]);
}

/* Too many requests: the socket isn't read until there are few. */
static void test_paused(void **state) {
    (void)state;
    for (unsigned i = 1; i <= MAX_REQUESTS; i++) {
        assert_int_equal(WSI[0].pauses, 0);
        submit(0, 'c');
    }
    assert_int_equal(WSI[0].pauses, 1);
    submit(0, 'c'); /* it was under way */
    assert_int_equal(WSI[0].pauses, 1);
    for (unsigned left = MAX_REQUESTS + 1; left >= MAX_REQUESTS / 2; left--) {
        assert_int_equal(WSI[0].resumes, 0);
        fake_redis_answer("'ok'");
    }
    assert_int_equal(S[0]->op_count, MAX_REQUESTS / 2 - 1);
    assert_int_equal(WSI[0].resumes, 1);
}

static void test_not_paused_without_a_socket(void **state) {
    (void)state;
    submit(0, 'c');
    session_detach(S[0]);
    for (unsigned i = 1; i < MAX_REQUESTS + 1; i++)
        submit(0, 'c');
    assert_int_equal(WSI[0].pauses, 0);
    fake_redis_go();
    assert_null(S[0]);
}

static void test_errors_close_and_are_counted(void **state) {
    (void)state;
    submit(0, 'b');
    submit(1, 'f');
    sessions_flush(&ALL);
    assert_int_equal(S[0]->closing, CLOSE_BANNED);
    assert_int_equal(WSI[0].goodbye, CLOSE_BANNED);
    assert_int_equal(WSI[0].len_at_goodbye, WSI[0].len); /* behind the answer */
    assert_int_equal(S[1]->closing, CLOSE_NONE);
    assert_int_equal(COUNT.errors[ERR_BANNED], 1);
    assert_int_equal(COUNT.errors[ERR_NOT_JOINED], 1);
}

/* Those in line that end at once let in the next one after the other, not one within the other. */
static void test_a_long_line(void **state) {
    enum { LINE = 500, NEEDED = 4096 };
    static struct lws wsi[LINE];
    (void)state;
    OPS.admission.inside = ADMISSION_PLACES - 1;
    submit(0, 'k');
    struct session *mine = S[1];
    for (int i = 0; i < LINE; i++) {
        S[1] = session_new(&ALL, &wsi[i], &ADDRESS, 10, 0);
        submit(1, 'K');
        session_detach(S[1]);
    }
    S[1] = mine;
    DEEPEST = UINTPTR_MAX;
    fake_redis_answer("'ok'");
    assert_true((uintptr_t)__builtin_frame_address(0) - DEEPEST < NEEDED);
    assert_int_equal(OPS.admission.inside, ADMISSION_PLACES - 1);
    assert_int_equal(ALL.count, PEOPLE);
    OPS.admission.inside = 0;
}

static void test_state_is_released(void **state) {
    (void)state;
    submit(0, 'i');
    submit(0, 'i');
    session_detach(S[0]);
    assert_int_equal(CLEARED, 0);
    for (int i = 0; i < 3; i++)
        fake_redis_answer("'ok'");
    assert_int_equal(CLEARED, 1);
    fake_redis_go();
    assert_int_equal(CLEARED, 2);
}

static void test_fail(void **state) {
    (void)state;
    struct op op = {.all = &OPS};
    struct err e = {.code = ERR_BUSY, .detail = "100% %s"};
    op_fail_as(&op, &e);
    assert_int_equal(op.err.code, ERR_BUSY);
    assert_string_equal(op.err.detail, "100% %s");
    assert_int_equal(op_fail(&op, ERR_LIMIT, "%d", 5), ERR_BUSY);
    assert_string_equal(op.err.detail, "100% %s");
    op = (struct op){.all = &OPS};
    assert_int_equal(op_fail(&op, ERR_LIMIT, "%d", 5), ERR_LIMIT);
    assert_string_equal(op.err.detail, "5");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_orders),
        TEST(test_freed_behind_the_last),
        TEST(test_paused),
        TEST(test_not_paused_without_a_socket),
        TEST(test_errors_close_and_are_counted),
        TEST(test_a_long_line),
        TEST(test_state_is_released),
        TEST(test_fail),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
