/* test_names - the cache of names knows what it was told, for a minute, and never holds more than
 * its limit. */
#include "chatd/base/names.h"

#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS 60000
#define LIMIT 50000

static int init(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

static struct uuid user(unsigned i) {
    struct uuid u = {{0}};
    memcpy(u.b, &i, sizeof i);
    return u;
}

static void put(struct names *n, unsigned i, const char *name, uint64_t now_ms) {
    struct uuid u = user(i);
    names_put(n, &u, name, strlen(name), now_ms);
}

static const char *get(struct names *n, unsigned i, uint64_t now_ms) {
    struct uuid u = user(i);
    return names_get(n, &u, now_ms);
}

static void forget(struct names *n, unsigned i) {
    struct uuid u = user(i);
    names_forget(n, &u);
}

static void test_put_and_get(void **state) {
    (void)state;
    struct names n;
    assert_true(names_init(&n));
    assert_null(get(&n, 1, 0));
    struct uuid u = user(1);
    names_put(&n, &u, "Alice and more", 5, 0);
    put(&n, 2, "J\u00fcrgen", 0);
    assert_string_equal(get(&n, 1, 0), "Alice");
    assert_string_equal(get(&n, 2, 0), "J\u00fcrgen");
    assert_null(get(&n, 3, 0));
    put(&n, 1, "Alicia", 0); /* renamed */
    assert_string_equal(get(&n, 1, 0), "Alicia");
    assert_int_equal(n.table.count, 2);
    names_free(&n);
}

static void test_expiry(void **state) {
    (void)state;
    struct names n;
    assert_true(names_init(&n));
    put(&n, 1, "Alice", 1000);
    put(&n, 2, "Bob", 2000);
    assert_non_null(get(&n, 1, 1000 + MINUTE_MS));
    assert_null(get(&n, 1, 1001 + MINUTE_MS));
    assert_non_null(get(&n, 2, 1001 + MINUTE_MS));
    put(&n, 1, "Alice", 1001 + MINUTE_MS); /* heard of again */
    assert_string_equal(get(&n, 1, 1001 + 2 * MINUTE_MS), "Alice");
    assert_null(get(&n, 2, 1001 + 2 * MINUTE_MS));
    names_free(&n);
}

static void test_forget(void **state) {
    (void)state;
    struct names n;
    assert_true(names_init(&n));
    forget(&n, 1); /* nobody knows it */
    for (unsigned i = 0; i < 5; i++)
        put(&n, i, "x", 0);
    forget(&n, 0); /* the oldest, one in the middle, the newest */
    forget(&n, 2);
    forget(&n, 4);
    forget(&n, 4);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(get(&n, i, 0) != NULL, i % 2 == 1);
    forget(&n, 1);
    forget(&n, 3);
    assert_int_equal(n.table.count, 0);
    assert_null(n.first);
    assert_null(n.last);
    put(&n, 7, "again", 0);
    assert_string_equal(get(&n, 7, 0), "again");
    names_free(&n);
}

/* The one that was told longest ago gives way; to be told again makes young. */
static void test_cap(void **state) {
    (void)state;
    struct names n;
    char name[16];
    assert_true(names_init(&n));
    for (unsigned i = 0; i < LIMIT; i++) {
        snprintf(name, sizeof name, "user %u", i);
        put(&n, i, name, 0);
    }
    assert_int_equal(n.table.count, LIMIT);
    put(&n, 0, "user 0", 0);
    assert_int_equal(n.table.count, LIMIT);
    assert_non_null(get(&n, 1, 0));
    for (unsigned i = LIMIT; i < LIMIT + 100; i++)
        put(&n, i, "new", 0);
    assert_int_equal(n.table.count, LIMIT);
    assert_string_equal(get(&n, 0, 0), "user 0");
    for (unsigned i = 1; i <= 100; i++)
        assert_null(get(&n, i, 0));
    assert_string_equal(get(&n, 101, 0), "user 101");
    assert_string_equal(get(&n, LIMIT + 99, 0), "new");
    names_free(&n);
}

static void test_freed(void **state) {
    (void)state;
    struct names n;
    assert_true(names_init(&n));
    names_free(&n);
    assert_true(names_init(&n));
    for (unsigned i = 0; i < 1000; i++)
        put(&n, i, "x", 0);
    names_free(&n); /* leaks are seen by ASan */
    assert_null(n.first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_get), cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_forget),      cmocka_unit_test(test_cap),
        cmocka_unit_test(test_freed),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
