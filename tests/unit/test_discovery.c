/* test_discovery - whom it asks where the data is, how often, and when it turns to another. Link
 * and time are fakes. */
#include "chatd/redis/discovery.h"

#include "common/base/log.h"
#include "common/redis/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_link.h"

#define LEARNED_MAX 16

static uv_loop_t LOOP;
static struct keyspace KEYS;
static struct redis_uri URI;
static struct discovery *SCOUT;
static struct redis_link *LINK;
static bool TROUBLE, USEFUL;
static unsigned ANSWERS, REFUSALS;
static struct redis_address FROM;

static bool on_answer(const redisReply *reply, const struct redis_address *from, void *arg) {
    assert_ptr_equal(arg, &URI);
    assert_non_null(reply);
    FROM = *from;
    ANSWERS++;
    return USEFUL;
}

static bool on_trouble(void *arg) {
    assert_ptr_equal(arg, &URI);
    return TROUBLE;
}

static void on_refused(const char *why, void *arg) {
    assert_ptr_equal(arg, &URI);
    assert_string_equal(why, "why");
    REFUSALS++;
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return keyspace_init(&KEYS, "chat:") ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    TROUBLE = false;
    USEFUL = true;
    ANSWERS = REFUSALS = 0;
    return uv_loop_init(&LOOP);
}

static int teardown(void **state) {
    discovery_free(SCOUT);
    SCOUT = NULL;
    uv_run(&LOOP, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&LOOP), 0);
    fake_links_end();
    return made_free(state);
}

static void make(const char *uri) {
    const struct discovery_hooks hooks = {
        .answer = on_answer, .trouble = on_trouble, .refused = on_refused, .arg = &URI};
    char why[128];
    assert_true(redis_uri_parse(uri, &URI, why, sizeof why));
    SCOUT = discovery_new(&LOOP, &URI, &KEYS, "chatd-n1-scout", &hooks);
    assert_non_null(SCOUT);
    LINK = fake_link_to(NULL, "scout");
    discovery_start(SCOUT);
}

static void pass(uint64_t ms) {
    for (; ms > 0; ms -= 10) {
        clock_pass(10);
        uv_run(&LOOP, UV_RUN_NOWAIT);
    }
}

/* Every question is answered; how many there were. */
static unsigned asked_in(uint64_t ms) {
    unsigned n = 0;
    for (; ms > 0; ms -= 10) {
        pass(10);
        for (; LINK->n > 0; n++)
            fake_link_answer(LINK, "+any");
    }
    return n;
}

/* --- What is asked --- */

static void test_what_is_asked(void **state) {
    static const struct {
        const char *uri, *question;
        bool sentinel;
        unsigned port;
    } ROWS[] = {
        {"sentinel://s/m/3", "SENTINEL GET-MASTER-ADDR-BY-NAME m", true, 26379},
        {"cluster://s:7000", "CLUSTER SLOTS", false, 7000},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        make(ROWS[i].uri);
        assert_int_equal(LINK->hooks.role, LINK_DISCOVERY);
        assert_int_equal(LINK->hooks.sentinel, ROWS[i].sentinel);
        assert_false(LINK->hooks.master);
        fake_link_come(LINK); /* it is asked as soon as it is there */
        assert_int_equal(LINK->n, 1);
        assert_string_equal(LINK->pending[0].text, ROWS[i].question);
        assert_int_equal(LINK->uri->kind, REDIS_TCP);
        assert_int_equal(LINK->uri->db, 0); /* a sentinel has none */
        fake_link_answer(LINK, "+any");
        assert_string_equal(FROM.host, "s");
        assert_int_equal(FROM.port, ROWS[i].port);
    }
}

static void test_how_often(void **state) {
    static const struct {
        bool trouble;
        unsigned least, most; /* in a second */
    } ROWS[] = {{false, 3, 4}, {true, 9, 10}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        make("cluster://a");
        TROUBLE = ROWS[i].trouble;
        assert_int_equal(asked_in(1000), 0); /* nobody is there */
        fake_link_come(LINK);
        fake_link_answer(LINK, "+any");
        assert_in_range(asked_in(1000), ROWS[i].least, ROWS[i].most);
    }
}

static void test_hurry(void **state) {
    (void)state;
    make("cluster://a");
    discovery_hurry(SCOUT); /* nobody to ask */
    assert_int_equal(LINK->n, 0);
    fake_link_come(LINK);
    discovery_hurry(SCOUT); /* it is being asked */
    assert_int_equal(LINK->n, 1);
    fake_link_answer(LINK, "+any");
    discovery_hurry(SCOUT);
    discovery_hurry(SCOUT);
    assert_int_equal(LINK->n, 1);
    discovery_flush(SCOUT);
    assert_int_equal(LINK->flushes, 1);
}

/* --- Whom --- */

/* In turn, before each try; what was learned comes behind what the URI says. */
static void test_in_turn(void **state) {
    (void)state;
    make("cluster://a,b:1");
    const struct redis_address known = {.host = "b", .port = 1}, again = {.host = "a", .port = 7},
                               last = {.host = "z", .port = 1};
    discovery_learn(SCOUT, &known);
    discovery_learn(SCOUT, &again); /* another port is another server */
    discovery_learn(SCOUT, &again);
    discovery_learn(SCOUT, &last);
    static const char *const TURNS[] = {"a 6379", "b 1", "a 7", "z 1", "a 6379", "b 1"};
    for (size_t i = 0; i < sizeof TURNS / sizeof *TURNS; i++) {
        char at[300];
        fake_link_come(LINK);
        snprintf(at, sizeof at, "%s %u", LINK->uri->host, LINK->uri->port);
        assert_string_equal(at, TURNS[i]);
        fake_link_answer(LINK, "+any");
        fake_link_go(LINK);
    }
}

static void test_the_oldest_is_forgotten(void **state) {
    (void)state;
    make("cluster://a:9999");
    for (unsigned port = 1; port <= LEARNED_MAX + 2; port++) {
        const struct redis_address at = {.host = "a", .port = port};
        discovery_learn(SCOUT, &at);
    }
    bool seen[LEARNED_MAX + 3] = {false};
    for (unsigned i = 0; i < LEARNED_MAX + 1; i++) {
        fake_link_come(LINK);
        if (LINK->uri->port < LEARNED_MAX + 3)
            seen[LINK->uri->port] = true;
        fake_link_go(LINK);
    }
    for (unsigned port = 1; port <= LEARNED_MAX + 2; port++)
        assert_int_equal(seen[port], port > 2);
}

struct patience {
    const char *what;
    bool trouble, useful, answered;
    unsigned moves; /* to another in three seconds */
};

static void test_patience(void **state) {
    static const struct patience ROWS[] = {
        {"all is well", false, true, true, 0},
        {"all is well, and it says nothing of use", false, false, true, 0},
        {"trouble, and it helps", true, true, true, 0},
        {"trouble, and it doesn't", true, false, true, 2},
        {"trouble, and it is silent", true, true, false, 2},
        {"it is silent", false, true, false, 2},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const struct patience *r = &ROWS[i];
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        print_message("%s\n", r->what);
        make("cluster://a,b");
        TROUBLE = r->trouble;
        USEFUL = r->useful;
        fake_link_come(LINK);
        for (unsigned ms = 0; ms < 3000; ms += 10) {
            if (r->answered)
                asked_in(10);
            else
                pass(10);
            if (!LINK->up)
                fake_link_come(LINK);
        }
        assert_int_equal(LINK->moves, r->moves);
    }
}

static void test_lost_and_refused(void **state) {
    (void)state;
    make("cluster://a");
    fake_link_come(LINK);
    fake_link_go(LINK); /* the answer is lost: that is none */
    assert_int_equal(ANSWERS, 0);
    fake_link_come(LINK);
    assert_int_equal(LINK->n, 1); /* and it is asked again */
    LINK->hooks.refused("why", LINK->hooks.arg);
    assert_int_equal(REFUSALS, 1);
}

static void test_no_memory(void **state) {
    const struct discovery_hooks hooks = {.arg = &URI};
    (void)state;
    FAKE_NO_MEMORY = true;
    assert_null(discovery_new(&LOOP, &URI, &KEYS, "x", &hooks));
    discovery_free(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_asked), TEST(test_how_often),        TEST(test_hurry),
        TEST(test_in_turn),       TEST(test_patience),         TEST(test_the_oldest_is_forgotten),
        TEST(test_no_memory),     TEST(test_lost_and_refused),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
