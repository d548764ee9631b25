/* test_dispatch - from a frame to the verb that carries it out, and what keeps it from getting
 * there: malformed frames, rates, floods, the end. The verbs are the test's own, and so is the
 * time.
 */
#include "chatd/request/dispatch.h"

#include "chatd/daemon/node.h"
#include "chatd/request/auth.h"
#include "chatd/request/verbs.h"
#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_redis.h"
#include "fake_wire.h"
#include "steps.h"

#define PEOPLE 4
#define BAD_IN_A_ROW 10
#define FLOOD_MAX 1000

static uv_loop_t LOOP;
static struct node NODE;
static struct chatd_settings SETTINGS;
static struct lws WSI[PEOPLE];
static struct session *S[PEOPLE];
static struct account ACCOUNTS[2];
static struct address ADDRESSES[2];
static char CARRIED_OUT[64]; /* the symbol of what was, last */

/* --- The verbs --- */

static void carry_out(struct op *op, const char *symbol) {
    snprintf(CARRIED_OUT, sizeof CARRIED_OUT, "%s", symbol);
    struct buf *b = frame_scratch();
    buf_str(b, "ok");
    op_answer(op, b);
}

#define X(sym, ...)                                                                                \
    static void do_##sym(struct op *op) {                                                          \
        carry_out(op, #sym);                                                                       \
    }                                                                                              \
    const op_step VERB_##sym[] = {do_##sym, NULL};
REQUEST_TABLE(X)
#undef X

bool verb_message_may_follow(const struct op *op) {
    (void)op;
    return false;
}

static const struct verb *VERB; /* of what began last */

void auth_begin(struct op *op) {
    VERB = op->verb;
    op->step = op->verb->steps;
}

bool auth_is_settled(struct session *s, const struct request *req) {
    (void)s;
    (void)req;
    return true;
}

/* --- Life --- */

static void gone(struct session *s) {
    for (int i = 0; i < PEOPLE; i++)
        if (S[i] == s)
            S[i] = NULL;
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() ? 0 : -1;
}

/* Sessions 0 and 1 are one user's; 0, 1 and 2 come from one address. */
static void setup_with(uint64_t rate, uint64_t rate_user, uint64_t rate_address) {
    memset(WSI, 0, sizeof WSI);
    memset(ACCOUNTS, 0, sizeof ACCOUNTS);
    memset(ADDRESSES, 0, sizeof ADDRESSES);
    fake_redis_init();
    assert_int_equal(uv_loop_init(&LOOP), 0);
    SETTINGS = (struct chatd_settings){.max_requests = 100,
                                       .max_rate = rate,
                                       .max_rate_user = rate_user,
                                       .max_rate_address = rate_address};
    NODE = (struct node){.set = &SETTINGS, .loop = &LOOP};
    NODE.ops = (struct ops){.redis = &REDIS,
                            .hub = &NODE.hub,
                            .count = &NODE.count,
                            .set = &SETTINGS,
                            .loop = &LOOP,
                            .node = &NODE};
    assert_true(sessions_init(&NODE.sessions, 1u << 20, gone));
    for (int i = 0; i < PEOPLE; i++) {
        struct address *address = &ADDRESSES[i == 3];
        S[i] = session_new(&NODE.sessions, &WSI[i], address, rate, CLOCK_MS);
        S[i]->account = &ACCOUNTS[i > 1];
    }
}

static int setup(void **state) {
    (void)state;
    setup_with(0, 0, 0);
    return 0;
}

static int teardown(void **state) {
    for (int i = 0; i < PEOPLE; i++)
        session_detach(S[i]);
    sessions_flush(&NODE.sessions);
    assert_int_equal(NODE.sessions.count, 0);
    sessions_free(&NODE.sessions);
    assert_int_equal(uv_loop_close(&LOOP), 0);
    frame_scratch_free();
    fake_redis_end();
    for (int i = 0; i < PEOPLE; i++)
        fake_wire_free(&WSI[i]);
    return made_free(state);
}

static void receive(int who, const char *text) {
    dispatch_receive(&NODE, S[who], text, strlen(text));
}

/* What this session got last: "ok", the name of an error, or nothing. */
static const char *got_last(int who) {
    static char out[512];
    const char *json;
    out[0] = '\0';
    sessions_flush(&NODE.sessions);
    for (size_t at = 0; (json = fake_wire_next(&WSI[who], &at));) {
        const char *name = strstr(json, "\"name\":\"");
        if (name)
            snprintf(out, sizeof out, "%.*s", (int)strcspn(name + 8, "\""), name + 8);
        else
            snprintf(out, sizeof out, "%s", json);
    }
    fake_wire_free(&WSI[who]);
    return out;
}

/* --- What goes where --- */

#define UUID "75000000-0000-4000-8000-000000000061"

static void test_verbs(void **state) {
    static const struct {
        const char *frame, *symbol;
        bool anyone, costly, follows;
    } FRAMES[] = {
        {"{\"type\":\"signIn\",\"signIn\":{\"username\":\"a\",\"password\":\"b\"}}", "SIGN_IN",
         true, false, false},
        {"{\"type\":\"signUp\",\"signUp\":{\"username\":\"a\",\"password\":\"b\"}}", "SIGN_UP",
         true, false, false},
        {"{\"type\":\"signOut\"}", "SIGN_OUT", false, false, false},
        {"{\"type\":\"users\"}", "USERS", false, true, false},
        {"{\"type\":\"channelJoin\",\"channelJoin\":{\"recipientUUID\":\"0\"}}", "CHANNEL_JOIN",
         false, true, false},
        {"{\"type\":\"channelMessage\",\"channelMessage\":{\"recipientUUID\":\"" UUID
         "\",\"message\":\"hello\"}}",
         "CHANNEL_MESSAGE", false, false, true},
        {"{\"type\":\"channelMessages\",\"channelMessages\":{\"recipientUUID\":\"0\"}}",
         "CHANNEL_MESSAGES", false, true, false},
        {"{\"type\":\"channelLeave\",\"channelLeave\":{\"recipientUUID\":\"" UUID "\"}}",
         "CHANNEL_LEAVE", false, false, false},
    };
    (void)state;
    assert_int_equal(sizeof FRAMES / sizeof *FRAMES, REQ_KINDS - 1); /* each of them */
    for (size_t i = 0; i < sizeof FRAMES / sizeof *FRAMES; i++) {
        receive(0, FRAMES[i].frame);
        assert_string_equal(got_last(0), "ok");
        assert_string_equal(CARRIED_OUT, FRAMES[i].symbol);
        assert_int_equal(VERB->anyone, FRAMES[i].anyone);
        assert_int_equal(VERB->costly, FRAMES[i].costly);
        assert_int_equal(VERB->may_follow != NULL, FRAMES[i].follows);
        assert_int_equal(NODE.count.requests, i + 1);
    }
}

static void test_errors(void **state) {
    static const struct {
        const char *frame, *error;
    } FRAMES[] = {
        {"", "bad_json"},
        {"{", "bad_json"},
        {"{\"type\":\"users\"} x", "bad_json"},
        {"\xff", "bad_json"},
        {"{\"type\":\"dance\"}", "unknown_type"},
        {"{\"type\":\"channelMessage\"}", "bad_field"},
        {"{\"type\":\"users\",\"SUUID\":\"x\"}", "bad_session"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof FRAMES / sizeof *FRAMES; i++) {
        VERB = NULL;
        receive(0, FRAMES[i].frame);
        assert_string_equal(got_last(0), FRAMES[i].error);
        assert_null(VERB); /* it never began */
    }
    assert_int_equal(NODE.count.errors[ERR_BAD_JSON], 4);
}

/* --- Limits --- */

/* 0: session 0 sends a request, 0!: something malformed, 0?: a request with a wrong field, 0~: a
 * pong; t500: time passes. What each gives: "." well, "L250" refused for its rate, with the wait,
 * "B" malformed, "W" the wrong field, "T" too many malformed, "F" a flood, "-" no answer. */
static void do_step(const char *step, char *out, size_t size) {
    static const char *const FRAMES[] = {
        ['!'] = "{", ['?'] = "{\"type\":\"channelMessage\"}", ['\0'] = "{\"type\":\"users\"}"};
    static const struct {
        const char *error, *mark;
    } MARKS[] = {{"ok", "."},        {"rate_limited", "L"},    {"bad_json", "B"},
                 {"bad_field", "W"}, {"too_many_errors", "T"}, {"flood", "F"},
                 {"", "-"}};
    int who = *step - '0';
    out[0] = '\0';
    if (*step == 't') {
        clock_pass(strtoul(step + 1, NULL, 10));
        return;
    }
    if (step[1] == '~')
        dispatch_ponged(&NODE, S[who]);
    else
        receive(who, FRAMES[(unsigned char)step[1]]);
    sessions_flush(&NODE.sessions);
    size_t at = 0;
    const char *json = fake_wire_next(&WSI[who], &at);
    const char *wait = json ? strstr(json, "\"retryAfterMs\":") : NULL;
    unsigned long ms = wait ? strtoul(wait + 15, NULL, 10) : 0;
    const char *error = got_last(who);
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++)
        if (strcmp(MARKS[i].error, error) == 0)
            snprintf(out, size, ms ? "%s%lu" : "%s", MARKS[i].mark, ms);
    assert_string_not_equal(out, "");
}

struct row {
    const char *what;
    uint64_t rate, rate_user, rate_address; /* 0: no limit */
    const char *steps, *marks;
    enum close_code closed[PEOPLE];
    bool loopback, limit_loopback;
};

static const struct row ROWS[] = {
    {"no limits", 0, 0, 0, "0 0 0 0 0", ".....", .closed = {CLOSE_NONE}},
    {"a rate", 2, 0, 0, "0 0 0", "..L500", .closed = {CLOSE_NONE}},
    {"… of each connection", 2, 0, 0, "0 0 1 1 0 1", "....L500L500", .closed = {CLOSE_NONE}},
    {"… after a while", 2, 0, 0, "0 0 t499 0 t1 0 0", "..L1.L500", .closed = {CLOSE_NONE}},
    {"… not more than it holds", 2, 0, 0, "0 t5000 0 0 0", "...L500", .closed = {CLOSE_NONE}},
    {"… what is refused costs nothing", 2, 0, 0, "0 0 0 0 t500 0", "..L500L500.",
     .closed = {CLOSE_NONE}},
    {"… what is malformed counts", 2, 0, 0, "0! 0? 0!", "BWL500", .closed = {CLOSE_NONE}},
    {"… pongs count", 2, 0, 0, "0~ 0~ 0", "--L500", .closed = {CLOSE_NONE}},
    {"… of the user", 0, 2, 0, "0 1 0 1 2 3", "..L500L500..", .closed = {CLOSE_NONE}},
    {"… of the address", 0, 0, 2, "0 2 1 3", "..L500.", .closed = {CLOSE_NONE}},
    {"… the longest isn't told, but the first", 1, 4, 0, "0 0", ".L1000", .closed = {CLOSE_NONE}},
    {"… a connection over its rate costs the user nothing", 1, 2, 0, "0 0 0 1 1",
     ".L1000L1000.L1000", .closed = {CLOSE_NONE}},
    {"the loopback has none", 2, 2, 2, "0 0 0 1 1 1", "......", .loopback = true},
    {"… unless it shall have", 2, 0, 0, "0 0 0", "..L500", .loopback = true,
     .limit_loopback = true},
    {"… but malformed is malformed", 2, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 0! 0", "BBBBBBBBBT-",
     .closed = {CLOSE_TOO_MANY_ERRORS}, .loopback = true},

    {"malformed, nine in a row", 0, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 0 0!", "BBBBBBBBB.B",
     .closed = {CLOSE_NONE}},
    {"malformed, ten in a row", 0, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 0! 0! 0", "BBBBBBBBBT--",
     .closed = {CLOSE_TOO_MANY_ERRORS}},
    {"… on one connection", 0, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 1! 1! 0!", "BBBBBBBBBBBT",
     .closed = {CLOSE_TOO_MANY_ERRORS}},
    {"… with a wrong field between", 0, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 0? 0! 0!", "BBBBBBBBBWBB",
     .closed = {CLOSE_NONE}},
    {"… over the rate, too", 9, 0, 0, "0! 0! 0! 0! 0! 0! 0! 0! 0! 0!", "BBBBBBBBBT",
     .closed = {CLOSE_TOO_MANY_ERRORS}},
};

static void check_row(const struct row *r) {
    struct steps steps = steps_of(r->steps);
    char marks[128] = "", one[32];
    print_message("%s\n", r->what);
    setup_with(r->rate, r->rate_user, r->rate_address);
    for (int i = 0; i < PEOPLE; i++) {
        bucket_init(&ACCOUNTS[i > 1].rate[ACCOUNT_REQUESTS], r->rate_user, CLOCK_MS);
        bucket_init(&ADDRESSES[i == 3].rate[ADDRESS_REQUESTS], r->rate_address, CLOCK_MS);
        ADDRESSES[i == 3].loopback = r->loopback;
    }
    SETTINGS.limit_loopback = r->limit_loopback;
    for (char *step; (step = steps_next(&steps));) {
        do_step(step, one, sizeof one);
        strncat(marks, one, sizeof marks - strlen(marks) - 1);
    }
    assert_string_equal(marks, r->marks);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(S[i]->closing, r->closed[i]);
}

static void test_limits(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        teardown(state);
        check_row(&ROWS[i]);
    }
}

/* One that goes on and on in spite of what it is told; what is taken makes up for some. */
static void test_flood(void **state) {
    static const struct {
        unsigned taken; /* in the middle of it, after a while */
        unsigned more;  /* refused behind that until it is a flood, beside the half */
        bool pongs;
    } FLOODS[] = {{0, FLOOD_MAX / 2, false},
                  {1, FLOOD_MAX / 2 + 4, false},
                  {2, FLOOD_MAX / 2 + 8, false},
                  {0, FLOOD_MAX / 2, true}};
    for (size_t f = 0; f < sizeof FLOODS / sizeof *FLOODS; f++) {
        char mark[32] = "";
        const char *step = FLOODS[f].pongs ? "0~" : "0";
        teardown(state);
        setup_with(2, 0, 0);
        do_step("0", mark, sizeof mark);
        do_step("0", mark, sizeof mark);
        for (unsigned i = 0; i < FLOOD_MAX / 2; i++)
            do_step(step, mark, sizeof mark);
        for (unsigned i = 0; i < FLOODS[f].taken; i++) {
            do_step("t500", mark, sizeof mark);
            do_step("0", mark, sizeof mark);
            assert_string_equal(mark, ".");
        }
        for (unsigned i = 1; i < FLOODS[f].more; i++)
            do_step(step, mark, sizeof mark);
        assert_int_equal(S[0]->closing, CLOSE_NONE);
        do_step(step, mark, sizeof mark);
        assert_string_equal(mark, FLOODS[f].pongs ? "-" : "F500");
        assert_int_equal(S[0]->closing, CLOSE_FLOOD);
    }
}

/* --- The beginning and the end --- */

static void test_open(void **state) {
    struct lws wsi = {.bytes = NULL};
    (void)state;
    SETTINGS.max_rate = 2;
    NODE.limits = (struct server_limits){.frame_bytes = 4711};
    struct session *s = dispatch_open(&NODE, &wsi, &ADDRESSES[0]);
    assert_non_null(s);
    sessions_flush(&NODE.sessions);
    size_t at = 0;
    const char *json = fake_wire_next(&wsi, &at);
    assert_non_null(json);
    assert_memory_equal(json, "{\"type\":\"ready\"", 15);
    assert_non_null(strstr(json, "\"frameBytes\":4711"));
    assert_int_equal(NODE.count.connections, 1);
    assert_int_equal(bucket_take(&s->rate, 2, CLOCK_MS), 0);
    assert_int_equal(bucket_take(&s->rate, 2, CLOCK_MS), 0);
    assert_int_equal(bucket_take(&s->rate, 2, CLOCK_MS), 500);
    session_detach(s);
    fake_wire_free(&wsi);
}

/* A frame that comes too late is a sign of life, and nothing else. */
static void test_too_late(void **state) {
    (void)state;
    SETTINGS.max_rate_user = 1;
    bucket_init(&ACCOUNTS[0].rate[ACCOUNT_REQUESTS], 1, CLOCK_MS);
    session_close(S[0], CLOSE_KICKED);
    clock_pass(5);
    receive(0, "{\"type\":\"users\"}");
    dispatch_ponged(&NODE, S[0]);
    NODE.draining = true;
    receive(1, "{\"type\":\"users\"}");
    assert_string_equal(got_last(0), "");
    assert_string_equal(got_last(1), "");
    assert_int_equal(NODE.count.requests, 0);
    assert_int_equal(S[0]->heard_ms, CLOCK_MS);
    assert_int_equal(S[1]->heard_ms, CLOCK_MS);
    assert_int_equal(S[2]->heard_ms, CLOCK_MS - 5);
    assert_int_equal(bucket_take(&ACCOUNTS[0].rate[ACCOUNT_REQUESTS], 1, CLOCK_MS),
                     0); /* nothing was taken of it */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_verbs), TEST(test_errors), TEST(test_limits),
                                       TEST(test_flood), TEST(test_open),   TEST(test_too_late)};
    return cmocka_run_group_tests(tests, init, NULL);
}
