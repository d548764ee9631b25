/* test_bus - what this node listens to, as links come and go, slots move and answers come late or
 * never; and what it does with what it hears. */
#include "chatd/channel/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heart.h"

#include <unistd.h>

static struct channel_wait WAITS[8];
static size_t WAITS_COUNT;
static char PINNED[8]; /* the channels that are, for the test's sake */

static void on_heard(void *arg, bool subscribed) {
    assert_ptr_equal(arg, &WAITS);
    heart_note(subscribed ? "yes" : "no");
}

/* p: a channel's bus, A: that of user a, *: that of all nodes. */
static const char *bus_name(char name) {
    static char key[KEY_MAX + 1];
    struct channel_id id = heart_channel(name);
    struct uuid user = heart_user(name - 'A');
    if (name == '*')
        key_global(&REDIS.keys, KEY_ALL_BUS, key);
    else if (name < 'a')
        key_user(&REDIS.keys, &user, USER_USER_BUS, key);
    else
        key_channel(&REDIS.keys, &id, CHANNEL_BUS, key);
    return key;
}

/* Where the bus is heard, unless a step says otherwise (@1). */
static uint16_t link_of(const char *step) {
    const char *at = strchr(step, '@');
    if (at)
        return (uint16_t)(at[1] - '0');
    const char *key = bus_name(*step);
    return redis_pool_slot(&FAKE_POOL, key, strlen(key));
}

static void answered(const char *step, const char *word) {
    char text[256];
    snprintf(text, sizeof text, "[ '%s' '%s' :1 ]", word, bus_name(*step));
    bus_push(&H.bus, link_of(step), made(text));
}

static void hear(char bus, const char *payload) {
    char text[1024];
    snprintf(text, sizeof text, "[ 'smessage' '%s' '%s' ]", bus_name(bus), payload);
    bus_push(&H.bus, link_of((char[]){bus, '\0'}), made(text));
}

/* p7:x: user d's message x, p7:x/2 in epoch 2; behind it own: this node stored it. */
static void hear_message(const char *step) {
    char *end, text[512];
    unsigned long seq = strtoul(step + 1, &end, 10);
    bool own = strstr(step, "own") != NULL;
    snprintf(text, sizeof text, "m\n%s\n%lu\n000000000000000%c\n%s\n%s\n1000\nD\n%c",
             heart_text(heart_epoch(end[2] == '/' ? end[3] : '1')), seq, own ? 'a' : 'b',
             heart_text(heart_message(end[1])), heart_text(heart_user(3)), end[1]);
    hear(*step, text);
}

/* p40: what is up to 40 was removed; p:x: message x was. */
static void hear_purge(const char *step) {
    char text[128];
    bool one = step[1] == ':';
    snprintf(text, sizeof text, "p\n%s\n%lu\n%s", heart_text(heart_epoch('1')),
             strtoul(step + 1, NULL, 10), one ? heart_text(heart_message(step[2])) : "-");
    hear(*step, text);
}

/* pd: user d has joined p. */
static void hear_user(const char *step) {
    char text[256];
    snprintf(text, sizeof text, "s\nchannelJoin\n%s\n%c", heart_text(heart_user(step[1] - 'a')),
             step[1] - 'a' + 'A');
    hear(*step, text);
}

static void link_up(const char *step) {
    FAKE_POOL.bus_up[*step - '0'] = true;
    bus_up(&H.bus, (uint16_t)(*step - '0'));
}

static void link_down(const char *step) {
    FAKE_POOL.bus_up[*step - '0'] = false;
    bus_down(&H.bus, (uint16_t)(*step - '0'));
}

static void answer_marks(const char *items) {
    char text[512] = "[ ";
    for (; *items; items += items[strcspn(items, ",")] ? strcspn(items, ",") + 1 : strlen(items)) {
        size_t n = strlen(text);
        struct uuid purge = heart_uuid('p', 'u');
        if (strncmp(items, "lost", 4) == 0)
            snprintf(text + n, sizeof text - n, "'lost' ");
        else if (*items == ':')
            snprintf(text + n, sizeof text - n, "'%s %s' ", heart_text(purge),
                     heart_text(heart_message(items[1])));
        else
            snprintf(text + n, sizeof text - n, "'%s %lu' ", heart_text(purge),
                     strtoul(items, NULL, 10));
    }
    strncat(text, "]", sizeof text - strlen(text) - 1);
    fake_redis_answer_at(heart_asked("ZRANGEBYSCORE"), text);
}

/* The numbers of what is asked for, as marks since where. */
static void note_marks(void) {
    char since[32];
    size_t i = heart_asked("ZRANGEBYSCORE");
    const char *text = fake_redis_asked(i);
    snprintf(since, sizeof since, "%.*s", (int)strcspn(strstr(text, "marks ") + 6, " "),
             strstr(text, "marks ") + 6);
    heart_note(since);
}

static void end_link(const char *answer, const char *link) {
    bus_push(&H.bus, (uint16_t)(*link - '0'), made(answer));
}

/* pin=p: p is open, unpin=p: no more; ask=p: somebody waits until it is heard; sub=p, unsub=p: what
 * Redis says of it; msg, purge, user: what is heard, see above; up=0, down=0: a link; owner=p1: the
 * slot of p is link 1's, or (-) nobody's, and moved: that is told; settle!: now and then;
 * refused=0: a subscription is refused, elsewhere=0: with MOVED; marks=40,:x,lost: the answer;
 * since: since where they are asked. in=a: user a signs in again. */
static void do_step(const char *step) {
    const char *value = strchr(step, '=') ? strchr(step, '=') + 1 : "";
    size_t len = strcspn(step, "=");
    struct channel_id id = heart_channel(*value);
#define IS(word) (len == strlen(word) && strncmp(step, word, len) == 0)
    if (IS("pin")) {
        hub_pin(&H.hub, &id);
        strncat(PINNED, value, 1);
    } else if (IS("unpin")) {
        hub_unpin(&H.hub, heart_find(*value));
        PINNED[strlen(PINNED) - 1] = '\0';
    } else if (IS("ask")) {
        WAITS[WAITS_COUNT] = (struct channel_wait){.fn = on_heard, .arg = &WAITS};
        bus_wait(&H.bus, heart_find(*value), &WAITS[WAITS_COUNT++]);
    } else if (IS("sub"))
        answered(value, "ssubscribe");
    else if (IS("unsub"))
        answered(value, "sunsubscribe");
    else if (IS("msg"))
        hear_message(value);
    else if (IS("purge"))
        hear_purge(value);
    else if (IS("user"))
        hear_user(value);
    else if (IS("up"))
        link_up(value);
    else if (IS("down"))
        link_down(value);
    else if (IS("owner"))
        FAKE_POOL.owner[FAKE_POOL.spread && *value != 'p'] =
            value[1] == '-' ? NO_SHARD : (uint16_t)(value[1] - '0');
    else if (IS("moved"))
        bus_moved(&H.bus);
    else if (IS("settle!"))
        bus_settle(&H.bus);
    else if (IS("refused"))
        end_link("-NOPERM no permissions;", value);
    else if (IS("elsewhere"))
        end_link("-MOVED 5 b:7000;", value);
    else if (IS("marks"))
        answer_marks(value);
    else if (IS("marks-"))
        fake_redis_answer_at(heart_asked("ZRANGEBYSCORE"), NULL);
    else if (IS("since"))
        note_marks();
    else if (IS("in"))
        heart_sign_in(*value - 'a');
    else
        heart_do(step);
#undef IS
}

/* What was asked for on a link: "+p -p +u", a u for any user. */
static const char *asked_on(unsigned link) {
    static char out[512];
    const char *at = FAKE_POOL.bus[link];
    out[0] = '\0';
    for (; *at; at = strchr(at, '\n') + 1) {
        const char *key = strchr(at, ' ') + 1;
        char what[4] = {*at == 'S' && at[1] == 'U' ? '-' : '+', 'u', '\0'};
        for (const char *name = "pqn*"; *name; name++)
            if (strncmp(key, bus_name(*name), strcspn(key, "\n")) == 0)
                what[1] = *name;
        size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, n ? " %s" : "%s", what);
    }
    return out;
}

static void forget_all(void) {
    while (FAKE_POOL.n > 0)
        fake_redis_answer_at(0, NULL);
    FAKE_POOL.bus[0][0] = FAKE_POOL.bus[1][0] = '\0';
}

/* All links are up, and the users who are signed in and the bus of all nodes are heard. */
static void start(bool spread) {
    link_up("0");
    if (spread)
        link_up("1");
    for (const char *name = "*ABCD"; *name; name++)
        answered((char[]){*name, '\0'}, "ssubscribe");
    forget_all();
    WAITS_COUNT = 0;
}

struct row {
    const char *what, *steps;
    const char *asked;       /* on link 0; NULL: nothing */
    const char *notes;       /* whether who waits was told; NULL: no */
    const char *got[PEOPLE]; /* NULL: nothing */
    const char *due;         /* streams to be read; NULL: none */
    bool spread;             /* p is on link 0, all else on link 1 */
    const char *other;       /* asked on link 1 */
    unsigned doubts;
};

#define USERS "+u +u +u +u"
#define BACK "down=0 up=0 sub=* sub=p "

static const struct row ROWS[] = {
    {"a channel opens", "pin=p", "+p", .got = {NULL}},
    {"it is heard when that is answered", "pin=p ask=p ask=p sub=p", "+p", "yes yes", .doubts = 0},
    {"… not before", "pin=p ask=p", "+p", .got = {NULL}},
    {"… and then at once", "pin=p sub=p ask=p", "+p", "yes", .doubts = 0},
    {"a channel closes", "pin=p sub=p unpin=p", "+p -p", .got = {NULL}},
    {"… before it is heard", "pin=p unpin=p sub=p unsub=p", "+p -p", .got = {NULL}},
    {"two of them", "pin=p pin=q ask=p ask=q sub=p sub=q", "+p +q", "yes yes", .doubts = 0},
    {"an answer of another", "pin=p pin=q ask=p ask=q sub=q", "+p +q", .got = {NULL}},
    {"a repeated answer", "pin=p pin=q ask=q sub=p sub=p", "+p +q", .got = {NULL}},
    {"opened again: the first answer isn't the second's", "pin=p unpin=p pin=p ask=p sub=p",
     "+p -p +p", .got = {NULL}},
    {"… nor is that of the end", "pin=p unpin=p pin=p ask=p sub=p unsub=p", "+p -p +p",
     .got = {NULL}},
    {"… but the third", "pin=p unpin=p pin=p ask=p sub=p unsub=p sub=p", "+p -p +p", "yes",
     .doubts = 0},
    {"an answer about what isn't there", "sub=p unsub=q pin=p", "+p", .got = {NULL}},

    {"the link is down", "down=0 pin=p ask=p", NULL, "no", .doubts = 0},
    {"… and nothing is asked when it closes", "down=0 pin=p unpin=p", NULL, .got = {NULL}},
    {"the link goes down", "pin=p ask=p down=0", "+p", "no", .doubts = 0},
    {"… and comes", "pin=p down=0 up=0 ask=p", "+p +* +p " USERS, .got = {NULL}},
    {"… and it is heard", "pin=p sub=p down=0 up=0 ask=p sub=* sub=p", "+p +* +p " USERS, "yes",
     .doubts = 0},
    {"… numbers begin anew",
     "down=0 up=0 sub=* sub=A sub=B sub=C sub=D pin=p unpin=p pin=p ask=p sub=p",
     "+* " USERS " +p -p +p", .got = {NULL}},
    {"… asked while it was down", "down=0 pin=p ask=p up=0 ask=p sub=* sub=p", "+* +p " USERS,
     "no yes", .doubts = 0},
    {"refused", "pin=p ask=p refused=0", "+p", "no", .doubts = 0},
    {"… only the one that was asked first", "pin=p pin=q ask=p ask=q refused=0 sub=q", "+p +q",
     "no yes", .doubts = 0},
    {"… the second", "pin=p pin=q ask=p ask=q sub=p refused=0", "+p +q", "yes no", .doubts = 0},
    {"… and asked again", "pin=p ask=p refused=0 ask=p sub=p", "+p +p", "no yes", .doubts = 0},

    {"taken away", "pin=p sub=p unsub=p", "+p", .doubts = 1},
    {"… and asked for again", "pin=p sub=p unsub=p settle! settle! ask=p sub=p", "+p +p", "yes",
     .doubts = 1},
    {"… a user's", "unsub=A settle!", "+u", .doubts = 1},
    {"… that of all", "unsub=* settle!", "+*", .doubts = 1},
    {"… not what was to end", "pin=p sub=p unpin=p unsub=p settle!", "+p -p", .doubts = 0,
     .got = {NULL}},
    {"… a user that is here again", "out=a in=a unsub=A settle!", "-u +u", .got = {NULL}},
    {"nothing was", "settle!", NULL, .got = {NULL}},
    {"a user comes and goes", "out=a out=b in=b", "-u -u +u", .got = {NULL}},
    {"… while the link is down", "down=0 out=a in=a", NULL, .got = {NULL}},

    {"links by themselves", "pin=p pin=q ask=p ask=q sub=q", "+p", "yes", .spread = true,
     .other = "+q"},
    {"an answer from the wrong one", "pin=p ask=p sub=p@1", "+p", .spread = true},
    {"one goes", "pin=p pin=q sub=p sub=q down=0 ask=p ask=q", "+p", "no yes", .spread = true,
     .other = "+q"},
    {"… and comes", "pin=p pin=q sub=p sub=q down=0 up=0 ask=p sub=p", "+p +p", "yes",
     .spread = true, .other = "+q"},
    {"a slot moves", "pin=p sub=p owner=p1 moved ask=p sub=p@1", "+p", "yes", .spread = true,
     .other = "+p"},
    {"… while it is asked for", "pin=p ask=p owner=p1 moved", "+p", "no", .spread = true,
     .other = "+p"},
    {"… with all users", "owner=q0 moved", "+* " USERS, .spread = true},
    {"… to one that is down", "pin=p sub=p down=1 owner=p1 moved ask=p", "+p", "no",
     .spread = true},
    {"… and comes later", "pin=p sub=p down=1 owner=p1 moved up=1 ask=p sub=*@1 sub=p@1", "+p",
     "yes", .spread = true, .other = "+* +p " USERS},
    {"… to nobody", "pin=p sub=p owner=p- moved ask=p", "+p", "no", .spread = true},
    {"nothing moves", "pin=p sub=p moved ask=p", "+p", "yes", .spread = true},
    {"asked for where it isn't", "pin=p ask=p elsewhere=0", "+p", .spread = true},

    {"a message", "join=ap6 join=bp6 sub=p msg=p7:x", "+p", .got = {"7:x", "7:x"}, .due = "p0"},
    {"… before it is said that it is heard", "join=ap6 msg=p7:x", "+p", .got = {"7:x"}},
    {"… early", "join=ap6 msg=p8:y msg=p7:x", "+p", .got = {"7:x 8:y"}, .due = "p40"},
    {"… a repeat", "join=ap6 msg=p7:x msg=p7:x", "+p", .got = {"7:x"}},
    {"… of another epoch", "join=ap6 msg=p1:x/2", "+p", .got = {NULL}, .due = "p0"},
    {"… of this node", "join=ap6 msg=p7:xown", "+p", .got = {NULL}},
    {"… of a channel that isn't here", "msg=p7:x", NULL, .got = {NULL}},
    {"… on a user's bus", "join=ap6 msg=A7:x", "+p", .got = {NULL}},
    {"… on the bus of all", "join=ap6 msg=*7:x", "+p", .got = {NULL}},

    {"someone joins", "join=ap6 join=bp6 user=pd", "+p", .got = {"channelJoin", "channelJoin"}},
    {"… and isn't told of it", "join=ap6 join=bp6 user=pb", "+p", .got = {"channelJoin"}},
    {"… nor one who is joining", "join=ap6 join=cp user=pd joined=cp6", "+p",
     .got = {"channelJoin"}},
    {"… a private one", "join=aq6 join=bq6 user=qb", "+q", .got = {"channelJoin"}},
    {"… a channel that isn't here", "user=pd", NULL, .got = {NULL}},
    {"a purge", "join=ap6 purge=p40 purge=p:x", "+p", .got = {"purge40 purge:x"}},
    {"… and one who is joining is told behind the answer",
     "join=ap6 join=cp purge=p5 msg=p7:x joined=cp6", "+p",
     .got = {"purge5 7:x", NULL, "purge5 7:x"}},
    {"… of a private one", "join=aq6 join=bq6 purge=q5", "+q", .got = {"purge5", "purge5"}},

    {"missed: not what was never heard", "join=ap6 sub=p", "+p", .got = {NULL}, .due = "p0"},
    {"missed: since where it stood", "join=ap6 sub=p msg=p7:x " BACK "since marks=",
     "+p +* +p " USERS, "7", .got = {"7:x"}, .due = "p0"},
    {"missed: purges", "join=ap6 join=bp6 sub=p " BACK "marks=5,lost,:x", "+p +* +p " USERS, NULL,
     .got = {"purge5 purge:x", "purge5 purge:x"}, .due = "p0"},
    {"missed: one who is joining is told, too", "join=ap6 sub=p " BACK "join=cp marks=5 joined=cp6",
     "+p +* +p " USERS, NULL, .got = {"purge5", NULL, "purge5"}, .due = "p0"},
    {"missed: told once", "join=ap6 sub=p " BACK "marks=5 msg=p7:x " BACK "since marks=:x",
     "+p +* +p " USERS " +* +p " USERS, "7", .got = {"purge5 7:x purge:x"}, .due = "p0"},
    {"missed: the answer is lost, and it is asked again",
     "join=ap6 sub=p " BACK "marks- msg=p7:x " BACK "since marks=5",
     "+p +* +p " USERS " +* +p " USERS, "6", .got = {"7:x purge5"}, .due = "p0"},
    {"missed: twice in a row",
     "join=ap6 sub=p msg=p7:x down=0 up=0 down=0 up=0 sub=* sub=p since "
     "marks=5",
     "+p +* +p " USERS " +* +p " USERS, "7", .got = {"7:x purge5"}, .due = "p0"},
    {"missed: the channel closes meanwhile", "join=ap6 sub=p " BACK "leave=ap wait=20 marks=5",
     "+p +* +p " USERS " -p", NULL, .got = {NULL}},
    {"missed: by a slot that moved", "join=ap6 sub=p owner=p1 moved sub=p@1 marks=5", "+p",
     .got = {"purge5"}, .due = "p0", .spread = true, .other = "+p"},
    {"missed: by one that was taken away", "join=ap6 sub=p unsub=p settle! sub=p marks=5", "+p +p",
     .got = {"purge5"}, .due = "p0", .doubts = 1},
};

static void check_row(const struct row *r) {
    print_message("%s\n", r->what);
    start(r->spread);
    heart_run(r->steps, do_step);
    assert_string_equal(asked_on(0), r->asked ? r->asked : "");
    assert_string_equal(asked_on(1), r->other ? r->other : "");
    assert_string_equal(H.notes, r->notes ? r->notes : "");
    heart_check(r->got, r->due);
    assert_int_equal(FAKE_POOL.doubts, r->doubts);
    for (; *PINNED; PINNED[strlen(PINNED) - 1] = '\0')
        hub_unpin(&H.hub, heart_find(PINNED[strlen(PINNED) - 1]));
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        heart_anew(state, ROWS[i].spread);
        check_row(&ROWS[i]);
    }
}

/* What isn't ours, or was cut, does nothing but count. */
static void test_payloads(void **state) {
    static const char *const BAD[] = {
        "",
        "m",
        "m\n",
        "?\nx",
        "hello",
        "m\nx\n7\n000000000000000b",
        "p\nx\n5\n-",
        "s\nchannelJoin",
        "s\nepoch\n75000000-0000-0000-0000-000000000064\nD",
        "m\n\n\n\n\n\n\n\n",
    };
    (void)state;
    start(false);
    do_step("join=ap6");
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        hear('p', BAD[i]);
        hear('A', BAD[i]);
        assert_int_equal(H.count.bad_events, 2 * (i + 1));
    }
    bus_push(&H.bus, 0, made("+PONG"));
    bus_push(&H.bus, 0, made("[ 'pong' '' ]"));
    bus_push(&H.bus, 0, made("[ 'smessage' 'chat:{c:other}:bus' 'x' ]"));
    bus_push(&H.bus, 0, made("[ 'message' 'x' 'y' ]"));
    assert_int_equal(H.count.bad_events, 2 * sizeof BAD / sizeof *BAD + 1);
    assert_string_equal(heart_got(0), "");
}

/* What Redis won't do yet is no error, unlike what it won't do at all. */
static void test_what_is_not_yet_is_no_error(void **state) {
    static const struct {
        const char *reply, *level;
    } REFUSALS[] = {
        {"-LOADING Redis is loading the dataset in memory;", "level=info event=bus_refused"},
        {"-CLUSTERDOWN The cluster is down;", "level=info event=bus_refused"},
        {"-NOPERM no permissions;", "level=error event=bus_refused"}};
    (void)state;
    start(false);
    for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
        char said[512] = "";
        int ends[2], saved = dup(STDERR_FILENO);
        assert_int_equal(pipe(ends), 0);
        log_set_level(LOG_INFO);
        dup2(ends[1], STDERR_FILENO);
        end_link(REFUSALS[i].reply, "0");
        dup2(saved, STDERR_FILENO);
        log_set_level(LOG_ERROR);
        assert_true(read(ends[0], said, sizeof said - 1) > 0);
        assert_non_null(strstr(said, REFUSALS[i].level));
        close(ends[0]);
        close(ends[1]);
        close(saved);
    }
}

/* What comes on the bus of a user, and of all nodes, goes on to who keeps it. */
static void test_other_buses(void **state) {
    char text[128];
    (void)state;
    start(false);
    hear('A', "x\n4004");
    assert_int_equal(H.s[0]->closing, CLOSE_KICKED);
    assert_int_equal(H.s[1]->closing, CLOSE_NONE);
    snprintf(text, sizeof text, "k\n%s", heart_key_hash(1));
    hear('B', text);
    assert_null(H.s[1]->account);
    assert_non_null(H.s[2]->account);
    hear('C', "c\n-");
    assert_int_equal(FAKE_POOL.n, 2); /* its record and its key are looked at */
    forget_all();
    struct uuid user = heart_user(2);
    assert_string_equal(names_get(&H.names, &user, CLOCK_MS), "C");
    snprintf(text, sizeof text, "r\n%s", heart_text(user));
    hear('*', text);
    assert_null(names_get(&H.names, &user, CLOCK_MS));
    assert_int_equal(FAKE_POOL.n, 2);
    forget_all();
    H.probe.number = 5;
    hear('*', "h\n000000000000000a\n5");
    assert_int_equal(H.probe.heard, 5);
    hear('A', "u\npublic\n7\n75000000-0000-0000-0000-000000000064\nD");
    assert_int_equal(H.count.bad_events, 0);
}

/* A user whose subscription is there is looked at: what was told meanwhile was missed. */
static void test_users_are_looked_at(void **state) {
    (void)state;
    start(false);
    answered("A", "ssubscribe");
    assert_int_equal(FAKE_POOL.n, 2);
    forget_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {HEART_TEST(test_orders), HEART_TEST(test_payloads),
                                       HEART_TEST(test_what_is_not_yet_is_no_error),
                                       HEART_TEST(test_other_buses),
                                       HEART_TEST(test_users_are_looked_at)};
    return cmocka_run_group_tests(tests, heart_init, NULL);
}
