/* test_topology - slots as the Redis Cluster Specification has them, and what servers say
 * of one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/redis/topology.h"
#include "tests/unit/resp_made.h"

static const struct redis_address ASKED = {"10.0.0.9", 7009};

static void slots(void **state) {
    (void)state;
    static const struct {
        const char *key;
        uint16_t slot;
    } cases[] = {/* by CLUSTER KEYSLOT of Redis 7.0.15 */
                 {"123456789", 12739},    {"", 0},
                 {"foo", 12182},          {"{foo}bar", 12182},
                 {"a{foo}{bar}", 12182},  {"foo{}{bar}", 8363},
                 {"foo{{bar}}zap", 4015}, {"{}", 15257},
                 {"{foo", 13308},         {"}foo{", 8453}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (topology_slot(cases[i].key, strlen(cases[i].key)) != cases[i].slot)
            fail_msg("%s: %u", cases[i].key, topology_slot(cases[i].key, strlen(cases[i].key)));
    assert_int_equal(topology_slot("{c:public}", 10), topology_slot("chat:{c:public}:log", 19));
    assert_int_equal(topology_slot("foo\0{x}", 7), topology_slot("x", 1));
}

static void reads(void **state) {
    (void)state;
    static struct topology t;
    struct err e;
    assert_int_equal(
        topology_read(made("[ [ :0 :99 [ '10.0.0.1' :7001 'id' [ ] ] [ '10.0.0.2' :7002 'r' [ ] ] ]"
                           "  [ :100 :100 [ '' :7003 'id' ] ] [ :200 :16383 [ '10.0.0.1' :7001 ] ]"
                           "  [ :101 :101 [ nil :7004 'id' ] ] [ :102 :102 [ '?' :7004 'x' ] ] ]"),
                      &ASKED, &t, &e),
        ERR_OK);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.unowned, 97);
    assert_int_equal(t.owner[0], 0);
    assert_int_equal(t.owner[99], 0);
    assert_int_equal(t.owner[16383], 0);
    assert_int_equal(t.owner[100], 1);
    assert_int_equal(t.owner[101], 2);
    assert_int_equal(t.owner[102], 2);
    assert_int_equal(t.owner[103], NO_MASTER);
    assert_string_equal(t.masters[1].host, "10.0.0.9");
    assert_int_equal(t.masters[1].port, 7003);
    assert_int_equal(topology_read(made("[ ]"), &ASKED, &t, &e), ERR_OK);
    assert_int_equal(t.unowned, CLUSTER_SLOTS);
}

static void refuses(void **state) {
    (void)state;
    static struct topology t;
    static const char *const bad[] = {"-ERR This instance has cluster support disabled;",
                                      ":1",
                                      "[ :1 ]",
                                      "[ [ :0 :1 ] ]",
                                      "[ [ :-1 :1 [ 'h' :1 ] ] ]",
                                      "[ [ :5 :4 [ 'h' :1 ] ] ]",
                                      "[ [ :0 :16384 [ 'h' :1 ] ] ]",
                                      "[ [ :0 :1 [ 'h' :0 ] ] ]",
                                      "[ [ :0 :1 [ 'h' :65536 ] ] ]",
                                      "[ [ :0 :1 [ 'h' ] ] ]",
                                      "[ [ :0 :1 'h' ] ]",
                                      "[ [ :0 'x' [ 'h' :1 ] ] ]"};
    struct err e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (topology_read(made(bad[i]), &ASKED, &t, &e) == ERR_OK)
            fail_msg("%s was taken", bad[i]);
    assert_int_equal(topology_read(NULL, &ASKED, &t, &e), ERR_UNAVAILABLE);
    struct buf many;
    buf_init(&many, 1u << 20);
    buf_str(&many, "[ ");
    for (unsigned i = 0; i <= CLUSTER_MASTERS_MAX; i++)
        buf_fmt(&many, "[ :%u :%u [ 'h' :%u ] ] ", i, i, i + 1);
    buf_add(&many, "]", 2);
    assert_int_equal(topology_read(made(many.data), &ASKED, &t, &e), ERR_INTERNAL);
    buf_free(&many);
}

static void master(void **state) {
    (void)state;
    struct redis_address at;
    struct err e;
    assert_int_equal(topology_master(made("[ '::1' '7000' ]"), &at, &e), ERR_OK);
    assert_string_equal(at.host, "::1");
    assert_int_equal(at.port, 7000);
    assert_int_equal(topology_master(made("nil"), &at, &e), ERR_NOT_FOUND);
    assert_int_equal(topology_master(NULL, &at, &e), ERR_UNAVAILABLE);
    assert_int_equal(topology_master(made("-NOAUTH no;"), &at, &e), ERR_INTERNAL);
    assert_int_equal(topology_master(made("[ 'h' '0' ]"), &at, &e), ERR_INTERNAL);
    assert_int_equal(topology_master(made("[ 'h' '1x' ]"), &at, &e), ERR_INTERNAL);
    assert_int_equal(topology_master(made("[ '' '1' ]"), &at, &e), ERR_INTERNAL);
    assert_int_equal(topology_master(made("[ 'h' ]"), &at, &e), ERR_INTERNAL);
    assert_true(topology_is_master(made("[ 'master' :17 [ ] ]")));
    assert_false(topology_is_master(made("[ 'slave' 'h' :1 'connected' :17 ]")));
    assert_false(topology_is_master(made("[ ]")));
    assert_false(topology_is_master(made("-NOPERM no;")));
    assert_false(topology_is_master(NULL));
}

static void redirects(void **state) {
    (void)state;
    struct redirect r;
    assert_true(topology_redirect(made("-MOVED 3999 127.0.0.1:6381;"), &r));
    assert_int_equal(r.kind, REDIRECT_MOVED);
    assert_int_equal(r.slot, 3999);
    assert_string_equal(r.to.host, "127.0.0.1");
    assert_int_equal(r.to.port, 6381);
    assert_true(topology_redirect(made("-ASK 0 ::1:7;"), &r));
    assert_int_equal(r.kind, REDIRECT_ASK);
    assert_string_equal(r.to.host, "::1");
    assert_int_equal(r.to.port, 7);
    assert_true(topology_redirect(made("-MOVED 16383 :6381;"), &r));
    assert_string_equal(r.to.host, "");
    assert_true(topology_redirect(made("-TRYAGAIN Multiple keys;"), &r));
    assert_int_equal(r.kind, REDIRECT_LATER);
    static const char *const none[] = {"+MOVED 1 h:1",
                                       "-MOVED;",
                                       "-MOVED 1;",
                                       "-MOVED 16384 h:1;",
                                       "-MOVED x h:1;",
                                       "-MOVED 1 h:0;",
                                       "-MOVED 1 h:99999;",
                                       "-MOVED 1 h:1x;",
                                       "-CLUSTERDOWN no;",
                                       "-MOVED 1h:1;",
                                       "nil"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (topology_redirect(made(none[i]), &r) || r.kind != REDIRECT_NONE)
            fail_msg("%s was taken", none[i]);
    assert_false(topology_redirect(NULL, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(slots, made_free), cmocka_unit_test_teardown(reads, made_free),
        cmocka_unit_test_teardown(refuses, made_free), cmocka_unit_test_teardown(master, made_free),
        cmocka_unit_test_teardown(redirects, made_free)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
