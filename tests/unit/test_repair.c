/* test_repair - when streams are read, and what is made of what they say: after gaps and losses, of
 * several channels at a time, when something was removed, in a new epoch, and when the link goes
 * meanwhile. */
#include "chatd/channel/repair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "heart.h"

#define PAGE 256
#define PER_TICK 200
#define QUIET_ROUNDS 20

/* 1@1:9: epoch 1, base 1, seq 9. 2<1@7:9: of epoch 2, in which all of 1 goes on; 3<21@7:9: of two
 * before it; 2<1-5@7:9: in which 1 goes on up to 5. 0: it has none. */
static const char *state_text(const char *text, char *out, size_t size) {
    char epoch = *text++, before[4] = "", *end;
    unsigned long kept = 0;
    if (epoch == '0') {
        snprintf(out, size, "[ nil nil nil nil ]");
        return text;
    }
    if (*text == '<') {
        snprintf(before, sizeof before, "%.*s", (int)strcspn(text + 1, "-@"), text + 1);
        text += 1 + strlen(before);
        if (*text == '-')
            kept = strtoul(text + 1, &end, 10);
        text = strchr(text, '@');
    }
    unsigned long base = strtoul(text + 1, &end, 10), seq = strtoul(end + 1, &end, 10);
    size_t n = (size_t)snprintf(out, size, "[ '%s' '%lu' '%lu' '", heart_text(heart_epoch(epoch)),
                                base, seq);
    for (const char *b = before; *b; b++)
        n += (size_t)snprintf(out + n, size - n, b > before ? " %s:%lu" : "%s:%lu",
                              heart_text(heart_epoch(*b)), kept ? kept : base - 1);
    snprintf(out + n, size - n, "' ]");
    return end;
}

/* 1@1:9;7:x,8:y;3: where the channel stands, the entries, the oldest one (left out: there is one of
 * old; -: there is none). */
static void answer_read(const char *text) {
    static char out[PAGE * 256];
    size_t n = 2;
    memcpy(out, "[ ", 3);
    text = state_text(text, out + n, sizeof out - n);
    n += strlen(out + n);
    n += (size_t)snprintf(out + n, sizeof out - n, " [ ");
    if (*text == ';')
        text++;
    while (*text && *text != ';') {
        n += heart_entry(out + n, sizeof out - n, text);
        out[n++] = ' ';
        text += strcspn(text, ",;");
        text += *text == ',';
    }
    const char *oldest = *text == ';' ? text + 1 : "1";
    if (*oldest == '-')
        snprintf(out + n, sizeof out - n, "] [ nil ] ]");
    else
        snprintf(out + n, sizeof out - n, "] [ '%lu-0' ] ]", strtoul(oldest, NULL, 10));
    fake_redis_answer_at(heart_asked("read"), out);
}

/* 1:9: epoch 1 at 9; 0: the channel has none. */
static void answer_place(const char *text) {
    char out[128] = "[ nil nil ]";
    if (*text != '0')
        snprintf(out, sizeof out, "[ '%s' '%lu' ]", heart_text(heart_epoch(*text)),
                 strtoul(text + 2, NULL, 10));
    fake_redis_answer_at(heart_asked("HMGET"), out);
}

/* down=0, up=0: the store of a shard; read=…, at=…: answers, see above; read-: it is lost; read!:
 * an error; read?: nonsense; quiet: the check of quiet channels. */
static void do_step(const char *step) {
    const char *value = strchr(step, '=') ? strchr(step, '=') + 1 : "";
    size_t len = strcspn(step, "=");
#define IS(word) (len == strlen(word) && strncmp(step, word, len) == 0)
    if (IS("down"))
        repair_store_down(&H.repairs, (uint16_t)(*value - '0'));
    else if (IS("up"))
        repair_store_up(&H.repairs, (uint16_t)(*value - '0'));
    else if (IS("read"))
        answer_read(value);
    else if (IS("read-"))
        fake_redis_answer_at(heart_asked("read"), NULL);
    else if (IS("read!"))
        fake_redis_answer_at(heart_asked("read"), "-LOADING Redis is loading;");
    else if (IS("read?"))
        fake_redis_answer_at(heart_asked("read"), "[ [ nil nil nil nil ] [ ] ]");
    else if (IS("at"))
        answer_place(value);
    else if (IS("at-"))
        fake_redis_answer_at(heart_asked("HMGET"), NULL);
    else if (IS("quiet"))
        repair_check_quiet(&H.repairs);
    else
        heart_do(step);
#undef IS
}

static char channel_of(const char *text) {
    for (const char *name = "pqn"; *name; name++) {
        char key[KEY_MAX + 1];
        struct channel_id id = heart_channel(*name);
        key_channel(&REDIS.keys, &id, CHANNEL_META, key);
        if (strstr(text, key))
            return *name;
    }
    return '?';
}

/* Of read's arguments: how many, a spare epoch, the epoch and the seq where we stand. */
static unsigned long known_seq(const char *meta) {
    for (int i = 0; i < 4; i++)
        meta = strchr(meta, ' ') + 1;
    return strtoul(meta, NULL, 10);
}

/* What is asked and not answered: "p6" p's stream from entry 6 on, "q?" where q stands. */
static const char *asked(void) {
    static char out[256];
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < FAKE_POOL.n; i++) {
        const char *text = FAKE_POOL.calls[i].text, *meta = strstr(text, ":meta");
        if (strncmp(text, "read ", 5) == 0)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s%c%lu", n ? " " : "",
                                  channel_of(text), known_seq(meta));
        else if (strncmp(text, "HMGET ", 6) == 0)
            n += (size_t)snprintf(out + n, sizeof out - n, "%s%c?", n ? " " : "", channel_of(text));
    }
    return out;
}

struct row {
    const char *what, *steps;
    const char *got[PEOPLE]; /* NULL: nothing */
    const char *asked;       /* see asked(); NULL: nothing */
    const char *due;         /* NULL: nothing is to be read */
    uint64_t gaps;
    bool spread, confirms;
};

#define GAP "join=ap6 join=bp6 offer=p8:y wait=40 "

static const struct row ROWS[] = {
    {"a gap: not at once", "join=ap6 offer=p8:y wait=30", .got = {NULL}, .due = "p10"},
    {"… but soon", GAP, .got = {NULL}, .asked = "p6"},
    {"… and it is filled", GAP "read=1@1:8;7:x,8:y", .got = {"7:x 8:y", "7:x 8:y"}, .gaps = 1},
    {"… with more behind it", GAP "read=1@1:9;7:x,8:y,9:z", .got = {"7:x 8:y 9:z", "7:x 8:y 9:z"},
     .gaps = 1},
    {"… and what is held goes on from it", GAP "offer=p9:w read=1@1:8;7:x,8:y",
     .got = {"7:x 8:y 9:w", "7:x 8:y 9:w"}, .gaps = 1, .due = "p40"},
    {"… by itself, meanwhile", GAP "offer=p7:x read=1@1:8;7:x,8:y offer=p9:z",
     .got = {"7:x 8:y 9:z", "7:x 8:y 9:z"}},
    {"… in part", GAP "offer=p10:w read=1@1:8;7:x,8:y", .got = {"7:x 8:y", "7:x 8:y"}, .gaps = 1,
     .due = "p40"},
    {"nothing is missing", GAP "offer=p7:x read=1@1:8;", .got = {"7:x 8:y", "7:x 8:y"}},
    {"one is read at a time", GAP "offer=p1:x/2 wait=40", .got = {NULL}, .asked = "p6",
     .due = "p0"},
    {"… and then again", GAP "offer=p10:w wait=40 read=1@1:8;7:x,8:y wait=20",
     .got = {"7:x 8:y", "7:x 8:y"}, .asked = "p8", .gaps = 1},
    {"nobody is there any more", "join=ap6 offer=p8:y leave=ap wait=40", .got = {NULL}},
    {"… behind the question", "join=ap6 offer=p8:y wait=40 leave=ap read=1@1:8;7:x,8:y",
     .got = {NULL}, .gaps = 1},
    {"nothing is known yet", "join=ap offer=p8:y wait=100", .got = {NULL}},
    {"entries that hold nonsense", GAP "read=1@1:9;7:!,8:!,9:z", .got = {"8:y 9:z", "8:y 9:z"},
     .gaps = 1},

    {"Redis is away", "join=ap6 offer=p8:y redis- wait=100", .got = {NULL}, .due = "p0"},
    {"… and comes", "join=ap6 offer=p8:y redis- wait=100 redis+ wait=20", .got = {NULL},
     .asked = "p6"},
    {"the answer is lost", GAP "read-", .got = {NULL}, .due = "p1000"},
    {"… and it is read again", GAP "read- wait=1000 read=1@1:8;7:x,8:y",
     .got = {"7:x 8:y", "7:x 8:y"}, .gaps = 1},
    {"… and what is held is let go", GAP "read- offer=p7:x", .got = {"7:x", "7:x"}, .due = "p1000"},
    {"… and own messages fail", "join=ap6 a>p1 . append=8 wait=40 read-", .got = {"!unavailable=1"},
     .due = "p1000"},
    {"an error", GAP "read!", .got = {NULL}, .due = "p1000"},
    {"nonsense", GAP "read?", .got = {NULL}, .due = "p1000"},
    {"an own message behind a gap", "join=ap6 a>p1 . append=8 wait=40 read=1@1:8;7:x,8:1",
     .got = {"7:x 8:1="}, .gaps = 1},
    {"an answer was lost, and it was stored",
     "join=ap6 a>p1 . redis- redis+ wait=40 read=1@1:7;7:1", .got = {"!unavailable=1 7:1"},
     .gaps = 1},

    {"two channels",
     "join=ap6 join=aq2 offer=p8:y offer=q4:z wait=40 read=1@1:8;7:x,8:y "
     "read=1@1:4;3:w,4:z",
     .got = {"7:x 8:y 3:w 4:z"}, .gaps = 2},
    {"… one is lost", "join=ap6 join=aq2 offer=p8:y offer=q4:z wait=40 read=1@1:8;7:x,8:y read-",
     .got = {"7:x 8:y"}, .gaps = 1, .due = "q1000"},
    {"… the link goes between the answers",
     "join=ap6 join=aq2 offer=p8:y offer=q4:z wait=40 read=1@1:8;7:x,8:y redis-",
     .got = {"7:x 8:y"}, .gaps = 1, .due = "q1000"},
    {"… it goes before both", "join=ap6 join=aq2 offer=p8:y offer=q4:z wait=40 redis-",
     .got = {NULL}, .due = "p1000 q1000"},
    {"… one is due later", "join=ap6 join=aq2 offer=p8:y wait=30 offer=q4:z wait=10", .got = {NULL},
     .asked = "p6", .due = "q30"},

    {"the oldest are gone", GAP "read=1@1:20;15:z;15", .got = {"purge14 15:z", "purge14 15:z"},
     .gaps = 1},
    {"… none that wasn't given", GAP "read=1@1:8;7:x,8:y;7", .got = {"7:x 8:y", "7:x 8:y"},
     .gaps = 1},
    {"all are gone", GAP "read=1@1:20;;-", .got = {"purge20", "purge20"}, .gaps = 1},
    {"some in the middle are gone", GAP "read=1@1:9;7:x,9:z", .got = {"7:x 9:z", "7:x 9:z"},
     .gaps = 1},
    {"the last are gone", GAP "read=1@1:20;7:x,8:y offer=p21:w",
     .got = {"7:x 8:y 21:w", "7:x 8:y 21:w"}, .gaps = 1},

    {"an epoch that follows", GAP "read=2<1@9:9;7:x,8:y,9:z wait=20 read=2<1@9:9;9:z",
     .got = {"7:x 8:y follow2@8 9:z", "7:x 8:y follow2@8 9:z"}, .gaps = 1},
    {"… nothing is left of the old one", "join=ap6 offer=p7:x/2 wait=20 read=2<1@7:7; wait=20",
     .got = {"follow2@6 7:x"}, .asked = "p7"},
    {"… over several", GAP "read=4<31@9:9;7:x,8:y,9:z",
     .got = {"7:x 8:y follow4@8", "7:x 8:y follow4@8"}, .due = "p0"},
    {"… some of the old one were removed", GAP "read=2<1@9:9;8:y,9:z;8",
     .got = {"purge7 8:y follow2@8", "purge7 8:y follow2@8"}, .due = "p0"},
    {"… and all of it", GAP "read=2<1@9:8;;-", .got = {"purge8 follow2@8", "purge8 follow2@8"},
     .due = "p0"},
    {"an epoch behind lost numbers", GAP "read=2<1-7@9:9;7:x,9:z wait=20 read=2@9:9;9:z",
     .got = {"7:x epoch2@8 9:z", "7:x epoch2@8 9:z"}, .gaps = 1},
    {"an epoch from less than was given", "join=ap9 up=0 wait=40 read=2<1@9:12;9:z,10:w",
     .got = {"epoch2@12"}, .due = "p0"},
    {"… nothing of it is given",
     "join=ap9 up=0 wait=40 read=2<1@9:12;9:z,10:w wait=20 "
     "read=2<1@9:12;12:v offer=p13:u/2",
     .got = {"epoch2@12 13:u"}},
    {"an epoch from elsewhere", GAP "read=2@1:3;1:w", .got = {"epoch2@3", "epoch2@3"}, .due = "p0"},
    {"… nothing that was there is given", GAP "read=2@1:2; wait=20 read=2@1:2;1:w,2:z",
     .got = {"epoch2@2", "epoch2@2"}},
    {"… but what has numbers that never were", GAP "read=2<3@9:9;7:x,8:y wait=20 read=2<3@9:9;9:z",
     .got = {"epoch2@8 9:z", "epoch2@8 9:z"}, .gaps = 1},
    {"… never in any epoch",
     "join=ap6 offer=p7:x up=0 wait=40 read=2@1:3; wait=20 read=2@1:3; "
     "offer=p4:y/2 up=0 wait=40 read=3@5:6;",
     .got = {"7:x epoch2@3 4:y epoch3@6"}, .due = "p0"},
    {"… which the bus said first", "join=ap6 offer=p1:w/2 wait=20 read=2@1:1; wait=20 read=2@1:1;",
     .got = {"epoch2@1"}},
    {"… in which an own message is", "join=ap6 join=bp6 a>p1 . append=1/2 wait=20 read=2@1:1;",
     .got = {"epoch2@1 1:1=", "epoch2@1"}, .due = "p0"},
    {"… and an own one of the old is lost", "join=ap6 a>p1 . append=8 wait=40 read=2@1:1;",
     .got = {"epoch2@1 !unavailable=1"}, .due = "p0"},
    {"… its end waits for an own one that isn't confirmed",
     "join=ap6 offer=p8:y a>p1 . wait=40 read=2<1@8:8;7:1", .got = {NULL}, .due = "p40",
     .confirms = true},
    {"it has none", GAP "read=0", .got = {NULL}, .due = "p40"},

    {"data was lost, and the epoch with it", GAP "read=2@7:6;", .got = {"epoch2@6", "epoch2@6"},
     .due = "p0"},
    {"the message that was given last is another",
     "join=ap6 offer=p7:x up=0 wait=40 "
     "read=2<1@9:9;7:y,8:z",
     .got = {"7:x epoch2@8"}, .due = "p0"},
    {"… it is the same", "join=ap6 offer=p7:x up=0 wait=40 read=2<1@9:9;7:x,8:z",
     .got = {"7:x 8:z follow2@8"}, .due = "p0"},
    {"… and all of it", GAP "read=0;;-", .got = {NULL}, .due = "p40"},
    {"… it is no loss that it is read before the last came", GAP "offer=p7:x read=1@1:6;",
     .got = {"7:x 8:y", "7:x 8:y"}},

    {"not what isn't confirmed", "join=ap6 a>p1 . offer=p8:y wait=40 append=7 read=1@1:8;7:1,8:y",
     .got = {NULL}, .due = "p40", .confirms = true},
    {"… until it is", "join=ap6 a>p1 . offer=p8:y wait=40 append=7 read=1@1:8;7:1,8:y confirm=1",
     .got = {"7:1= 8:y"}, .due = "p40", .confirms = true},

    {"the store goes: own ones that wait fail", "join=ap6 a>p1 . append=8 down=0",
     .got = {"!unavailable=1"}, .due = "p40"},
    {"… not those of another shard", "join=ap6 a>p1 . append=8 down=1", .got = {NULL}, .due = "p40",
     .spread = true},
    {"the store comes: all are read", "join=ap6 join=aq2 up=0", .got = {NULL}, .due = "p40 q40"},
    {"… not those of another shard", "join=ap6 join=aq2 up=1", .got = {NULL}, .due = "q40",
     .spread = true},
    {"… nor where nothing is known", "join=ap up=0", .got = {NULL}},

    {"quiet: it is where it is", "join=ap6 quiet at=1:6", .got = {NULL}},
    {"quiet: the last was lost", "join=ap6 quiet at=1:7", .got = {NULL}, .due = "p40"},
    {"quiet: another epoch", "join=ap6 quiet at=2:6", .got = {NULL}, .due = "p40"},
    {"quiet: data was lost", "join=ap6 quiet at=1:5", .got = {NULL}, .due = "p40"},
    {"quiet: asked before the last came", "join=ap6 quiet offer=p7:x at=1:6", .got = {"7:x"}},
    {"quiet: it has none", "join=ap6 quiet at=0", .got = {NULL}},
    {"quiet: lost", "join=ap6 quiet at-", .got = {NULL}},
    {"quiet: it closes meanwhile", "join=ap6 quiet leave=ap at=1:7", .got = {NULL}, .due = "p40"},
    {"quiet: nothing is known", "join=ap quiet", .got = {NULL}},
    {"quiet: it is being read", GAP "quiet", .got = {NULL}, .asked = "p6"},
    {"quiet: Redis is away", "join=ap6 redis- quiet redis+", .got = {NULL}},
    {"quiet: no channels", "quiet", .got = {NULL}},
};

static void check_row(const struct row *r) {
    print_message("%s\n", r->what);
    FAKE_POOL.confirms = r->confirms;
    heart_run(r->steps, do_step);
    heart_check(r->got, r->due);
    assert_string_equal(asked(), r->asked ? r->asked : "");
    assert_int_equal(H.count.gaps, r->gaps);
    assert_string_equal(FAKE_POOL.told, "");
}

static void test_orders(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        heart_anew(state, ROWS[i].spread);
        check_row(&ROWS[i]);
    }
}

/* A page of a stream, from `from` on, of a channel that stands as `state` says. */
static void answer_page(unsigned n, unsigned from, const char *state) {
    static char text[PAGE * 16];
    size_t len = (size_t)snprintf(text, sizeof text, "%s;", state);
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, i ? ",%u:x" : "%u:x", from + i);
    answer_read(text);
}

/* A long gap is read page by page, one at once behind the other. */
static void test_pages(void **state) {
    (void)state;
    heart_step("join=ap0");
    heart_step("offer=p1000:x");
    heart_step("wait=40");
    unsigned from = 1;
    for (; from + PAGE <= 700; from += PAGE) {
        char expected[16];
        snprintf(expected, sizeof expected, "p%u", from - 1);
        assert_string_equal(asked(), expected);
        assert_non_null(strstr(fake_redis_asked(0), ":meta 256 "));
        answer_page(PAGE, from, "1@1:700");
        heart_step("wait=20");
    }
    answer_page(700 - from + 1, from, "1@1:700");
    heart_step("wait=20");
    assert_string_equal(asked(), "");
    assert_int_equal(heart_find('p')->order.last.seq, 700);
    assert_int_equal(H.count.deliveries, 700);
    heart_step("wait=20"); /* what is held waits still */
    assert_string_equal(asked(), "p700");
}

/* … and so is what is left of an epoch, before the next is entered. */
static void test_pages_of_the_old_epoch(void **state) {
    (void)state;
    heart_step("join=ap0");
    heart_step("offer=p1:x/2");
    heart_step("wait=20");
    answer_page(PAGE, 1, "2<1@301:301");
    assert_int_equal(H.count.epochs, 0);
    heart_step("wait=20");
    assert_string_equal(asked(), "p256");
    answer_page(45, 257, "2<1@301:301");
    assert_int_equal(H.count.deliveries, 300);
    assert_int_equal(H.count.epochs, 1);
    assert_int_equal(heart_find('p')->order.last.seq, 300);
}

static void join_many(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        struct uuid a = heart_user(0), b = {{(uint8_t)(i >> 8), (uint8_t)i, 1}};
        struct channel_id id = channel_dm(&a, &b);
        struct channel *ch = hub_pin(&H.hub, &id);
        struct position at = {.epoch = heart_epoch('1'), .seq = 6};
        assert_non_null(sub_open(ch, H.s[0]));
        delivery_base(&H.delivery, ch, &at, &(struct uuid){{0}});
        hub_unpin(&H.hub, ch);
    }
}

/* When the store comes back, not all streams are read at once. */
static void test_no_storm(void **state) {
    (void)state;
    join_many(PER_TICK + 50);
    repair_store_up(&H.repairs, 0);
    heart_step("wait=40");
    assert_int_equal(FAKE_POOL.n, PER_TICK);
    heart_step("wait=20");
    assert_int_equal(FAKE_POOL.n, PER_TICK + 50);
    heart_step("wait=100");
    assert_int_equal(FAKE_POOL.n, PER_TICK + 50);
    assert_false(uv_is_active((uv_handle_t *)&H.repairs.timer)); /* nothing is left to do */
}

/* In so many rounds each channel is looked at once. */
static void test_quiet_rounds(void **state) {
    enum { CHANNELS = 2 * QUIET_ROUNDS + 1 };
    (void)state;
    join_many(CHANNELS);
    for (unsigned round = 1; round <= CHANNELS / 3; round++) {
        repair_check_quiet(&H.repairs);
        assert_int_equal(FAKE_POOL.n, 3 * round);
    }
    for (size_t i = 0; i < FAKE_POOL.n; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(fake_redis_asked(i), fake_redis_asked(k));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEART_TEST(test_orders), HEART_TEST(test_pages),
                                       HEART_TEST(test_pages_of_the_old_epoch),
                                       HEART_TEST(test_no_storm), HEART_TEST(test_quiet_rounds)};
    return cmocka_run_group_tests(tests, heart_init, NULL);
}
