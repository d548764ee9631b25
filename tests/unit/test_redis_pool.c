/* test_redis_pool - where a command goes, and goes next when the server says that it is elsewhere;
 * that it is answered once, whatever is lost; confirmations; the schema of a Cluster; the bus. The
 * links and the time are fakes, the shards real. */
#include "chatd/redis/redis_pool.h"

#include "common/redis/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_shards.h"

/* Keys are letters. In the Cluster here host a has b, c, f and n, host b has a, d and x; the schema
 * is a's. */
#define HALVES "a:0-8191,b:8192-16383"

static struct redis_pool *POOL;
static struct cmd CMD;
static unsigned READY;
static char GOT[256]; /* "x" answered, "x!" an error, "x-" lost, "X#1" confirmed by so many */

static void on_ready(void *arg) {
    assert_ptr_equal(arg, &EVENTS);
    READY++;
}

static int setup(void **state) {
    (void)state;
    READY = 0;
    GOT[0] = '\0';
    cmd_init(&CMD);
    return begin_loop();
}

static void free_pool(void) {
    redis_pool_free(POOL);
    POOL = NULL;
    uv_run(&LOOP, UV_RUN_DEFAULT);
}

static int teardown(void **state) {
    free_pool();
    cmd_free(&CMD);
    return end_loop(state);
}

static void make(const char *uri, enum durability durability) {
    static const struct redis_pool_hooks hooks = {.shards = {FAKE_SHARDS_HOOKS}, .ready = on_ready};
    char why[128];
    assert_true(redis_uri_parse(uri, &URI, why, sizeof why));
    POOL = redis_pool_new(&LOOP, &URI, &KEYS, "n1", durability, &hooks);
    assert_non_null(POOL);
    redis_pool_start(POOL);
}

static struct redis_link *link_to(char host, const char *what) {
    struct redis_link *l = fake_link_to((char[]){host, '\0'}, what);
    assert_non_null(l);
    return l;
}

static void come(char host) {
    static const char *const WHAT[] = {"store", "bus", "append"};
    for (int i = 0; i < 3; i++) {
        struct redis_link *l = fake_link_to((char[]){host, '\0'}, WHAT[i]);
        if (l && !l->up)
            fake_link_come(l);
    }
}

static void tell_slots(const char *ranges) {
    struct redis_link *scout = fake_link_to(NULL, "scout");
    if (!scout->up)
        fake_link_come(scout);
    else if (scout->n == 0)
        redis_pool_doubt(POOL);
    fake_link_answer(scout, slots_text(ranges));
}

enum shape { SINGLE, REPLICATED, CLUSTER, CLUSTER_REPLICATED };

static void make_shape(enum shape shape) {
    bool replicated = shape == REPLICATED || shape == CLUSTER_REPLICATED;
    enum durability durability = replicated ? DURABILITY_REPLICATED : DURABILITY_REDIS;
    make(shape >= CLUSTER ? "cluster://y" : "redis://a", durability);
    if (shape >= CLUSTER) {
        tell_slots(HALVES);
        come('b');
    }
    come('a');
    if (shape >= CLUSTER) {
        fake_link_answer(link_to('a', "store"), "nil");
        fake_link_answer(link_to('a', "store"), "'1'");
    }
    assert_int_equal(READY, 1);
}

/* --- The way of a command --- */

static void call(char name);

static void on_answer(const redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    char mark[3] = {*(const char *)arg};
    mark[1] = !reply ? '-' : reply_error(reply) ? '!' : '\0';
    strncat(GOT, mark, sizeof GOT - strlen(GOT) - 1);
    if (mark[0] == 'n')
        call('c');
}

static void on_confirmed(int64_t replicas, void *arg) {
    size_t n = strlen(GOT);
    snprintf(GOT + n, sizeof GOT - n, "%c#%d", *(const char *)arg, (int)replicas);
}

static void *name_at(char name) {
    static char names[256];
    names[(unsigned char)name] = name;
    return &names[(unsigned char)name];
}

static void call(char name) {
    cmd_begin(&CMD, "GET");
    cmd_key(&CMD, &name, 1);
    redis_pool_call(POOL, &CMD, on_answer, name_at(name), NULL);
}

static void append(char name) {
    char key = (char)(name + 'a' - 'A');
    cmd_begin_script(&CMD, SCRIPT_APPEND, 1);
    cmd_key(&CMD, &key, 1);
    redis_pool_append(POOL, &CMD, on_answer, on_confirmed, name_at(name));
}

/* `ax`: host a is asked for x, and gives it. Behind it may be what it says instead. */
static void answer(char host, const char *step) {
    bool append_link = (*step >= 'A' && *step <= 'Z') && fake_link_to("a", "append");
    struct redis_link *l = link_to(host, append_link ? "append" : "store");
    char text[64], expected[16], key[2] = {*step};
    if (*step >= 'A' && *step <= 'Z')
        key[0] = (char)(*step + 'a' - 'A');
    if (*step == 'W')
        snprintf(expected, sizeof expected, "WAIT 1 1000");
    else if (*step == '?')
        snprintf(expected, sizeof expected, "ASKING");
    else
        snprintf(expected, sizeof expected, "%s %s", key[0] == *step ? "GET" : "append", key);
    assert_true(l->n > 0);
    assert_string_equal(l->pending[0].text, expected);
    unsigned slot = redis_pool_slot(POOL, key, 1);
    if (*step == 'W')
        snprintf(text, sizeof text, step[1] == 'e' ? "-ERR no;" : ":%c", step[1]);
    else if (step[1] == '>' || step[1] == '?')
        snprintf(text, sizeof text, "-%s %u %c:7000;", step[1] == '>' ? "MOVED" : "ASK", slot,
                 step[2]);
    else if (step[1] == '~')
        snprintf(text, sizeof text, "-TRYAGAIN Multiple keys request;");
    else if (step[1] == '!')
        snprintf(text, sizeof text, "-CLUSTERDOWN The cluster is down;");
    else
        snprintf(text, sizeof text, "'ok'");
    fake_link_answer(l, text);
}

static void swap_oldest(struct redis_link *l) {
    assert_true(l->n > 1);
    struct fake_pending p = l->pending[0];
    l->pending[0] = l->pending[1];
    l->pending[1] = p;
}

/* A letter calls; a large one appends. `ax` answers, see above. `a0`: it is asked nothing; `a-`,
 * `a+`: its links go, come; `a%`: a script that is loaded first is overtaken by its WAIT. */
static void do_step(char *step) {
    if (strcmp(step, "free") == 0)
        free_pool();
    else if (strncmp(step, "slots=", 6) == 0)
        tell_slots(step + 6);
    else if (strncmp(step, "t=", 2) == 0)
        pass(strtoul(step + 2, NULL, 10));
    else if (step[1] == '\0')
        *step >= 'a' ? call(*step) : append(*step);
    else if (step[1] == '+')
        come(*step);
    else if (step[1] == '-') {
        fake_link_go(link_to(*step, "store"));
        if (fake_link_to((char[]){*step, '\0'}, "append"))
            fake_link_go(link_to(*step, "append"));
    } else if (step[1] == '0')
        assert_int_equal(link_to(*step, "store")->n, 0);
    else if (step[1] == '%')
        swap_oldest(link_to(*step, "append"));
    else
        answer(*step, step + 1);
}

struct row {
    const char *what;
    enum shape shape;
    const char *steps, *got;
    size_t in_flight;
};

static const struct row ROWS[] = {
    {"one server, in order", SINGLE, "b x ab ax", "bx", 0},
    {"an answer is awaited", SINGLE, "b x ab", "b", 1},
    {"MOVED is an error like others there", SINGLE, "b ab>c", "b!", 0},
    {"lost", SINGLE, "b x ab a-", "bx-", 0},
    {"down", SINGLE, "a- b", "b-", 0},
    {"freed", SINGLE, "b x free", "b-x-", 0},
    {"from within a callback", SINGLE, "n an ac", "nc", 0},
    {"an append", SINGLE, "B aB", "B", 0},

    {"to whoever has it", CLUSTER, "b x bx ab", "xb", 0},
    {"one slot, in order", CLUSTER, "b b ab ab", "bb", 0},
    {"an append there", CLUSTER, "X bX", "X", 0},
    {"from within a callback there", CLUSTER, "n an ac", "nc", 0},
    {"moved", CLUSTER, "b ab>b bb", "b", 0},
    {"… and from then on there", CLUSTER, "b ab>b bb b bb", "bb", 0},
    {"moved to a new one, that must come first", CLUSTER, "b ab>c t=20 c+ t=20 cb", "b", 0},
    {"… which never comes", CLUSTER, "b ab>c t=2100", "b-", 0},
    {"… is patience, not for ever", CLUSTER, "b ab>c t=1900 c+ t=20 cb", "b", 0},
    {"… those that wait keep their order", CLUSTER, "b b c ab>c ab>c ac>c c+ t=20 cb cb cc", "bbc",
     0},
    {"… and what comes meanwhile is told", CLUSTER, "b ab>c b c+ t=20 cb", "b-b", 0},
    {"moved back and forth", CLUSTER, "b ab>b bb>a ab", "b", 0},
    {"moved for ever", CLUSTER,
     "b ab>b bb>a ab>b bb>a ab>b bb>a ab>b bb>a ab>b bb>a ab>b bb>a ab>b bb>a ab>b bb>a ab>b", "b-",
     0},
    {"asked elsewhere, for once", CLUSTER, "b ab?b b? bb b ab", "bb", 0},
    {"asked at a new one", CLUSTER, "b ab?c t=20 c+ t=20 c? cb", "b", 0},
    {"asked, and moved meanwhile", CLUSTER, "b ab?b b? bb>a ab", "b", 0},
    {"try again", CLUSTER, "b ab~ t=60 ab", "b", 0},
    {"… not at once", CLUSTER, "b ab~ t=20 a0 t=20 ab", "b", 0},
    {"… for ever", CLUSTER, "b ab~ t=60 ab~ t=60 ab~ t=2000 ab~", "b-", 0},
    {"a part of it is down", CLUSTER, "b ab!", "b!", 0},
    {"the link is lost", CLUSTER, "b x a- bx", "b-x", 0},
    {"the link is down", CLUSTER, "a- b x bx", "b-x", 0},
    {"a slot without an owner", CLUSTER, "slots=a:0-8191,b:8192-16000 d x bd", "x-d", 0},
    {"freed: in flight", CLUSTER, "b x free", "b-x-", 0},
    {"freed: waiting for its place", CLUSTER, "b ab>c free", "b-", 0},
    {"freed: from within a callback", CLUSTER, "n an>c free", "n-c-", 0},

    {"confirmed", REPLICATED, "B aB aW1", "BB#1", 0},
    {"by several", REPLICATED, "B aB aW3", "BB#3", 0},
    {"by none", REPLICATED, "B aB aW0", "BB#0", 0},
    {"not yet", REPLICATED, "B aB", "B", 1},
    {"WAIT fails", REPLICATED, "B aB aWe", "BB#-1", 0},
    {"the script was gone: WAIT overtook it", REPLICATED, "B a% aW1 aB aW1", "BB#1", 0},
    {"two", REPLICATED, "B C aB aW1 aC aW0", "BB#1CC#0", 0},
    {"other commands pass them by", REPLICATED, "B b ab aB aW1", "bBB#1", 0},
    {"lost before the answer", REPLICATED, "B a-", "B-B#-1", 0},
    {"lost between answer and confirmation", REPLICATED, "B aB a-", "BB#-1", 0},
    {"WAIT overtook it, then lost", REPLICATED, "B a% aW1 a-", "B-B#-1", 0},
    {"down: an append", REPLICATED, "a- B", "B-B#-1", 0},
    {"freed: an append", REPLICATED, "B aB C free", "BB#-1C-C#-1", 0},

    {"an append is moved", CLUSTER_REPLICATED, "B aB>b aW0 bB bW1", "BB#1", 0},
    {"… to one that must come first", CLUSTER_REPLICATED, "B aB>c aW0 t=20 c+ t=20 cB cW1", "BB#1",
     0},
    {"… which never comes", CLUSTER_REPLICATED, "B aB>c aW0 t=2100", "B-B#-1", 0},
    {"… lost behind MOVED", CLUSTER_REPLICATED, "B aB>b a-", "B-B#-1", 0},
    {"… an append is tried again", CLUSTER_REPLICATED, "B aB~ aW0 t=60 aB aW1", "BB#1", 0},
    {"to whoever has it: appends", CLUSTER_REPLICATED, "B X bX aB bW1 aW1", "XBX#1B#1", 0},
    {"no owner: an append", CLUSTER_REPLICATED, "slots=a:0-8191 X", "X-X#-1", 0},
};

static void check_row(const struct row *r) {
    struct steps steps = steps_of(r->steps);
    print_message("%s\n", r->what);
    make_shape(r->shape);
    for (char *step; (step = steps_next(&steps));)
        do_step(step);
    assert_string_equal(GOT, r->got);
    if (!POOL)
        return;
    size_t n = redis_pool_in_flight(POOL);
    assert_int_equal(n, r->in_flight);
}

static void test_ways(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_row(&ROWS[i]);
    }
}

/* A server that answers within the call must not make anything be used that is gone. */
static void test_answered_within_the_call(void **state) {
    for (enum shape shape = SINGLE; shape <= CLUSTER_REPLICATED; shape++) {
        if (shape > SINGLE) {
            teardown(state);
            setup(state);
        }
        make_shape(shape);
        for (size_t i = 0; i < FAKE_LINKS_COUNT; i++) {
            FAKE_LINKS[i]->at_once = true;
            FAKE_LINKS[i]->echo = ":1";
        }
        call('b');
        append('B');
        assert_string_equal(GOT, redis_pool_confirms(POOL) ? "bBB#1" : "bB");
        assert_int_equal(redis_pool_in_flight(POOL), 0);
    }
}

static void test_no_callback(void **state) {
    for (enum shape shape = SINGLE; shape <= CLUSTER; shape += CLUSTER - SINGLE) {
        if (shape > SINGLE) {
            teardown(state);
            setup(state);
        }
        make_shape(shape);
        cmd_begin(&CMD, "GET");
        cmd_key(&CMD, "b", 1);
        redis_pool_call(POOL, &CMD, NULL, NULL, NULL);
        fake_link_answer(link_to('a', "store"), "'ok'");
        redis_pool_call(POOL, &CMD, NULL, NULL, NULL);
        fake_link_go(link_to('a', "store"));
        redis_pool_call(POOL, &CMD, NULL, NULL, NULL);
        redis_pool_call(NULL, &CMD, on_answer, name_at('b'), NULL);
        assert_string_equal(GOT, "b-");
        assert_int_equal(redis_pool_in_flight(POOL), 0);
    }
}

/* --- Ready --- */

struct schema {
    const char *what, *answer;
    unsigned ready;
    const char *why;
    bool again; /* it is asked again when a link comes */
};

static void test_schema(void **state) {
    static const struct schema ROWS_[] = {
        {"ours", "'1'", 1, "", false},
        {"another", "'2'", 0, "the data under the prefix has another schema", true},
        {"none", "nil", 0, "the data under the prefix has another schema", true},
        {"not now", "-CLUSTERDOWN The cluster is down;", 0, "", true},
        {"not permitted", "-NOPERM no;", 0, "store: NOPERM", true},
    };
    for (size_t i = 0; i < sizeof ROWS_ / sizeof *ROWS_; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        print_message("%s\n", ROWS_[i].what);
        make("cluster://y", DURABILITY_REDIS);
        tell_slots(HALVES);
        come('a');
        assert_int_equal(link_to('a', "store")->n, 0);
        come('b');
        struct redis_link *store = link_to('a', "store");
        assert_string_equal(store->asked, "SET chat:schema 1 NX\nGET chat:schema\n");
        fake_link_answer(store, "nil");
        fake_link_answer(store, ROWS_[i].answer);
        assert_int_equal(READY, ROWS_[i].ready);
        assert_string_equal(WHY, ROWS_[i].why);
        fake_link_go(link_to('b', "bus"));
        fake_link_come(link_to('b', "bus"));
        assert_int_equal(store->n, ROWS_[i].again ? 2 : 0);
        if (!ROWS_[i].again)
            continue;
        fake_link_answer(store, "nil");
        fake_link_answer(store, "'1'");
        assert_int_equal(READY, 1);
    }
}

/* The answer that says it was lost; once only is it asked at a time. */
static void test_schema_lost(void **state) {
    (void)state;
    make("cluster://y", DURABILITY_REDIS);
    tell_slots(HALVES);
    come('a');
    come('b');
    struct redis_link *store = link_to('a', "store");
    fake_link_go(link_to('b', "bus"));
    fake_link_come(link_to('b', "bus"));
    assert_int_equal(store->n, 2);
    fake_link_go(store);
    fake_link_come(store);
    assert_int_equal(store->n, 2);
    fake_link_answer(store, "nil");
    fake_link_answer(store, "'1'");
    assert_int_equal(READY, 1);
}

/* Once; with a link for appends, not before that is there. */
static void test_ready(void **state) {
    (void)state;
    make("redis://a", DURABILITY_REPLICATED);
    fake_link_come(link_to('a', "store"));
    fake_link_come(link_to('a', "bus"));
    assert_int_equal(READY, 0);
    assert_true(redis_pool_up(POOL));
    fake_link_come(link_to('a', "append"));
    assert_int_equal(READY, 1);
    fake_link_go(link_to('a', "bus"));
    fake_link_go(link_to('a', "store"));
    assert_false(redis_pool_up(POOL));
    come('a');
    assert_int_equal(READY, 1);
    check_events("up0 hears0 deaf0 down0 up0 hears0");
    assert_false(redis_pool_up(NULL));
}

static void test_refused(void **state) {
    (void)state;
    make_shape(CLUSTER);
    struct redis_link *refusing[] = {link_to('a', "store"), fake_link_to(NULL, "scout")};
    for (int i = 0; i < 2; i++) {
        WHY[0] = '\0';
        refusing[i]->hooks.refused("why", refusing[i]->hooks.arg);
        assert_string_equal(WHY, "why");
    }
}

static void test_history(void **state) {
    static const struct {
        const char *uri;
        enum durability durability;
        const char *history;
    } ROWS_[] = {
        {"redis://a", DURABILITY_REDIS, "run"},
        {"redis://a", DURABILITY_REPLICATED, HISTORY_ASKED},
        {"sentinel://s/m", DURABILITY_REDIS, HISTORY_ASKED},
        {"cluster://y", DURABILITY_REDIS, HISTORY_ASKED},
    };
    for (size_t i = 0; i < sizeof ROWS_ / sizeof *ROWS_; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        make(ROWS_[i].uri, ROWS_[i].durability);
        assert_string_equal(redis_pool_history(POOL), ROWS_[i].history);
    }
}

static void test_slots(void **state) {
    (void)state;
    make_shape(SINGLE);
    assert_int_equal(redis_pool_slots(POOL), 1);
    assert_int_equal(redis_pool_slot(POOL, "b", 1), 0);
    assert_int_equal(redis_pool_shard(POOL, 0), 0);
    teardown(state);
    setup(state);
    make_shape(CLUSTER);
    assert_int_equal(redis_pool_slots(POOL), CLUSTER_SLOTS);
    assert_int_equal(redis_pool_slot(POOL, "b", 1), 3300);
    assert_int_equal(redis_pool_shard(POOL, 8191), 0);
    assert_int_equal(redis_pool_shard(POOL, 8192), 1);
    tell_slots("a:0-8191");
    assert_int_equal(redis_pool_shard(POOL, 8192), NO_SHARD);
    assert_int_equal(MOVES, 2);
}

/* --- The bus --- */

static void test_bus(void **state) {
    (void)state;
    make_shape(CLUSTER);
    cmd_ping(&CMD);
    redis_pool_bus_call(POOL, 1, &CMD);
    redis_pool_bus_call(POOL, 5, &CMD); /* nobody */
    assert_string_equal(link_to('b', "bus")->asked, "PING\n");
    assert_string_equal(link_to('a', "bus")->asked, "");
    assert_true(redis_pool_bus_up(POOL, 1));
    assert_false(redis_pool_bus_up(POOL, 5));
    assert_false(redis_pool_bus_up(POOL, NO_SHARD));
    assert_false(redis_pool_bus_up(NULL, 0));
    fake_link_go(link_to('b', "bus"));
    assert_false(redis_pool_bus_up(POOL, 1));
    EVENTS[0] = '\0';
    struct redis_link *bus = link_to('a', "bus");
    bus->hooks.push(made("'pushed'"), bus->hooks.arg);
    check_events("pushed0");
    redis_pool_flush(POOL);
    assert_int_equal(bus->flushes, 1);
}

static void test_bus_redirected(void **state) {
    static const struct {
        const char *answer;
        enum shape shape;
        bool redirected;
        unsigned moves; /* of slots, beside the first */
        uint16_t owner; /* of slot 5 */
    } ROWS_[] = {
        {"-MOVED 5 b:7000;", CLUSTER, true, 1, 1}, {"-MOVED 5 a:7000;", CLUSTER, true, 0, 0},
        {"-ASK 5 b:7000;", CLUSTER, true, 0, 0},   {"-TRYAGAIN x;", CLUSTER, true, 0, 0},
        {"-NOPERM x;", CLUSTER, false, 0, 0},      {"[ 'smessage' ]", CLUSTER, false, 0, 0},
        {"-MOVED 5 b:7000;", SINGLE, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof ROWS_ / sizeof *ROWS_; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        make_shape(ROWS_[i].shape);
        MOVES = 0;
        assert_int_equal(redis_pool_bus_redirected(POOL, 0, made(ROWS_[i].answer)),
                         ROWS_[i].redirected);
        assert_int_equal(MOVES, ROWS_[i].moves);
        assert_int_equal(redis_pool_shard(POOL, 5), ROWS_[i].owner);
        assert_int_equal(link_to('a', "bus")->moves, ROWS_[i].redirected);
        assert_false(redis_pool_bus_redirected(POOL, 7, made(ROWS_[i].answer)));
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_ways),           TEST(test_answered_within_the_call),
        TEST(test_no_callback),    TEST(test_schema),
        TEST(test_schema_lost),    TEST(test_ready),
        TEST(test_refused),        TEST(test_history),
        TEST(test_slots),          TEST(test_bus),
        TEST(test_bus_redirected),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
