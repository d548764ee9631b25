/* test_durability - what a Redis is asked to be set up for, and what is said when it
 * isn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/redis/durability.h"
#include "tests/unit/resp_made.h"

#define CONFIG(aof, fsync, min)                                                                    \
    "[ 'appendonly' '" aof "' 'min-replicas-to-write' '" min "' 'appendfsync' '" fsync "' ]"

static void check(const char *reply, enum durability d, const char *expected) {
    struct persistence p;
    char why[128] = "";
    durability_from_config(made(reply), &p);
    bool kept = durability_kept(d, &p, why, sizeof why);
    if (kept != !expected || (expected && !strstr(why, expected)))
        fail_msg("%s with %s: %s", durability_name(d), reply, why);
}

static void kept(void **state) {
    (void)state;
    check(CONFIG("no", "no", "0"), DURABILITY_REDIS, NULL);
    check("-NOPERM no;", DURABILITY_REDIS, NULL);
    check(CONFIG("yes", "everysec", "0"), DURABILITY_EVERYSEC, NULL);
    check(CONFIG("yes", "always", "0"), DURABILITY_EVERYSEC, NULL);
    check(CONFIG("yes", "always", "0"), DURABILITY_ALWAYS, NULL);
    check(CONFIG("yes", "always", "1"), DURABILITY_REPLICATED, NULL);
    check(CONFIG("yes", "always", "3"), DURABILITY_REPLICATED, NULL);
}

static void refused(void **state) {
    (void)state;
    check(CONFIG("no", "everysec", "0"), DURABILITY_EVERYSEC, "set appendonly yes");
    check(CONFIG("no", "always", "1"), DURABILITY_REPLICATED, "set appendonly yes");
    check(CONFIG("yes", "no", "0"), DURABILITY_EVERYSEC, "appendfsync everysec or always");
    check(CONFIG("yes", "everysec", "0"), DURABILITY_ALWAYS, "set appendfsync always");
    check(CONFIG("yes", "everysec", "1"), DURABILITY_REPLICATED, "set appendfsync always");
    check(CONFIG("yes", "always", "0"), DURABILITY_REPLICATED, "set min-replicas-to-write 1");
    check("[ 'appendonly' 'yes' 'appendfsync' 'always' ]", DURABILITY_REPLICATED, "min-replicas");
    check("-NOPERM no;", DURABILITY_EVERYSEC, "+config|get");
    check("[ ]", DURABILITY_ALWAYS, "+config|get");
    check("[ 'appendonly' ]", DURABILITY_ALWAYS, "+config|get");
    check("[ :1 :2 ]", DURABILITY_ALWAYS, "+config|get");
    check("nil", DURABILITY_ALWAYS, "+config|get");
}

static void by_info(void **state) {
    (void)state;
    struct persistence p;
    char why[128];
    assert_true(durability_from_info(made("'loading:0\r\naof_enabled:1\r\nx:1'"), &p));
    assert_true(durability_kept(DURABILITY_EVERYSEC, &p, why, sizeof why));
    assert_false(durability_kept(DURABILITY_ALWAYS, &p, why, sizeof why));
    assert_non_null(strstr(why, "appendfsync can't be looked at"));
    assert_true(durability_from_info(made("'aof_enabled:0'"), &p));
    assert_false(durability_kept(DURABILITY_EVERYSEC, &p, why, sizeof why));
    assert_false(durability_from_info(made("'other:1'"), &p));
    assert_false(durability_kept(DURABILITY_EVERYSEC, &p, why, sizeof why));
    assert_false(durability_from_info(made("-NOPERM no;"), &p));
    assert_false(durability_from_info(made("nil"), &p));
}

static void evicts(void **state) {
    (void)state;
    char policy[32];
    assert_true(
        durability_evicts(made("'# Memory\r\nmaxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n'"),
                          policy, sizeof policy));
    assert_string_equal(policy, "allkeys-lru");
    static const char *const HARMLESS[] = {
        "'# Memory\r\nmaxmemory:9\r\nmaxmemory_policy:noeviction\r\n'",
        "'# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n'",
        "'# Memory\r\nmaxmemory:9\r\n'",
        "'maxmemory:9\r\nx_maxmemory_policy:allkeys-lru'",
        "''",
        "nil",
        "-NOPERM no;"};
    for (size_t i = 0; i < sizeof HARMLESS / sizeof *HARMLESS; i++)
        assert_false(durability_evicts(made(HARMLESS[i]), policy, sizeof policy));
}

static void words(void **state) {
    (void)state;
    enum durability d;
    assert_true(durability_parse("replicated", &d));
    assert_int_equal(d, DURABILITY_REPLICATED);
    assert_string_equal(durability_name(d), "replicated");
    assert_false(durability_parse("", &d));
    assert_false(durability_parse("Always", &d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(kept, made_free), cmocka_unit_test_teardown(refused, made_free),
        cmocka_unit_test_teardown(by_info, made_free), cmocka_unit_test_teardown(evicts, made_free),
        cmocka_unit_test(words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
