/* test_limits - the bucket lets through what its rate says, over any time and across the wrap of
 * its 32-bit clock; connections are counted by host, however the host is written. */
#include "chatd/session/limits.h"

#include "common/base/secret.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int init(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

/* --- Buckets --- */

/* How many of `tries` in this moment get a token. */
static unsigned got(struct bucket *b, uint64_t rate, uint64_t now_ms, unsigned tries) {
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += bucket_take(b, rate, now_ms) == 0;
    return n;
}

static void test_burst(void **state) {
    (void)state;
    static const uint64_t RATES[] = {1, 2, 20, 1000, 100000};
    for (size_t i = 0; i < COUNT(RATES); i++) {
        struct bucket b;
        bucket_init(&b, RATES[i], 5000);
        assert_int_equal(got(&b, RATES[i], 5000, (unsigned)RATES[i] + 10), RATES[i]);
    }
}

/* At full pull: the burst, and then `rate` each second, however the seconds are cut. */
static void test_rate(void **state) {
    (void)state;
    static const uint64_t RATES[] = {1, 3, 7, 20, 50, 333, 2000};
    for (size_t i = 0; i < COUNT(RATES); i++) {
        struct bucket b;
        unsigned n = 0;
        bucket_init(&b, RATES[i], 1000);
        for (uint64_t ms = 0; ms <= 70000; ms += 5)
            n += got(&b, RATES[i], 1000 + ms, 20);
        assert_int_equal(n, RATES[i] * 71);
    }
}

/* What is told as the wait is enough, and not a millisecond too much. */
static void test_wait(void **state) {
    (void)state;
    static const uint64_t RATES[] = {1, 3, 7, 20, 999, 1000};
    for (size_t i = 0; i < COUNT(RATES); i++) {
        struct bucket b;
        uint64_t now = 77;
        bucket_init(&b, RATES[i], now);
        for (unsigned k = 0; k < 100; k++) {
            uint32_t wait = bucket_take(&b, RATES[i], now);
            if (wait == 0)
                continue;
            assert_true(wait <= 1000);
            struct bucket early = b;
            assert_true(wait == 1 || bucket_take(&early, RATES[i], now + wait - 1) > 0);
            assert_int_equal(bucket_take(&b, RATES[i], now + wait), 0);
            now += wait;
        }
    }
}

static void test_bucket_is_no_larger_than_a_second(void **state) {
    (void)state;
    struct bucket b;
    bucket_init(&b, 10, 0);
    assert_int_equal(got(&b, 10, 0, 100), 10);
    assert_int_equal(got(&b, 10, 3600000, 100), 10);
    assert_int_equal(got(&b, 10, 3600100, 100), 1);
}

static void test_no_limit(void **state) {
    (void)state;
    struct bucket b;
    bucket_init(&b, 0, 0);
    assert_int_equal(got(&b, 0, 0, 100000), 100000);
}

/* The clock has run for a multiple of 49.7 days: its low half begins anew. */
static void test_wrap(void **state) {
    (void)state;
    static const uint64_t STARTS[] = {UINT32_MAX - 500, UINT32_MAX, (UINT64_C(7) << 32) - 1};
    for (size_t i = 0; i < COUNT(STARTS); i++) {
        struct bucket b;
        bucket_init(&b, 10, STARTS[i]);
        assert_int_equal(got(&b, 10, STARTS[i], 100), 10);
        assert_int_equal(got(&b, 10, STARTS[i] + 99, 100), 0);
        assert_int_equal(got(&b, 10, STARTS[i] + 600, 100), 6);
        assert_int_equal(got(&b, 10, STARTS[i] + 700, 100), 1);
        assert_int_equal(got(&b, 10, STARTS[i] + 60000, 100), 10);
    }
}

/* Rates that thousandths in 32 bits can't hold behave as the largest that they can. */
static void test_huge_rates(void **state) {
    (void)state;
    static const uint64_t RATES[] = {4000000,    4294967,           4294968,
                                     UINT32_MAX, UINT64_MAX / 1000, UINT64_MAX};
    for (size_t i = 0; i < COUNT(RATES); i++) {
        struct bucket b;
        bucket_init(&b, RATES[i], 0);
        assert_int_equal(got(&b, RATES[i], 0, 100000), 100000);
        assert_int_equal(got(&b, RATES[i], UINT32_MAX, 100000), 100000);
        assert_int_equal(got(&b, RATES[i], UINT64_MAX, 100000), 100000);
    }
}

/* A setting may change while buckets live. */
static void test_rate_changes(void **state) {
    (void)state;
    struct bucket b;
    bucket_init(&b, 100, 0);
    assert_int_equal(got(&b, 5, 0, 200), 5);
    assert_int_equal(got(&b, 100, 100, 200), 10);
}

/* --- Buckets without an owner --- */

static void test_kept(void **state) {
    (void)state;
    static const unsigned char OWNER[KEEPER_OWNER] = "ann", OTHER[KEEPER_OWNER] = "ben";
    struct keeper k;
    struct bucket b[KEEPER_BUCKETS] = {{0}}, other = {0};
    assert_true(keeper_init(&k));
    assert_int_equal(got(&b[0], 10, 5000, 100), 10);
    assert_int_equal(got(&b[1], 10, 5000, 4), 4);
    keeper_put(&k, OWNER, b, KEEPER_BUCKETS, 5000);
    memset(b, 0, sizeof b);
    keeper_take(&k, OTHER, &other, 1);
    assert_int_equal(got(&other, 10, 5000, 100), 10); /* another's are full */
    keeper_sweep(&k, 5500);
    keeper_take(&k, OWNER, b, KEEPER_BUCKETS);
    assert_int_equal(got(&b[0], 10, 5500, 100), 5);
    assert_int_equal(got(&b[1], 10, 5000, 100), 6);
    memset(b, 0, sizeof b);
    keeper_take(&k, OWNER, b, KEEPER_BUCKETS); /* they were given back already */
    assert_int_equal(got(&b[0], 10, 5500, 100), 10);

    for (unsigned i = 0; i < 3; i++) { /* comes and goes: the last that was put counts */
        keeper_take(&k, OWNER, b, KEEPER_BUCKETS);
        got(&b[0], 10, 6000, 100);
        keeper_put(&k, OWNER, b, KEEPER_BUCKETS, 6000);
    }
    memset(b, 0, sizeof b);
    keeper_take(&k, OWNER, b, KEEPER_BUCKETS);
    assert_int_equal(got(&b[0], 10, 6000, 100), 0);
    keeper_put(&k, OTHER, b, 1, 6400);
    keeper_sweep(&k, 7399);
    assert_int_equal(k.table.count, 1);
    keeper_sweep(&k, 7400);
    assert_int_equal(k.table.count, 0);
    assert_null(k.first); /* what was full again has left nothing behind */
    keeper_put(&k, OTHER, b, 1, 7500);
    keeper_free(&k); /* with one still there */
}

/* --- Addresses --- */

union any {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static union any address_of(const char *text, uint16_t port) {
    union any a;
    memset(&a, 0, sizeof a);
    if (strchr(text, '/')) {
        a.un.sun_family = AF_UNIX;
        snprintf(a.un.sun_path, sizeof a.un.sun_path, "%s", text);
    } else if (strchr(text, ':')) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    } else {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    }
    return a;
}

static struct address *enter(struct addresses *all, const char *text, uint64_t max,
                             bool count_loopback) {
    static uint16_t port = 1024;
    union any a = address_of(text, port++);
    return addresses_enter(all, &a.sa, max, count_loopback);
}

static void test_counting(void **state) {
    (void)state;
    struct addresses all = {0};
    assert_true(addresses_init(&all));
    struct address *one = enter(&all, "192.0.2.1", 2, true);
    assert_non_null(one);
    assert_string_equal(one->text, "192.0.2.1");
    assert_false(one->loopback);
    assert_ptr_equal(enter(&all, "192.0.2.1", 2, true), one);
    assert_int_equal(one->connections, 2);
    assert_null(enter(&all, "192.0.2.1", 2, true)); /* the one too many is not counted */
    assert_int_equal(one->connections, 2);
    assert_int_equal(all.connections, 2);
    struct address *two = enter(&all, "192.0.2.2", 2, true);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    assert_int_equal(all.connections, 3);
    addresses_leave(&all, one);
    assert_ptr_equal(enter(&all, "192.0.2.1", 2, true), one);
    addresses_leave(&all, one);
    addresses_leave(&all, one);
    assert_int_equal(all.table.count, 1); /* who is gone leaves nothing behind */
    addresses_leave(&all, two);
    addresses_leave(&all, NULL);
    assert_int_equal(all.table.count, 0);
    assert_int_equal(all.connections, 0);
    addresses_free(&all);
}

/* Whoever goes and comes back finds the rates as they were. */
static void test_connects(void **state) {
    (void)state;
    struct addresses all = {.connect_rate = 3};
    assert_true(addresses_init(&all));
    unsigned came = 0;
    for (int i = 0; i < 10; i++) {
        struct address *a = enter(&all, "192.0.2.1", 9, true);
        came += a != NULL;
        addresses_leave(&all, a);
    }
    assert_in_range(came, 3, 4); /* time goes on */
    assert_int_equal(all.connections, 0);
    assert_non_null(enter(&all, "192.0.2.2", 9, true));
    for (int i = 0; i < 10; i++)
        assert_non_null(enter(&all, "127.0.0.1", 99, false));
    came = 0;
    for (int i = 0; i < 10; i++)
        came += enter(&all, "127.0.0.1", 99, true) != NULL;
    assert_in_range(came, 3, 4);
    addresses_free(&all);
}

static void test_many_addresses(void **state) {
    (void)state;
    struct addresses all = {0};
    assert_true(addresses_init(&all));
    for (unsigned i = 0; i < 5000; i++) {
        union any a = address_of("10.0.0.0", 1);
        a.v4.sin_addr.s_addr = htonl(0x0a000000u + i % 1000);
        assert_non_null(addresses_enter(&all, &a.sa, 5, true));
    }
    assert_int_equal(all.table.count, 1000);
    assert_int_equal(all.connections, 5000);
    assert_null(enter(&all, "10.0.0.7", 5, true));
    addresses_free(&all); /* with all of them still there */
}

static void test_loopback(void **state) {
    (void)state;
    static const char *const LOOPBACK[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1",
                                           "/run/x"};
    for (size_t i = 0; i < COUNT(LOOPBACK); i++) {
        struct addresses all = {0};
        assert_true(addresses_init(&all));
        for (int k = 0; k < 10; k++) {
            struct address *a = enter(&all, LOOPBACK[i], 2, false);
            assert_non_null(a);
            assert_true(a->loopback);
        }
        assert_int_equal(all.connections, 10); /* counted in all, but not bounded */
        assert_null(enter(&all, LOOPBACK[i], 2, true));
        addresses_free(&all);
    }
}

static void test_not_loopback(void **state) {
    (void)state;
    static const char *const OTHERS[] = {"128.0.0.1",
                                         "126.255.255.255",
                                         "0.0.0.0",
                                         "10.0.0.127",
                                         "::2",
                                         "::",
                                         "2001:db8::1",
                                         "fe80::1",
                                         "::ffff:192.0.2.1",
                                         "::127.0.0.1",
                                         "::1:0:0:1",
                                         "1::1",
                                         "::fffe:127.0.0.1"};
    for (size_t i = 0; i < COUNT(OTHERS); i++) {
        struct addresses all = {0};
        assert_true(addresses_init(&all));
        struct address *a = enter(&all, OTHERS[i], 1, false);
        assert_non_null(a);
        assert_false(a->loopback);
        assert_null(enter(&all, OTHERS[i], 1, false));
        addresses_free(&all);
    }
}

/* Whether two addresses are one host. Then they also have one text, whichever came first: failed
 * sign-ins are counted by it, on all nodes. */
static void test_same_host(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } CASES[] = {
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"192.0.2.1", "::ffff:192.0.2.2", false},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"2001:db8:0:1::", "2001:db8:0:1:8000::", true},
        {"::1", "::2", false},
        {"127.0.0.1", "::1", false},
        {"::ffff:192.0.2.1", "::fffe:192.0.2.1", false},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        for (int turn = 0; turn < 2; turn++) {
            struct addresses here = {0}, there = {0};
            assert_true(addresses_init(&here) && addresses_init(&there));
            const char *first = turn ? CASES[i].b : CASES[i].a,
                       *second = turn ? CASES[i].a : CASES[i].b;
            struct address *a = enter(&here, first, 9, true), *b = enter(&here, second, 9, true);
            struct address *alone = enter(&there, second, 9, true);
            assert_true(a && b && alone);
            if ((a == b) != CASES[i].same)
                fail_msg("%s and %s", first, second);
            assert_int_equal(strcmp(a->text, alone->text) == 0, CASES[i].same);
            addresses_free(&here);
            addresses_free(&there);
        }
    }
}

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *address, *text;
    } CASES[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:db8:0:1:a:b:c:d", "2001:db8:0:1::/64"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64"},
        {"::1", "::1"},
        {"/run/chatd", "local"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        struct addresses all = {0};
        assert_true(addresses_init(&all));
        struct address *a = enter(&all, CASES[i].address, 1, true);
        assert_non_null(a);
        assert_string_equal(a->text, CASES[i].text);
        addresses_free(&all);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),      cmocka_unit_test(test_rate),
        cmocka_unit_test(test_wait),       cmocka_unit_test(test_bucket_is_no_larger_than_a_second),
        cmocka_unit_test(test_no_limit),   cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_huge_rates), cmocka_unit_test(test_rate_changes),
        cmocka_unit_test(test_kept),       cmocka_unit_test(test_connects),
        cmocka_unit_test(test_counting),   cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_loopback),   cmocka_unit_test(test_not_loopback),
        cmocka_unit_test(test_same_host),  cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
