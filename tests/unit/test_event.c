/* test_event - each kind of payload, written and read back; and what isn't ours, or is cut, or too
 * long, is refused without a look beyond its end. */
#include "common/redis/event.h"

#include "common/proto/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define MESSAGE "0e55a9e0-0000-4000-8000-000000000005"
#define NODE "0123456789abcdef"
#define KEY_HASH "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD-_0"
#define DM "dm:" ALICE ":" BOB
#define HEAD "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1714564800123\n"

static struct buf B;

static int setup(void **state) {
    (void)state;
    buf_init(&B, 1u << 16);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    buf_free(&B);
    return 0;
}

static struct uuid uuid_of(const char *text) {
    struct uuid u;
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static void check_uuid(const struct uuid *u, const char *text) {
    char got[UUID_TEXT + 1];
    uuid_format(u, got);
    assert_string_equal(got, text);
}

/* Reads what is in B; the wire form is golden, since other versions read it too. */
static struct event read_back(const char *wire) {
    struct event ev;
    assert_string_equal(buf_cstr(&B), wire);
    assert_true(event_parse(B.data, B.len, &ev));
    return ev;
}

/* A copy of just its length: one byte read beyond is seen by ASan. */
static bool parses(const char *payload, size_t len) {
    char *exact = malloc(len ? len : 1);
    struct event ev;
    assert_non_null(exact);
    memcpy(exact, payload, len);
    bool good = event_parse(exact, len, &ev);
    free(exact);
    return good;
}

static void check_refused(const char *payload, size_t len) {
    if (parses(payload, len))
        fail_msg("parsed: %.*s", (int)(len < 200 ? len : 200), payload);
}

/* Round trips */

static void test_message(void **state) {
    (void)state;
    static const char PAYLOAD[] = HEAD "J\u00fcrgen K.\nline one\nline two\n\n\tlast \U0001F469";
    struct event ev;
    assert_true(event_parse(PAYLOAD, sizeof PAYLOAD - 1, &ev));
    assert_int_equal(ev.kind, EVENT_MESSAGE);
    check_uuid(&ev.epoch, EPOCH);
    assert_int_equal(ev.seq, 7);
    assert_int_equal(ev.message.seq, 7);
    assert_string_equal(ev.node, NODE);
    check_uuid(&ev.message.uuid, MESSAGE);
    check_uuid(&ev.message.sender, ALICE);
    assert_int_equal(ev.message.created_ms, 1714564800123);
    static const char NAME[] = "J\u00fcrgen K.";
    assert_int_equal(ev.message.sender_name_len, sizeof NAME - 1);
    assert_memory_equal(ev.message.sender_name, NAME, sizeof NAME - 1);
    static const char TEXT[] = "line one\nline two\n\n\tlast \U0001F469";
    assert_int_equal(ev.message.text_len, sizeof TEXT - 1);
    assert_memory_equal(ev.message.text, TEXT, sizeof TEXT - 1);
}

static void test_message_of_newlines(void **state) {
    (void)state;
    struct event ev;
    static const char PAYLOAD[] = HEAD "Alice\n\n\n";
    assert_true(event_parse(PAYLOAD, sizeof PAYLOAD - 1, &ev));
    assert_int_equal(ev.message.text_len, 2);
    assert_memory_equal(ev.message.text, "\n\n", 2);
}

static void test_message_of_the_largest_size(void **state) {
    (void)state;
    for (size_t n = MESSAGE_MAX_BYTES - 1; n <= MESSAGE_MAX_BYTES + 1; n++) {
        buf_reset(&B);
        buf_str(&B, HEAD "Alice\n");
        for (size_t i = 0; i < n; i++)
            buf_char(&B, i % 80 ? 'x' : '\n');
        assert_false(B.failed);
        assert_int_equal(parses(B.data, B.len), n <= MESSAGE_MAX_BYTES);
    }
}

static void test_user(void **state) {
    (void)state;
    static const struct {
        enum sys_event sys;
        const char *wire;
    } CASES[] = {
        {SYS_SIGN_IN, "s\nsignIn\n" ALICE "\nAlice B."},
        {SYS_SIGN_OUT, "s\nsignOut\n" ALICE "\nAlice B."},
        {SYS_CHANNEL_JOIN, "s\nchannelJoin\n" ALICE "\nAlice B."},
        {SYS_CHANNEL_LEAVE, "s\nchannelLeave\n" ALICE "\nAlice B."},
    };
    struct uuid user = uuid_of(ALICE);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        buf_reset(&B);
        event_write_user(&B, CASES[i].sys, &user, "Alice B.", 8);
        struct event ev = read_back(CASES[i].wire);
        assert_int_equal(ev.kind, EVENT_USER);
        assert_int_equal(ev.sys, CASES[i].sys);
        check_uuid(&ev.user, ALICE);
        assert_int_equal(ev.name_len, 8);
        assert_memory_equal(ev.name, "Alice B.", 8);
    }
}

static void test_unread(void **state) {
    (void)state;
    struct uuid a = uuid_of(ALICE), b = uuid_of(BOB);
    struct message m = {.sender = b,
                        .channel = channel_dm(&a, &b),
                        .seq = 900719925474099,
                        .sender_name = "Bob the second",
                        .sender_name_len = 3};
    event_write_unread(&B, &m);
    struct event ev = read_back("u\n" DM "\n900719925474099\n" BOB "\nBob");
    assert_int_equal(ev.kind, EVENT_UNREAD);
    assert_true(channel_eq(&ev.channel, &m.channel));
    assert_int_equal(ev.seq, 900719925474099);
    check_uuid(&ev.user, BOB);
    assert_int_equal(ev.name_len, 3);
    assert_memory_equal(ev.name, "Bob", 3);
}

static void test_key_revoked(void **state) {
    (void)state;
    event_write_key_revoked(&B, KEY_HASH);
    struct event ev = read_back("k\n" KEY_HASH);
    assert_int_equal(ev.kind, EVENT_KEY_REVOKED);
    assert_string_equal(ev.key_hash, KEY_HASH);
}

static void test_close(void **state) {
    (void)state;
    event_write_close(&B, CLOSE_BANNED);
    struct event ev = read_back("x\n4005");
    assert_int_equal(ev.kind, EVENT_CLOSE);
    assert_int_equal(ev.close_code, CLOSE_BANNED);
}

static void test_purge_from(void **state) {
    (void)state;
    buf_str(&B, "f\n" EPOCH "\n41\n" ALICE); /* as purge.lua writes it */
    struct event ev = read_back("f\n" EPOCH "\n41\n" ALICE);
    assert_int_equal(ev.kind, EVENT_PURGE_FROM);
    check_uuid(&ev.epoch, EPOCH);
    check_uuid(&ev.user, ALICE);
    assert_int_equal(ev.seq, 41);
    static const char *const BAD[] = {"f\n" EPOCH "\n41", "f\n" EPOCH "\n41\n-",
                                      "f\n" EPOCH "\nx\n" ALICE, "f\n-\n41\n" ALICE};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(event_parse(BAD[i], strlen(BAD[i]), &ev));
}

static void test_purge(void **state) {
    (void)state;
    buf_str(&B, "p\n" EPOCH "\n41\n-"); /* as purge.lua writes it */
    struct event ev = read_back("p\n" EPOCH "\n41\n-");
    assert_int_equal(ev.kind, EVENT_PURGE);
    check_uuid(&ev.epoch, EPOCH);
    assert_int_equal(ev.seq, 41);
    assert_false(ev.one);
    buf_reset(&B);
    buf_str(&B, "p\n" EPOCH "\n42\n" MESSAGE);
    ev = read_back("p\n" EPOCH "\n42\n" MESSAGE);
    assert_true(ev.one);
    assert_int_equal(ev.seq, 42);
    check_uuid(&ev.message_uuid, MESSAGE);
}

static void test_check(void **state) {
    (void)state;
    event_write_check(&B);
    assert_int_equal(read_back("c\n-").kind, EVENT_CHECK);
}

static void test_forget(void **state) {
    (void)state;
    struct uuid user = uuid_of(BOB);
    event_write_forget(&B, &user);
    struct event ev = read_back("r\n" BOB);
    assert_int_equal(ev.kind, EVENT_FORGET);
    check_uuid(&ev.user, BOB);
}

static void test_probe(void **state) {
    (void)state;
    event_write_probe(&B, "0123456789abcdef", 7);
    struct event ev = read_back("h\n0123456789abcdef\n7");
    assert_int_equal(ev.kind, EVENT_PROBE);
    assert_string_equal(ev.node, "0123456789abcdef");
    assert_int_equal(ev.seq, 7);
}

/* What is not ours */

static const char *const GOOD[] = {
    HEAD "Alice\nhello",
    "s\nsignIn\n" ALICE "\nAlice",
    "u\n" DM "\n7\n" ALICE "\nAlice",
    "u\npublic\n7\n" ALICE "\nAlice",
    "k\n" KEY_HASH,
    "x\n4004",
    "p\n" EPOCH "\n7\n-",
    "p\n" EPOCH "\n7\n" MESSAGE,
    "c\n-",
    "r\n" ALICE,
};

static void test_good_ones(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(GOOD); i++)
        assert_true(parses(GOOD[i], strlen(GOOD[i])));
}

/* A cut leaves a shorter text, name or number at best (the transport does not cut; a writer with a
 * full buffer might), but never a payload whose fields are not all there. */
static void test_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(GOOD); i++) {
        size_t len = strlen(GOOD[i]), last = len;
        while (GOOD[i][last - 1] != '\n')
            last--;
        for (size_t cut = 0; cut <= last; cut++) /* the last field is gone, or empty */
            check_refused(GOOD[i], cut);
    }
    static const char *const FIXED[] = {"k\n" KEY_HASH, "p\n" EPOCH "\n7\n" MESSAGE, "r\n" ALICE};
    for (size_t i = 0; i < COUNT(FIXED); i++)
        for (size_t cut = 0; cut < strlen(FIXED[i]); cut++)
            check_refused(FIXED[i], cut);
}

/* What follows the last field makes it a payload of somebody else. */
static void test_more(void **state) {
    (void)state;
    static const char *const TAILS[] = {"\n", "\nmore", "\n\n"};
    for (size_t i = 0; i < COUNT(GOOD); i++)
        for (size_t t = 0; t < COUNT(TAILS); t++) {
            buf_reset(&B);
            buf_str(&B, GOOD[i]);
            buf_str(&B, TAILS[t]);
            if (*GOOD[i] == 'm') /* its text may hold anything */
                assert_true(parses(B.data, B.len));
            else
                check_refused(B.data, B.len);
        }
}

static void test_foreign(void **state) {
    (void)state;
    static const char *const PAYLOADS[] = {
        "",
        "\n",
        "m",
        "m\n",
        "hello",
        "{\"type\":\"sys\"}",
        "M\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m " EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "mm\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "\xff\n" ALICE,
        "z\n" ALICE,
        /* one field of a message spoilt at a time */
        "m\nnone\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n0\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n-7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n7x\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n 7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n1234567890123456789\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n7\nnode\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n7\n" NODE "0\n" MESSAGE "\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n\n" ALICE "\n1\nAlice\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\nalice\n1\nAlice\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\nnow\nAlice\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\n\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAl\xffice\nhello",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\n\xc0\x80",
        "m\n" EPOCH "\n7\n" NODE "\n" MESSAGE "\n" ALICE "\n1\nAlice\n\xed\xa0\x80",
        "s\nsignUp\n" ALICE "\nAlice",
        "s\nsignI\n" ALICE "\nAlice",
        "s\nsignInn\n" ALICE "\nAlice",
        "s\n\n" ALICE "\nAlice",
        "s\nsignIn\nalice\nAlice",
        "s\nsignIn\n" ALICE "\n\xff",
        "u\nDM\n7\n" ALICE "\nAlice",
        "u\ndm:" BOB ":" ALICE "\n7\n" ALICE "\nAlice",
        "u\n" DM "\n\n" ALICE "\nAlice",
        "u\n" DM "\n7\n\nAlice",
        "k\n" KEY_HASH "A",
        "k\n-",
        "x\n",
        "x\nkicked",
        "x\n-1",
        "x\n0",
        "x\n999",
        "x\n5000",
        "x\n4294971300", /* 4004 if cut to 32 bits */
        "p\n" EPOCH "\n7\n",
        "p\n" EPOCH "\n7\n--",
        "p\n" EPOCH "\nall\n-",
        "p\n-\n7\n-",
        "c\n",
        "c\nlook",
        "r\n-",
    };
    for (size_t i = 0; i < COUNT(PAYLOADS); i++)
        check_refused(PAYLOADS[i], strlen(PAYLOADS[i]));
}

static void test_long_names(void **state) {
    (void)state;
    char name[NAME_MAX_BYTES + 2];
    memset(name, 'n', sizeof name);
    struct uuid user = uuid_of(ALICE);
    for (size_t len = 0; len <= NAME_MAX_BYTES + 1; len++) {
        buf_reset(&B);
        event_write_user(&B, SYS_SIGN_IN, &user, name, len);
        assert_int_equal(parses(B.data, B.len), len >= 1 && len <= NAME_MAX_BYTES);
    }
}

/* NULs in a payload end nothing. */
static void test_nul(void **state) {
    (void)state;
    check_refused("c\n-\0", 4);
    check_refused("c\0-", 3);
    check_refused("x\n40\00004", 6);
    static const char TEXT[] = HEAD "Alice\na\0b", NAME[] = HEAD "A\0ice\nhi";
    static const char KEY[] = "k\n" KEY_HASH;
    char key[sizeof KEY];
    check_refused(TEXT, sizeof TEXT - 1);
    check_refused(NAME, sizeof NAME - 1);
    memcpy(key, KEY, sizeof KEY);
    key[10] = '\0';
    check_refused(key, sizeof KEY - 1);
    key[10] = '\n';
    check_refused(key, sizeof KEY - 1);
}

/* A megabyte of anything, as one field or behind a good beginning. */
static void test_megabyte(void **state) {
    (void)state;
    static const char *const STARTS[] = {
        "",
        "m\n",
        HEAD,
        HEAD "Alice\n",
        "s\nsignIn\n",
        "s\nsignIn\n" ALICE "\n",
        "u\n",
        "u\n" DM "\n",
        "k\n",
        "x\n",
        "p\n" EPOCH "\n",
        "p\n" EPOCH "\n7\n",
        "c\n",
        "c\n-",
        "r\n",
        "r\n" ALICE,
        "\n",
    };
    static const char FILL[] = {'x', '7', '\n', '\0', '\xff'};
    size_t len = 1u << 20;
    char *payload = malloc(len);
    assert_non_null(payload);
    for (size_t i = 0; i < COUNT(STARTS); i++)
        for (size_t k = 0; k < sizeof FILL; k++) {
            memset(payload, FILL[k], len);
            memcpy(payload, STARTS[i], strlen(STARTS[i]));
            check_refused(payload, len);
        }
    free(payload);
}

/* Of every length, and of others. */
static void test_whose_message(void **state) {
    (void)state;
    static const char PAYLOAD[] = HEAD "Alice\nhello";
    const size_t id_end = sizeof "m\n" EPOCH "\n7\n" NODE "\n" - 1;
    for (size_t len = 0; len < sizeof PAYLOAD; len++) {
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, PAYLOAD, len);
        assert_int_equal(event_is_message_of(exact, len, NODE), len >= id_end);
        free(exact);
    }
    assert_false(event_is_message_of(PAYLOAD, sizeof PAYLOAD - 1, "0123456789abcdee"));
    static const char PROBE[] = "h\n" NODE "\n" NODE "\n" NODE "\n" NODE "\n" NODE "\n";
    assert_false(event_is_message_of(PROBE, sizeof PROBE - 1, NODE));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_message),
        TEST(test_whose_message),
        TEST(test_message_of_newlines),
        TEST(test_message_of_the_largest_size),
        TEST(test_user),
        TEST(test_unread),
        TEST(test_key_revoked),
        TEST(test_close),
        TEST(test_purge),
        TEST(test_purge_from),
        TEST(test_check),
        TEST(test_forget),
        TEST(test_probe),
        TEST(test_good_ones),
        TEST(test_cut),
        TEST(test_more),
        TEST(test_foreign),
        TEST(test_long_names),
        TEST(test_nul),
        TEST(test_megabyte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
