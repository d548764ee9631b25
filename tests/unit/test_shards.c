/* test_shards - which servers there are, and which slots each has: one server, one that a
 * sentinel names, the masters of a Cluster as they come, go and change. The links are fakes, and so
 * is the time; who asks where the data is (discovery) is real. */
#include "chatd/redis/shards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_shards.h"

static struct shards ALL;

static void on_append_up(void *arg) {
    assert_ptr_equal(arg, &EVENTS);
    note("append", -1);
}

static int setup(void **state) {
    (void)state;
    return begin_loop();
}

static int teardown(void **state) {
    shards_close(&ALL);
    return end_loop(state);
}

static void make(const char *uri, enum durability durability) {
    static const struct shards_hooks hooks = {FAKE_SHARDS_HOOKS, .append_up = on_append_up};
    char why[128];
    assert_true(redis_uri_parse(uri, &URI, why, sizeof why));
    assert_true(shards_init(&ALL, &LOOP, &URI, &KEYS, "n1", durability, &hooks));
}

/* The one that knows is asked, and answers. */
static void tell(const char *answer) {
    struct redis_link *scout = fake_link_to(NULL, "scout");
    assert_non_null(scout);
    if (!scout->up)
        fake_link_come(scout);
    else
        shards_doubt(&ALL);
    fake_link_answer(scout, answer);
}

/* --- What a URI makes --- */

struct made_of {
    const char *uri;
    enum durability durability;
    const char *links;                 /* their names' ends, in order */
    bool master, shard, locates, uses; /* what the store's link is told; it is there at once */
};

static const struct made_of MADE_OF[] = {
    {"redis://a", DURABILITY_REDIS, "store bus ", false, false, false, true},
    {"redis://a", DURABILITY_REPLICATED, "store bus append ", false, false, false, true},
    {"unix:///x", DURABILITY_ALWAYS, "store bus ", false, false, false, true},
    {"sentinel://s/m", DURABILITY_REDIS, "scout store bus ", true, false, true, true},
    {"cluster://a,b", DURABILITY_REDIS, "scout ", false, false, false, false},
};

static void test_what_a_uri_makes(void **state) {
    for (size_t i = 0; i < sizeof MADE_OF / sizeof *MADE_OF; i++) {
        const struct made_of *m = &MADE_OF[i];
        char names[128] = "";
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        make(m->uri, m->durability);
        for (size_t k = 0; k < FAKE_LINKS_COUNT; k++) {
            assert_memory_equal(FAKE_LINKS[k]->name, "chatd-n1-", 9);
            assert_false(FAKE_LINKS[k]->started);
            size_t n = strlen(names);
            snprintf(names + n, sizeof names - n, "%s ", FAKE_LINKS[k]->name + 9);
        }
        assert_string_equal(names, m->links);
        struct redis_link *store = fake_link_to(NULL, "store");
        assert_int_equal(store != NULL, m->uses);
        if (store) {
            assert_int_equal(store->hooks.master, m->master);
            assert_int_equal(store->hooks.shard, m->shard);
            assert_int_equal(store->hooks.locate != NULL, m->locates);
            assert_int_equal(store->hooks.durability, m->durability);
            assert_int_equal(fake_link_to(NULL, "bus")->hooks.durability, DURABILITY_REDIS);
        }
        shards_start(&ALL);
        for (size_t k = 0; k < FAKE_LINKS_COUNT; k++)
            assert_true(FAKE_LINKS[k]->started);
        shards_flush(&ALL);
        for (size_t k = 0; k < FAKE_LINKS_COUNT; k++)
            assert_int_equal(FAKE_LINKS[k]->flushes, 1);
    }
}

/* An embedded one says where it listens only when it has been started. */
static void test_the_uri_is_read_at_the_start(void **state) {
    (void)state;
    make("redis://a", DURABILITY_REDIS);
    URI.port = 7001;
    shards_start(&ALL);
    assert_int_equal(fake_link_to("a", "store")->uri->port, 7001);
}

static void test_no_memory(void **state) {
    const struct shards_hooks hooks = {.arg = EVENTS};
    char why[128];
    (void)state;
    assert_true(redis_uri_parse("redis://a", &URI, why, sizeof why));
    FAKE_NO_MEMORY = true;
    assert_false(shards_init(&ALL, &LOOP, &URI, &KEYS, "n1", DURABILITY_REPLICATED, &hooks));
    assert_null(ALL.shard[0]);
    for (size_t i = 0; i < FAKE_LINKS_COUNT; i++)
        assert_true(FAKE_LINKS[i]->freed);
}

/* --- One server --- */

static void test_one_server(void **state) {
    (void)state;
    make("redis://a", DURABILITY_REPLICATED);
    shards_start(&ALL);
    struct redis_link *store = fake_link_to("a", "store"), *bus = fake_link_to("a", "bus"),
                      *append = fake_link_to("a", "append");
    assert_false(shards_any_up(&ALL));
    fake_link_come(bus);
    assert_false(shards_any_up(&ALL));
    fake_link_come(store);
    assert_true(shards_any_up(&ALL));
    assert_false(shards_all_up(&ALL));
    fake_link_come(append);
    assert_true(shards_all_up(&ALL));
    bus->hooks.push(made("'x'"), bus->hooks.arg);
    store->hooks.refused("why", store->hooks.arg);
    check_events("hears0 up0 append x0 why");
    fake_link_go(append); /* what it loses is called back: nobody else needs to know */
    assert_false(shards_all_up(&ALL));
    fake_link_go(bus);
    fake_link_go(store);
    assert_false(shards_any_up(&ALL));
    check_events("deaf0 down0");
    for (uint16_t slot = 0; slot < 3; slot++)
        assert_ptr_equal(shards_owner(&ALL, slot), ALL.shard[0]);
}

/* --- A sentinel --- */

struct named {
    const char *what, *answer;
    const char *host; /* where the links go then; NULL: nowhere yet */
    unsigned port, moves;
};

static void test_sentinel(void **state) {
    static const struct named ROWS[] = {
        {"it knows no such master", "nil", NULL, 0, 0},
        {"an error", "-ERR unknown command;", NULL, 0, 0},
        {"a master", "[ 'a' '7000' ]", "a", 7000, 1},
        {"the same", "[ 'a' '7000' ]", "a", 7000, 1},
        {"no answer of use", "nil", "a", 7000, 1},
        {"another one", "[ 'b' '7000' ]", "b", 7000, 2},
        {"another port", "[ 'b' '7001' ]", "b", 7001, 3},
    };
    (void)state;
    make("sentinel://s/m", DURABILITY_REPLICATED);
    shards_start(&ALL);
    struct redis_link *links[] = {ALL.shard[0]->store, ALL.shard[0]->bus, ALL.shard[0]->append};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        tell(ROWS[i].answer);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(links[k]->moves, ROWS[i].moves);
            fake_link_come(links[k]);
            assert_int_equal(links[k]->up, ROWS[i].host != NULL);
            if (!ROWS[i].host)
                continue;
            assert_int_equal(links[k]->uri->kind, REDIS_TCP);
            assert_string_equal(links[k]->uri->host, ROWS[i].host);
            assert_int_equal(links[k]->uri->port, ROWS[i].port);
        }
        assert_int_equal(shards_all_up(&ALL), ROWS[i].host != NULL);
    }
}

/* A link that is lost is a reason to ask who the master is. */
static void test_a_lost_link_hurries(void **state) {
    (void)state;
    make("sentinel://s/m", DURABILITY_REDIS);
    shards_start(&ALL);
    tell("[ 'a' '7000' ]");
    struct redis_link *scout = fake_link_to(NULL, "scout");
    fake_link_come(ALL.shard[0]->store);
    assert_int_equal(scout->n, 0);
    fake_link_go(ALL.shard[0]->store);
    assert_int_equal(scout->n, 1);
    assert_string_equal(scout->pending[0].text, "SENTINEL GET-MASTER-ADDR-BY-NAME m");
}

/* --- A Cluster --- Hosts are letters; shards are numbered as they come. */

struct row {
    const char *what, *steps;
    const char *events;
    const char *owners; /* of slots 0, 5 and 16383: the host's letter, or '-' */
    const char *alive;  /* the hosts of shards 0, 1, 2 …, '-' where there is none */
    bool all_up;
};

#define HALVES "slots=a:0-99,b:100-16383"
#define ALL_COME "a+ b+ clear"

static const struct row ROWS[] = {
    {"nothing is known", "", "", "---", "", false},
    {"no answer of use", "error", "", "---", "", false},
    {"two masters", HALVES, "moved", "aab", "ab", false},
    {"they come up", HALVES " a+ b+", "moved up0 hears0 up1 hears1", "aab", "ab", true},
    {"one is missing", HALVES " a+", "moved up0 hears0", "aab", "ab", false},
    {"the same again", HALVES " clear " HALVES, "", "aab", "ab", false},
    {"a slot has no owner", "slots=a:0-4,a:6-16383 a+", "moved up0 hears0", "a-a", "a", false},
    {"it has one again", "slots=a:0-4,a:6-16383 a+ clear slots=a:0-16383", "moved", "aaa", "a",
     true},
    {"an error changes nothing", HALVES " " ALL_COME " error", "", "aab", "ab", true},

    {"a slot moves to one that is known", HALVES " " ALL_COME " slots=a:0-4,b:5-16383", "moved",
     "abb", "ab", true},
    {"another master takes over", HALVES " " ALL_COME " slots=c:0-99,b:100-16383", "deaf0 moved",
     "ccb", "-bc", false},
    {"its number is free again",
     HALVES " " ALL_COME " slots=c:0-99,b:100-16383 slots=d:0-99,b:100-16383",
     "deaf0 moved "
     "deaf2 moved",
     "ddb", "db-", false},
    {"not while it is busy", HALVES " " ALL_COME " a? slots=c:0-99,b:100-16383", "moved", "ccb",
     "abc", false},
    {"… but then", HALVES " " ALL_COME " a? slots=c:0-99,b:100-16383 a! slots=c:0-99,b:100-16383",
     "moved deaf0", "ccb", "-bc", false},
    {"busy with its handshake only", HALVES " " ALL_COME " a~ slots=c:0-99,b:100-16383",
     "down0 deaf0 moved", "ccb", "-bc", false},
    {"its link is down", HALVES " " ALL_COME " a- slots=c:0-99,b:100-16383", "down0 deaf0 moved",
     "ccb", "-bc", false},

    {"MOVED to one that is known", HALVES " " ALL_COME " moved=5:b", "moved", "abb", "ab", true},
    {"MOVED to a new one", HALVES " " ALL_COME " moved=5:c", "moved", "acb", "abc", false},
    {"MOVED there already", HALVES " " ALL_COME " moved=5:a", "", "aab", "ab", true},
    {"MOVED to the one that was asked", HALVES " " ALL_COME " moved=5:", "", "aab", "ab", true},
    {"… and it isn't the one of the slot", HALVES " " ALL_COME " moved=200:", "moved", "aab", "ab",
     true},
    {"ASK is for once", HALVES " " ALL_COME " ask=5:b", "", "aab", "ab", true},
    {"ASK of a new one", HALVES " " ALL_COME " ask=5:c", "", "aab", "abc", false},
    {"the table is asked for behind MOVED", HALVES " moved=5:c " HALVES, "moved moved deaf2 moved",
     "aab", "ab-", false},
};

/* slots=…: the answer to who has which; a letter with + or -: the host's links come up, or one goes
 * (~: and is being greeted again); ? and !: it is asked something, and answers; moved=5:b, ask=5:b:
 * what shard 0 says. */
static void do_step(char *step) {
    char *value = strchr(step, '=');
    struct redirect to = {.kind = *step == 'm' ? REDIRECT_MOVED : REDIRECT_ASK};
    char host[2] = {*step, '\0'};
    if (strcmp(step, "clear") == 0)
        EVENTS[0] = '\0';
    else if (strcmp(step, "error") == 0)
        tell("-ERR This instance has cluster support disabled;");
    else if (strncmp(step, "slots=", 6) == 0)
        tell(slots_text(value + 1));
    else if (step[1] == '+') {
        fake_link_come(fake_link_to(host, "store"));
        fake_link_come(fake_link_to(host, "bus"));
    } else if (step[1] == '-' || step[1] == '~') {
        struct redis_link *l = fake_link_to(host, "store");
        fake_link_go(l);
        l->n = step[1] == '~'; /* and nobody waits for the answer */
        l->pending[0] = (struct fake_pending){.fn = NULL};
    } else if (step[1] == '?') {
        struct cmd c;
        cmd_init(&c);
        cmd_ping(&c);
        redis_link_call(fake_link_to(host, "store"), &c, NULL, NULL, NULL);
        cmd_free(&c);
    } else if (step[1] == '!')
        fake_link_answer(fake_link_to(host, "store"), "+PONG");
    else {
        char *end;
        to.slot = (uint16_t)strtoul(value + 1, &end, 10);
        to.to.port = 7000;
        snprintf(to.to.host, sizeof to.to.host, "%s", end + 1);
        struct shard *h = shards_moved(&ALL, &to, ALL.shard[0]);
        assert_string_equal(h->at.host, end[1] ? end + 1 : "a");
    }
}

static char host_of(const struct shard *h) {
    return h ? *h->at.host : '-';
}

static void check_row(const struct row *r) {
    static const uint16_t SLOTS[] = {0, 5, 16383};
    struct steps steps = steps_of(r->steps);
    char alive[16] = "", owners[4] = "";
    print_message("%s\n", r->what);
    make("cluster://x,y", DURABILITY_REDIS);
    shards_start(&ALL);
    for (char *step; (step = steps_next(&steps));)
        do_step(step);
    for (int i = 0; i < 3; i++)
        owners[i] = host_of(shards_owner(&ALL, SLOTS[i]));
    for (uint16_t i = 0; i < ALL.n; i++)
        alive[i] = host_of(ALL.shard[i]);
    assert_string_equal(EVENTS, r->events);
    assert_string_equal(owners, r->owners);
    assert_string_equal(alive, r->alive);
    assert_int_equal(shards_all_up(&ALL), r->all_up);
}

static void test_cluster(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_row(&ROWS[i]);
    }
}

/* A shard's links are told that they are of many, and where it is. */
static void test_a_shards_links(void **state) {
    (void)state;
    make("cluster://x", DURABILITY_ALWAYS);
    shards_start(&ALL);
    tell(slots_text("a:0-16383"));
    const struct redis_link *store = fake_link_to("a", "store");
    assert_true(store->started && store->hooks.shard && store->hooks.master);
    assert_int_equal(store->hooks.durability, DURABILITY_ALWAYS);
    assert_int_equal(store->uri->port, 7000);
    assert_int_equal(store->uri->kind, REDIS_TCP);
    assert_true(store->hooks.locate(store->hooks.arg));
}

static void test_too_many_shards(void **state) {
    (void)state;
    make("cluster://x", DURABILITY_REDIS);
    shards_start(&ALL);
    struct redis_address at = {.host = "a"};
    for (at.port = 1; at.port <= SHARDS_MAX; at.port++)
        assert_int_equal(shards_at(&ALL, &at)->index, at.port - 1);
    assert_null(shards_at(&ALL, &at));
    at.port = 1;
    assert_non_null(shards_at(&ALL, &at));
    struct redirect to = {.kind = REDIRECT_MOVED, .slot = 5, .to = {.host = "b", .port = 1}};
    assert_null(shards_moved(&ALL, &to, ALL.shard[0]));
    assert_null(shards_owner(&ALL, 5));
}

/* --- How often it is asked --- */

static unsigned asked_in(uint64_t ms) {
    struct redis_link *scout = fake_link_to(NULL, "scout");
    unsigned n = 0;
    for (uint64_t end = CLOCK_MS + ms; CLOCK_MS < end;) {
        pass(10);
        for (; scout->n > 0; n++)
            fake_link_answer(scout, slots_text("a:0-16383"));
    }
    return n;
}

static void test_doubt(void **state) {
    (void)state;
    make("cluster://x", DURABILITY_REDIS);
    shards_start(&ALL);
    tell(slots_text("a:0-16383"));
    do_step((char[]){"a+"});
    assert_in_range(asked_in(1000), 3, 4);
    shards_doubt(&ALL);
    assert_in_range(asked_in(1000), 9, 11); /* for a second, more often */
    assert_in_range(asked_in(1000), 3, 4);
    do_step((char[]){"a-"});
    struct redis_link *scout = fake_link_to(NULL, "scout");
    assert_in_range(asked_in(1000), 9, 11); /* as long as there is trouble … */
    assert_int_equal(scout->moves, 0);
    asked_in(100);
    assert_int_equal(scout->moves, 1); /* … but it had better ask somebody else */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_uri_makes), TEST(test_the_uri_is_read_at_the_start),
        TEST(test_no_memory),        TEST(test_one_server),
        TEST(test_sentinel),         TEST(test_a_lost_link_hurries),
        TEST(test_cluster),          TEST(test_a_shards_links),
        TEST(test_too_many_shards),  TEST(test_doubt),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
