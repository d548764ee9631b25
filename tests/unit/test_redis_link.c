/* test_redis_link - one connection to Redis: what each answer in the handshake means, the order of
 * commands and answers whatever is lost between them, and that each callback fires once. The other
 * side is a server of the test's own, on a real socket; time is the test's. */
#include "chatd/redis/redis_link.h"

#include "common/base/log.h"
#include "common/redis/reply.h"
#include "common/redis/resp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_server.h"

#define ANSWER_MS 2000
#define GREETING_MS 1500

static uv_loop_t LOOP;
static struct server SERVER;
static struct keyspace KEYS;
static struct redis_uri URI;
static struct redis_link *LINK;
static struct cmd CMD;
static unsigned UPS, DOWNS, REFUSALS, LOCATES, PUSHES;
static bool FOUND, FLUSHED;
static char WHY[256], PUSHED[64];
static char GOT[512]; /* what was called back: 'a', with '-' behind it for NULL, '!' an error */

static void on_up(void *arg) {
    assert_ptr_equal(arg, &SERVER);
    assert_true(redis_link_up(LINK));
    UPS++;
}

static void on_down(void *arg) {
    assert_ptr_equal(arg, &SERVER);
    assert_false(redis_link_up(LINK));
    DOWNS++;
}

static void on_refused(const char *why, void *arg) {
    assert_ptr_equal(arg, &SERVER);
    snprintf(WHY, sizeof WHY, "%s", why);
    REFUSALS++;
}

static bool on_locate(void *arg) {
    assert_ptr_equal(arg, &SERVER);
    LOCATES++;
    return FOUND;
}

static void on_push(const redisReply *reply, void *arg) {
    assert_ptr_equal(arg, &SERVER);
    snprintf(PUSHED, sizeof PUSHED, "%s", reply->type == REDIS_REPLY_ARRAY ? "array" : reply->str);
    PUSHES++;
}

/* One turn of the loop, as the daemon does it. */
static void turn(void) {
    if (LINK && FLUSHED)
        redis_link_flush(LINK);
    uv_run(&LOOP, UV_RUN_NOWAIT);
}

/* Until nothing happens any more. */
static void settle(void) {
    uint64_t moves = SERVER.moves;
    for (unsigned quiet = 0; quiet < 3; quiet++, moves = SERVER.moves) {
        turn();
        if (SERVER.moves != moves)
            quiet = 0;
    }
}

static void pass(uint64_t ms) {
    for (; ms > 0; ms -= ms < 10 ? ms : 10) {
        clock_pass(ms < 10 ? ms : 10);
        settle();
    }
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() && keyspace_init(&KEYS, "chat:") ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    UPS = DOWNS = REFUSALS = LOCATES = PUSHES = 0;
    FOUND = FLUSHED = true;
    GOT[0] = WHY[0] = PUSHED[0] = '\0';
    LINK = NULL;
    cmd_init(&CMD);
    uv_loop_init(&LOOP);
    server_start(&SERVER, &LOOP);
    URI = (struct redis_uri){.kind = REDIS_UNIX};
    snprintf(URI.path, sizeof URI.path, "%s", SERVER.path);
    return 0;
}

static int teardown(void **state) {
    redis_link_free(LINK);
    LINK = NULL;
    server_end(&SERVER);
    assert_int_equal(uv_loop_close(&LOOP), 0); /* nothing was left open */
    cmd_free(&CMD);
    return made_free(state);
}

static void start(struct redis_link_hooks hooks) {
    hooks.up = on_up;
    hooks.down = on_down;
    hooks.refused = on_refused;
    hooks.push = on_push;
    hooks.arg = &SERVER;
    LINK = redis_link_new(&LOOP, &URI, &KEYS, "a link", &hooks);
    assert_non_null(LINK);
    redis_link_start(LINK);
    settle();
}

static void start_up(void) {
    start((struct redis_link_hooks){.role = LINK_STORE});
    assert_true(redis_link_up(LINK));
}

/* --- The handshake --- */

enum result { UP, RETRY, REFUSED };

struct greeting {
    const char *what;
    enum link_role role;
    const char *asked_for, *answer; /* what the server does not answer well */
    enum result result;
    const char *why; /* of a refusal */
    const char *user, *password;
    unsigned db;
    bool master, shard, sentinel;
    enum durability durability;
};

#define REPLICA "[ 'slave' '127.0.0.1' :6379 'connected' :1 ]"
#define EVICTS "'\r\nmaxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n'"
#define NOPERM "-NOPERM no permissions;"

static const struct greeting GREETINGS[] = {
    {"a store", LINK_STORE, .result = UP, .master = true},
    {"a bus", LINK_BUS, .result = UP},
    {"of many", LINK_STORE, .result = UP, .shard = true},
    {"with a password", LINK_BUS, .result = UP, .user = "me", .password = "secret", .db = 3},
    {"a wrong password", LINK_BUS, "AUTH", "-WRONGPASS invalid pair;", .result = REFUSED,
     .why = "WRONGPASS invalid pair", .password = "secret"},
    {"what a sentinel says to a password is no matter", LINK_DISCOVERY, "AUTH",
     "-ERR no password is set;", .result = UP, .password = "secret", .sentinel = true},
    {"no such database", LINK_BUS, "SELECT", "-ERR DB index is out of range;", .result = REFUSED,
     .why = "ERR DB index is out of range", .db = 99},
    {"too many clients", LINK_BUS, "CLIENT", "-ERR max number of clients reached;",
     .result = RETRY},
    {"loading", LINK_BUS, "CLIENT", "-LOADING Redis is loading the dataset;", .result = RETRY},
    {"a replica", LINK_BUS, "ROLE", REPLICA, .result = RETRY, .master = true},
    {"a replica, where that is no matter", LINK_BUS, "ROLE", REPLICA, .result = UP},
    {"a sentinel in its place", LINK_STORE, "ROLE", "[ 'sentinel' [ 'mymaster' ] ]",
     .result = RETRY, .master = true},
    {"read-only", LINK_STORE, "SET chat:schema", "-READONLY You can't write.;", .result = RETRY},
    {"another schema", LINK_STORE, "GET chat:schema", "'2'", .result = REFUSED,
     .why = "the data under prefix chat: has another schema than 1"},
    {"a schema of another kind", LINK_STORE, "GET chat:schema", ":1", .result = REFUSED,
     .why = "the data under prefix chat: has another schema than 1"},
    {"no schema", LINK_STORE, "GET chat:schema", "nil", .result = REFUSED,
     .why = "the data under prefix chat: has another schema than 1"},
    {"the schema of a shard is no matter", LINK_STORE, "GET chat:schema", "'2'", .result = UP,
     .shard = true},
    {"may not wait", LINK_STORE, "WAIT", NOPERM, .result = REFUSED,
     .why = "user default may not: wait (NOPERM no permissions)"},
    {"may not do the last one, and is named", LINK_STORE, "SUNSUBSCRIBE", NOPERM, .result = REFUSED,
     .why = "user me may not: sunsubscribe (NOPERM no permissions)", .user = "me",
     .password = "secret"},
    {"may not load scripts", LINK_STORE, "SCRIPT LOAD --", NOPERM, .result = REFUSED,
     .why = "NOPERM no permissions"},
    {"no room for scripts", LINK_STORE, "SCRIPT LOAD --", "-OOM command not allowed;",
     .result = RETRY},
    {"may not be asked for its run id", LINK_STORE, "INFO server", NOPERM, .result = UP},
    {"throws data away, nothing was promised", LINK_STORE, "INFO memory", EVICTS, .result = UP},
    {"throws data away", LINK_STORE, "INFO memory", EVICTS, .result = REFUSED,
     .why = "Redis throws data away when it is full: set maxmemory-policy noeviction (it is "
            "allkeys-lru)",
     .durability = DURABILITY_EVERYSEC},
    {"may not be looked at", LINK_STORE, "CONFIG", NOPERM, .result = UP},
    {"may not be looked at, and must be", LINK_STORE, "CONFIG", NOPERM, .result = REFUSED,
     .why =
         "durability everysec: Redis can't be looked at: allow the user CONFIG GET (+config|get)",
     .durability = DURABILITY_EVERYSEC},
    {"keeps nothing", LINK_STORE, "CONFIG", "[ 'appendonly' 'no' ]", .result = REFUSED,
     .why = "durability everysec: Redis has no append-only file: set appendonly yes",
     .durability = DURABILITY_EVERYSEC},
    {"keeps nothing, and nothing was asked for", LINK_STORE, "CONFIG", "[ 'appendonly' 'no' ]",
     .result = UP},
};

static void start_greeting(const struct greeting *g) {
    snprintf(URI.user, sizeof URI.user, "%s", g->user ? g->user : "");
    snprintf(URI.password, sizeof URI.password, "%s", g->password ? g->password : "");
    URI.db = g->db;
    SERVER.asked_for = g->asked_for;
    SERVER.answer = g->answer;
    start((struct redis_link_hooks){.role = g->role,
                                    .master = g->master,
                                    .shard = g->shard,
                                    .sentinel = g->sentinel,
                                    .durability = g->durability});
}

static void check_greeting(const struct greeting *g) {
    print_message("%s\n", g->what);
    start_greeting(g);
    assert_int_equal(redis_link_up(LINK), g->result == UP);
    assert_int_equal(UPS, g->result == UP);
    assert_int_equal(REFUSALS, g->result == REFUSED);
    assert_string_equal(WHY, g->why ? g->why : "");
    assert_int_equal(DOWNS, 0); /* it never was up */
    if (g->result == UP) {
        assert_int_equal(SERVER.connections, 1);
        return;
    }
    pass(3000);
    assert_true(SERVER.connections > 2);
    assert_int_equal(UPS, 0);
    assert_int_equal(REFUSALS, g->result == REFUSED); /* it is told once */
    SERVER.asked_for = NULL;
    pass(1000);
    assert_true(redis_link_up(LINK));
    assert_int_equal(UPS, 1);
}

static void test_greetings(void **state) {
    for (size_t i = 0; i < sizeof GREETINGS / sizeof *GREETINGS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        check_greeting(&GREETINGS[i]);
    }
}

/* Nothing is asked before the password was given, nor of a database that is not ours. */
static void test_greeting_in_order(void **state) {
    (void)state;
    snprintf(URI.user, sizeof URI.user, "me");
    snprintf(URI.password, sizeof URI.password, "secret");
    URI.db = 3;
    start((struct redis_link_hooks){.role = LINK_BUS, .master = true});
    assert_string_equal(SERVER.asked, "AUTH me secret\nSELECT 3\nCLIENT SETNAME a link\nROLE\n");
}

/* A refusal that comes back after the link worked is told again. */
static void test_refused_again(void **state) {
    (void)state;
    for (unsigned times = 1; times <= 2; times++) {
        SERVER.asked_for = "GET chat:schema";
        SERVER.answer = "'2'";
        if (times == 1)
            start((struct redis_link_hooks){.role = LINK_STORE});
        server_hang_up(&SERVER);
        pass(1000);
        assert_int_equal(REFUSALS, times);
        SERVER.asked_for = NULL;
        pass(1000);
        assert_int_equal(UPS, times);
    }
}

struct history {
    const char *asked_for, *answer, *history;
};

static void test_history(void **state) {
    static const struct history ROWS[] = {
        {NULL, NULL, RUN_ID},
        {"INFO server", "'redis_version:7'", ""},
        {"CONFIG", "[ 'appendonly' 'yes' 'appendfsync' 'always' ]", RUN_ID},
        {"CONFIG", "[ 'appendonly' 'no' 'appendfsync' 'always' ]", RUN_ID},
        {"CONFIG", "[ 'appendonly' 'yes' 'appendfsync' 'everysec' ]", RUN_ID},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        SERVER.asked_for = ROWS[i].asked_for;
        SERVER.answer = ROWS[i].answer;
        start_up();
        assert_string_equal(redis_link_history(LINK), ROWS[i].history);
    }
}

static void test_silence_in_the_handshake(void **state) {
    (void)state;
    SERVER.holds = true;
    start((struct redis_link_hooks){.role = LINK_STORE});
    pass(GREETING_MS - 10);
    assert_int_equal(SERVER.connections, 1);
    pass(500); /* it is looked at four times a second */
    assert_int_equal(SERVER.connections, 2);
    assert_int_equal(UPS, 0);
    SERVER.holds = false;
    pass(GREETING_MS + 500);
    assert_int_equal(UPS, 1);
    assert_int_equal(DOWNS, 0);
}

/* --- Connecting --- */

static int tcp_socket(struct sockaddr_in *at) {
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    URI = (struct redis_uri){.kind = REDIS_TCP, .host = "127.0.0.1", .port = ntohs(at->sin_port)};
    return fd;
}

/* Tries go on for ever, and ever more slowly, up to one a second. */
static void test_refused_connections(void **state) {
    (void)state;
    struct sockaddr_in at;
    int fd = tcp_socket(&at); /* nobody listens: refused */
    start((struct redis_link_hooks){.role = LINK_STORE, .locate = on_locate});
    pass(1000);
    assert_in_range(LOCATES, 5, 9);
    pass(9000);
    assert_in_range(LOCATES, 14, 26);
    assert_int_equal(UPS + DOWNS + REFUSALS, 0);
    close(fd);
}

static void test_connects_late(void **state) {
    (void)state;
    start((struct redis_link_hooks){.role = LINK_STORE});
    redis_link_free(LINK);
    server_close(&SERVER);
    LINK = NULL;
    settle();
    start((struct redis_link_hooks){.role = LINK_STORE});
    pass(5000);
    assert_int_equal(UPS, 1); /* the first one's */
    server_listen(&SERVER);
    pass(1000);
    assert_int_equal(UPS, 2);
}

/* A full backlog: the connection is neither made nor refused. */
static void test_no_connection_in_time(void **state) {
    (void)state;
    struct sockaddr_in at;
    int fd = tcp_socket(&at), in_line[3];
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 3; i++) {
        in_line[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(in_line[i], (struct sockaddr *)&at, sizeof at);
    }
    start((struct redis_link_hooks){.role = LINK_STORE, .locate = on_locate});
    pass(GREETING_MS - 10);
    assert_int_equal(LOCATES, 1);
    pass(500);
    assert_int_equal(LOCATES, 2);
    for (int i = 0; i < 3; i++)
        close(in_line[i]);
    close(fd);
}

static void test_not_located(void **state) {
    (void)state;
    FOUND = false;
    start((struct redis_link_hooks){.role = LINK_STORE, .locate = on_locate});
    pass(1000);
    assert_in_range(LOCATES, 18, 21); /* it costs nothing to look: twenty times a second */
    assert_int_equal(SERVER.connections, 0);
    FOUND = true;
    pass(50);
    assert_int_equal(UPS, 1);
}

/* --- Commands --- */

static void call(char name);

static void on_reply(const redisReply *reply, void *arg, link_aux aux) {
    char name = *(const char *)arg, mark[3] = {name, '\0'};
    assert_true(aux == (link_aux)test_greetings);
    if (!reply)
        mark[1] = '-';
    else if (reply_error(reply))
        mark[1] = '!';
    else
        assert_int_equal(*reply->str, name);
    strncat(GOT, mark, sizeof GOT - strlen(GOT) - 1);
    if (name == 'n')
        call('x');
}

static const char *name_at(char name) {
    static char names[256];
    names[(unsigned char)name] = name;
    return &names[(unsigned char)name];
}

static void build(char name) {
    if (name >= 'A' && name <= 'Z')
        cmd_begin_script(&CMD, SCRIPT_READ, 0);
    else
        cmd_begin(&CMD, "ECHO");
    cmd_copy(&CMD, &name, 1);
}

static void call(char name) {
    build(name);
    redis_link_call(LINK, &CMD, on_reply, (void *)name_at(name), (link_aux)test_greetings);
}

static char *SENT[16]; /* must live until they are answered */
static size_t SENT_COUNT;

static void send_text(char name, bool asking) {
    build(name);
    struct link_text t = {.script = CMD.script != SCRIPT_NONE, .asking = asking};
    SENT[SENT_COUNT] = resp_format(&CMD, &t.len);
    t.text = SENT[SENT_COUNT++];
    redis_link_send(LINK, &t, on_reply, (void *)name_at(name), (link_aux)test_greetings);
}

static void serve_all(void) {
    SERVER.holds = false;
    while (SERVER.held_count > 0)
        server_serve(&SERVER);
    settle();
}

static void wait_for_answers(uint64_t ms) {
    clock_pass(ms);
    settle();
    clock_pass(250); /* the next look */
    settle();
}

static void shut(void) {
    server_close(&SERVER);
    settle();
}

static void shut_reading(void) {
    server_hang_up(&SERVER);
    settle();
}

/* A letter calls: a small one is a plain command, a large one a script. `n` calls `x` from within
 * its callback. The rest is what happens meanwhile. */
static void step(const char **at) {
    switch (**at) {
    case ' ': /* the loop runs */
        settle();
        break;
    case '>': /* sent by its text … */
        send_text(*++*at, false);
        break;
    case '?': /* … and with ASKING */
        send_text(*++*at, true);
        break;
    case '!': /* the server's scripts are gone */
        SERVER.forgot = true;
        break;
    case '[': /* the server holds its answers … */
        SERVER.holds = true;
        break;
    case '1': /* … but for the oldest … */
        settle();
        server_serve(&SERVER);
        settle();
        break;
    case ']': /* … and gives them */
        settle();
        serve_all();
        break;
    case '/': /* the connection breaks */
        settle();
        shut_reading();
        break;
    case '|': /* and for good */
        settle();
        shut();
        break;
    case '<': /* the link moves */
        settle();
        redis_link_move(LINK, "a test");
        break;
    case '~': /* the server has had time enough */
        settle();
        wait_for_answers(ANSWER_MS);
        break;
    case '+': /* it answers a question that nobody asked */
        settle();
        server_say(&SERVER, "'x'");
        settle();
        break;
    case '#': /* something that is no answer */
        settle();
        server_write(&SERVER, "\a\r\n", 3);
        settle();
        break;
    case '^': /* closed for good */
        settle();
        redis_link_free(LINK);
        LINK = NULL;
        settle();
        break;
    default:
        call(**at);
    }
}

struct row {
    const char *what, *steps;
    const char *done; /* what the server has carried out, in its order */
    const char *got;  /* what was called back, in its order */
    unsigned downs;
    bool master;
};

static const struct row ROWS[] = {
    {"nothing", " ", "", "", 0, false},
    {"in order", "abCd ", "abCd", "abCd", 0, false},
    {"sent by its text", ">a>Bc ", "aBc", "aBc", 0, false},
    {"asking", "a?b?C ", "a?b?C", "abC", 0, false},
    {"one from within a callback", "nb ", "nbx", "nbx", 0, false},

    {"scripts are gone", "!A ", "A", "A", 0, false},
    {"what is no script overtakes them once", "!aBcDe ", "aceBD", "aceBD", 0, false},
    {"by its text", "!>a>B>c>D ", "acBD", "acBD", 0, false},
    {"called while they are loaded", "![BD]fG ", "BDfG", "BDfG", 0, false},
    {"called while the last of those in flight is awaited", "![BcD1f1]", "cBDf", "cBDf", 0, false},
    {"… a script", "![BD1F]", "BDF", "BDF", 0, false},
    {"… from within a callback", "![Bn]", "nBx", "nBx", 0, false},
    {"… asking", "![B1?C]", "B?C", "BC", 0, false},
    {"gone again", "!A !B ", "AB", "AB", 0, false},

    {"lost: none was answered", "[aBc/", "", "a-B-c-", 1, false},
    {"lost: some were", "[aBc1/", "a", "aB-c-", 1, false},
    {"lost: then it is back", "[a/]b ", "b", "a-b", 1, false},
    {"lost while scripts are gone", "![Bc1/", "", "c-B-", 1, false},
    {"lost: kept by its text", "![>B>c1/", "", "c-B-", 1, false},
    {"lost: nothing was asked", "/a ", "a", "a", 1, false},
    {"lost: called from within", "[n/]", "", "n-x-", 1, false},
    {"lost: scripts are kept to be freed once", "[AB>C/", "", "A-B-C-", 1, false},
    {"down", "|aBn>c?d", "", "a-B-n-x-c-d-", 1, false},
    {"moved", "[a<b ]c ", "c", "a-b-c", 1, false},

    {"no answer in time", "[a~", "", "a-", 1, false},
    {"answers in time", "[a1~b ", "ab", "ab", 0, false},
    {"an answer too much", "+a ", "a", "a", 1, false},
    {"not in the protocol", "[a#]b ", "b", "a-b", 1, false},

    {"freed", "^", "", "", 0, false},
    {"freed while it is asked", "[aB>C^", "", "a-B-C-", 0, false},
    {"freed: called from within", "[n^", "", "n-x-", 0, false},
    {"freed while scripts are gone", "![Bc1^", "", "c-B-", 0, false},
    {"freed while it is down", "|a^", "", "a-", 1, false},
};

static void run_row(const struct row *r) {
    print_message("%s\n", r->what);
    start((struct redis_link_hooks){.role = LINK_STORE, .master = r->master});
    assert_true(redis_link_up(LINK));
    for (const char *at = r->steps; *at; at++)
        step(&at);
    settle();
    serve_all(); /* the handshake of the next connection */
    assert_string_equal(SERVER.done, r->done);
    assert_string_equal(GOT, r->got);
    assert_int_equal(DOWNS, r->downs);
    if (LINK)
        assert_int_equal(redis_link_in_flight(LINK), 0);
    while (SENT_COUNT > 0)
        free(SENT[--SENT_COUNT]);
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        run_row(&ROWS[i]);
    }
}

/* Whoever says so in answer to a command is left, if a master is needed. */
static void test_demoted(void **state) {
    static const char *const ANSWERS[] = {"-READONLY You can't write.;", "-MASTERDOWN Link is;",
                                          "-LOADING Redis is;", "-WRONGTYPE Operation;"};
    for (size_t i = 0; i < 8; i++) {
        if (i > 0) {
            teardown(state);
            setup(state);
        }
        bool master = i < 4, left = master && i != 3;
        start((struct redis_link_hooks){.role = LINK_STORE, .master = master});
        SERVER.asked_for = "ECHO r";
        SERVER.answer = ANSWERS[i % 4];
        SERVER.holds = true;
        call('r');
        call('b');
        settle();
        server_serve(&SERVER);
        settle();
        assert_string_equal(GOT, left ? "r!b-" : "r!");
        assert_int_equal(DOWNS, left);
        assert_int_equal(UPS, 1);
        serve_all();
        assert_int_equal(UPS, left ? 2 : 1); /* it is tried again at once */
    }
}

/* Scripts that can't be loaded again are no reason to ask without end. */
static void test_scripts_are_refused(void **state) {
    (void)state;
    start_up();
    SERVER.asked_for = "SCRIPT LOAD --";
    SERVER.answer = NOPERM;
    SERVER.forgot = true;
    call('A');
    call('b');
    settle();
    assert_string_equal(GOT, "bA-");
    assert_int_equal(DOWNS, 1);
    assert_int_equal(REFUSALS, 1);
    assert_string_equal(WHY, "NOPERM no permissions");
    SERVER.asked_for = NULL;
    pass(1000);
    assert_true(redis_link_up(LINK));
}

/* The queue of what is in flight moves on, and grows: the order stays. */
static void test_many_in_flight(void **state) {
    enum { ROUNDS = 6, EACH = 40 };
    char expected[512] = "";
    (void)state;
    start_up();
    SERVER.holds = true;
    for (int i = 0; i < ROUNDS * EACH; i++) {
        char name[] = {(char)('a' + i % 13), '\0'};
        call(*name);
        strncat(expected, name, 1);
        if (i % EACH < EACH - 1)
            continue;
        settle();
        for (int k = 0; k < EACH - 4; k++) /* four are left, each time */
            server_serve(&SERVER);
        settle();
    }
    assert_int_equal(redis_link_in_flight(LINK), 4 * ROUNDS);
    serve_all();
    assert_string_equal(GOT, expected);
    assert_string_equal(SERVER.done, expected);
}

/* What the socket doesn't take waits until it does. */
static void test_server_reads_late(void **state) {
    enum { CALLS = 40, SIZE = 65536 };
    static char text[SIZE];
    (void)state;
    start_up();
    memset(text, 'a', SIZE);
    uv_read_stop((uv_stream_t *)SERVER.client);
    for (int i = 0; i < CALLS; i++) {
        cmd_begin(&CMD, "ECHO");
        cmd_borrow(&CMD, text, SIZE);
        redis_link_call(LINK, &CMD, on_reply, (void *)name_at('a'), (link_aux)test_greetings);
    }
    settle();
    assert_string_equal(GOT, "");
    uv_read_start((uv_stream_t *)SERVER.client, server_alloc, server_came);
    FLUSHED = false; /* nobody else tells it to go on */
    settle();
    assert_int_equal(strspn(GOT, "a"), CALLS);
    assert_int_equal(DOWNS, 0);
}

static void test_too_much_in_flight(void **state) {
    enum { MAX = 200000 };
    (void)state;
    start_up();
    build('a');
    for (unsigned i = 0; i < MAX; i++)
        redis_link_call(LINK, &CMD, NULL, NULL, NULL);
    assert_int_equal(redis_link_in_flight(LINK), MAX);
    call('b');
    send_text('c', false);
    free(SENT[--SENT_COUNT]);
    assert_string_equal(GOT, "b-c-");
    assert_int_equal(redis_link_in_flight(LINK), MAX);
    assert_int_equal(DOWNS, 0);
}

/* Nobody overtakes the handshake. */
static void test_called_before_it_is_up(void **state) {
    (void)state;
    SERVER.holds = true;
    start((struct redis_link_hooks){.role = LINK_STORE});
    assert_string_equal(GOT, "");
    call('a');
    send_text('b', true);
    free(SENT[--SENT_COUNT]);
    assert_string_equal(GOT, "a-b-");
    serve_all();
    assert_string_equal(SERVER.done, "");
    assert_true(redis_link_up(LINK));
}

static void test_no_link(void **state) {
    (void)state;
    call('a');
    assert_string_equal(GOT, "a-");
    assert_false(redis_link_up(NULL));
    redis_link_free(NULL);
}

static void test_moved_is_at_once(void **state) {
    (void)state;
    start_up();
    for (int i = 0; i < 5; i++) { /* and no back-off between several */
        redis_link_move(LINK, "a test");
        settle();
        assert_true(redis_link_up(LINK));
    }
    assert_int_equal(UPS, 6);
    assert_int_equal(DOWNS, 5);
    shut();
    pass(5000);
    server_listen(&SERVER);
    redis_link_move(LINK, "a test"); /* nor behind failed tries */
    settle();
    assert_true(redis_link_up(LINK));
}

/* --- The bus --- */

static void test_bus(void **state) {
    (void)state;
    start((struct redis_link_hooks){.role = LINK_BUS});
    call('a'); /* its answer is a push */
    settle();
    assert_string_equal(SERVER.done, "a");
    assert_string_equal(GOT, "");
    assert_string_equal(PUSHED, "a");
    assert_int_equal(redis_link_in_flight(LINK), 0);
    server_say(&SERVER, "[ 'smessage' 'x' 'y' ]");
    settle();
    assert_string_equal(PUSHED, "array");
    server_say(&SERVER, "-NOPERM no permissions;");
    settle();
    assert_int_equal(PUSHES, 3);
    assert_int_equal(DOWNS, 0);
}

/* A bus that is silent is asked, so that a dead one is known. */
static void test_silent_bus(void **state) {
    (void)state;
    start((struct redis_link_hooks){.role = LINK_BUS});
    SERVER.asked[0] = '\0';
    pass(500);
    assert_string_equal(SERVER.asked, "");
    pass(260);
    assert_string_equal(SERVER.asked, "PING\n");
    assert_int_equal(PUSHES, 1);
    SERVER.holds = true;
    pass(ANSWER_MS - 100);
    assert_int_equal(DOWNS, 0);
    pass(400);
    assert_int_equal(DOWNS, 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_greetings),
        TEST(test_greeting_in_order),
        TEST(test_refused_again),
        TEST(test_history),
        TEST(test_silence_in_the_handshake),
        TEST(test_refused_connections),
        TEST(test_connects_late),
        TEST(test_no_connection_in_time),
        TEST(test_not_located),
        TEST(test_orders),
        TEST(test_demoted),
        TEST(test_scripts_are_refused),
        TEST(test_many_in_flight),
        TEST(test_server_reads_late),
        TEST(test_too_much_in_flight),
        TEST(test_called_before_it_is_up),
        TEST(test_no_link),
        TEST(test_moved_is_at_once),
        TEST(test_bus),
        TEST(test_silent_bus),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
