/* test_model - both sides of a private channel name it alike, and a name reads back as what it
 * names. */
#include "common/proto/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define LOW "0aaaaaaa-0000-4000-8000-000000000001"
#define HIGH "f0000000-0000-4000-8000-000000000002"

static struct uuid uuid_of(const char *text) {
    struct uuid u;
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static void check_text(const struct channel_id *id, const char *expected) {
    char text[CHANNEL_TEXT + 2];
    memset(text, '#', sizeof text);
    assert_int_equal(channel_format(id, text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(text[CHANNEL_TEXT + 1], '#');
}

static void test_public(void **state) {
    (void)state;
    struct channel_id a = channel_public(), b;
    check_text(&a, "public");
    assert_true(channel_parse("public", 6, &b));
    assert_int_equal(b.kind, CHANNEL_PUBLIC);
    assert_true(channel_eq(&a, &b));
}

static void test_both_sides(void **state) {
    (void)state;
    struct uuid low = uuid_of(LOW), high = uuid_of(HIGH);
    struct channel_id a = channel_dm(&low, &high), b = channel_dm(&high, &low);
    assert_true(channel_eq(&a, &b));
    assert_memory_equal(&a, &b, sizeof a); /* tables use the bytes as a key */
    check_text(&a, "dm:" LOW ":" HIGH);
    check_text(&b, "dm:" LOW ":" HIGH);
    struct uuid peer = channel_peer(&a, &low);
    assert_true(uuid_eq(&peer, &high));
    peer = channel_peer(&a, &high);
    assert_true(uuid_eq(&peer, &low));
}

static void test_notes_to_self(void **state) {
    (void)state;
    struct uuid low = uuid_of(LOW);
    struct channel_id a = channel_dm(&low, &low), b;
    check_text(&a, "dm:" LOW ":" LOW);
    struct uuid peer = channel_peer(&a, &low);
    assert_true(uuid_eq(&peer, &low));
    assert_true(channel_parse("dm:" LOW ":" LOW, CHANNEL_TEXT, &b));
    assert_true(channel_eq(&a, &b));
}

static void test_different(void **state) {
    (void)state;
    struct uuid low = uuid_of(LOW), high = uuid_of(HIGH);
    struct channel_id ids[] = {channel_public(), channel_dm(&low, &high), channel_dm(&low, &low),
                               channel_dm(&high, &high)};
    for (size_t i = 0; i < COUNT(ids); i++)
        for (size_t k = 0; k < COUNT(ids); k++)
            assert_int_equal(channel_eq(&ids[i], &ids[k]), i == k);
}

static void test_round_trip(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct uuid a = uuid_make(), b = uuid_make();
        struct channel_id id = channel_dm(&a, &b), back;
        char text[CHANNEL_TEXT + 1];
        assert_int_equal(channel_format(&id, text), CHANNEL_TEXT);
        assert_true(channel_parse(text, CHANNEL_TEXT, &back));
        assert_true(channel_eq(&id, &back));
        assert_memory_equal(&id, &back, sizeof id);
        struct uuid peer = channel_peer(&back, &a);
        assert_true(uuid_eq(&peer, &b));
    }
}

static void test_parse_refuses(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "p",
        "publi",
        "publics",
        "Public",
        "public\n",
        "dm:",
        "dm:" LOW,
        "dm:" LOW ":",
        "dm:" HIGH ":" LOW, /* the wrong way round: a second name for one channel */
        "dm:" LOW ":" HIGH " ",
        "dm:" LOW ":" HIGH "0",
        "dm:" LOW "-" HIGH,
        "DM:" LOW ":" HIGH,
        "dn:" LOW ":" HIGH,
        " dm:" LOW ":f0000000-0000-4000-8000-00000000000",
        "dm:" LOW ":f0000000-0000-4000-8000-00000000000g",
        "dm:0aaaaaaa-0000-4000-8000_000000000001:" HIGH,
        "gr:" LOW,
        LOW,
    };
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        size_t len = strlen(TEXTS[i]);
        char *exact = malloc(len ? len : 1);
        struct channel_id id;
        assert_non_null(exact);
        memcpy(exact, TEXTS[i], len);
        if (channel_parse(exact, len, &id))
            fail_msg("parsed: %s", TEXTS[i]);
        free(exact);
    }
}

static void test_parse_every_cut(void **state) {
    (void)state;
    static const char TEXT[] = "dm:" LOW ":" HIGH;
    for (size_t len = 0; len < CHANNEL_TEXT; len++) {
        struct channel_id id;
        assert_false(channel_parse(TEXT, len, &id));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),          cmocka_unit_test(test_both_sides),
        cmocka_unit_test(test_notes_to_self),   cmocka_unit_test(test_different),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
