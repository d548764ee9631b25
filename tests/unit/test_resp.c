/* test_resp - the bytes of a command are those that hiredis would make. */
#include "common/redis/resp.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct cmd *c) {
    char *expected;
    size_t len;
    /* an int before hiredis 1.0 */
    long long n =
        redisFormatCommandArgv(&expected, (int)c->argc, (const char **)c->argv, c->argvlen);
    char *text = resp_format(c, &len);
    assert_non_null(text);
    assert_int_equal(len, n);
    assert_memory_equal(text, expected, len);
    free(text);
    redisFreeCommand(expected);
}

static void test_like_hiredis(void **state) {
    (void)state;
    struct cmd c;
    char *big = malloc(123456);
    assert_non_null(big);
    memset(big, 'x', 123456);
    cmd_init(&c);
    cmd_begin(&c, "PING");
    check(&c);
    cmd_begin(&c, "SET");
    cmd_borrow(&c, "a\0b\r\n", 5);
    cmd_borrow(&c, "", 0);
    cmd_i64(&c, INT64_MIN);
    check(&c);
    cmd_begin(&c, "MSET");
    for (size_t i = 0; i < 1200; i++)
        cmd_borrow(&c, big, i * 100);
    check(&c);
    cmd_free(&c);
    free(big);
}

static void test_a_failed_command_is_none(void **state) {
    (void)state;
    struct cmd c;
    size_t len;
    cmd_init(&c);
    cmd_begin(&c, "SET");
    cmd_borrow(&c, NULL, 3);
    assert_null(resp_format(&c, &len));
    cmd_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_hiredis),
        cmocka_unit_test(test_a_failed_command_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
