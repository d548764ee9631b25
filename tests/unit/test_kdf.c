/* test_kdf - who waits for a password hash, and whose turn it is. */
#include "chatd/base/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define KIB8 8192u
#define MIB32 (32u * 1024 * 1024)

static uv_loop_t LOOP;
static struct kdf *KDF;
static char ORDER[256]; /* of what came back; '!' in front: cancelled */

static void on_hash(const struct kdf_result *r, void *arg) {
    size_t n = strlen(ORDER);
    snprintf(ORDER + n, sizeof ORDER - n, "%s%s ", r->cancelled ? "!" : "", (const char *)arg);
}

/* "A1": of owner A, who may be anybody. */
static bool ask(const char *job) {
    unsigned char owner[KDF_OWNER] = {(unsigned char)job[0]};
    return job[1] % 2 ? kdf_hash(KDF, owner, "secret", 6, on_hash, (void *)(uintptr_t)job)
                      : kdf_verify(KDF, owner, "", "secret", 6, on_hash, (void *)(uintptr_t)job);
}

static int set_up(void **state) {
    (void)state;
    *ORDER = '\0';
    return !secret_init() || uv_loop_init(&LOOP) || !(KDF = kdf_new(&LOOP, 1, 8, 1, KIB8));
}

static int tear_down(void **state) {
    (void)state;
    uv_run(&LOOP, UV_RUN_DEFAULT);
    kdf_free(KDF);
    return uv_loop_close(&LOOP);
}

static void test_owners_take_turns(void **state) {
    (void)state;
    static const char *const JOBS[] = {"A0", "A1", "A2", "A3", "B1", "C1", "B2"};
    for (size_t i = 0; i < sizeof JOBS / sizeof *JOBS; i++)
        assert_true(ask(JOBS[i]));
    uv_run(&LOOP, UV_RUN_DEFAULT);
    assert_string_equal(ORDER, "A0 A1 B1 C1 A2 B2 A3 ");
    assert_int_equal(kdf_load(KDF).done, 7);
}

/* How many of an owner's find room in a queue of eight? */
static unsigned taken(char owner) {
    static char job[] = "?1";
    unsigned n = 0;
    job[0] = owner;
    while (n < 100 && ask(job))
        n++;
    return n;
}

static void test_one_owner_leaves_room_for_others(void **state) {
    (void)state;
    assert_int_equal(taken('A'), 1 + 4); /* one runs */
    assert_int_equal(taken('B'), 2);
    assert_int_equal(taken('C'), 1);
    assert_int_equal(taken('D'), 1);
    assert_int_equal(taken('E'), 0); /* full */
    assert_int_equal(kdf_load(KDF).queued, 8);
}

static void test_what_waits_is_cancelled(void **state) {
    (void)state;
    static const char *const JOBS[] = {"A0", "A1", "A2", "B1"};
    for (size_t i = 0; i < sizeof JOBS / sizeof *JOBS; i++)
        assert_true(ask(JOBS[i]));
    kdf_cancel(KDF);
    assert_false(ask("C1"));
    assert_int_equal(kdf_load(KDF).queued, 0);
    uv_run(&LOOP, UV_RUN_DEFAULT);
    assert_string_equal(ORDER, "!A1 !B1 !A2 A0 ");
}

static void test_the_wait_is_as_long_as_the_queue(void **state) {
    (void)state;
    assert_int_equal(kdf_wait_ms(KDF), 100); /* nobody knows yet */
    kdf_set_cost(KDF, 4, MIB32);
    uint64_t began = uv_hrtime();
    assert_true(ask("A1"));
    uv_run(&LOOP, UV_RUN_DEFAULT);
    uint64_t took_ms = (uv_hrtime() - began) / 1000000;
    assert_int_equal(kdf_wait_ms(KDF), 100);
    kdf_set_cost(KDF, 1, KIB8);
    assert_int_equal(taken('A') + taken('B') + taken('C'), 8);
    uint32_t wait = kdf_wait_ms(KDF);
    assert_in_range(wait, 8 * took_ms / 2, 8 * (took_ms + 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_owners_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_owner_leaves_room_for_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_wait_is_as_long_as_the_queue, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
