/* test_uuid - strict reading, lower-case writing, and the order of bytes is the order of texts. */
#include "common/base/uuid.h"

#include "common/base/secret.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define GOOD "01234567-89ab-cdef-8123-456789abcdef"

static void test_read(void **state) {
    (void)state;
    static const uint8_t BYTES[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    static const char *const FORMS[] = {GOOD, "01234567-89AB-CDEF-8123-456789ABCDEF",
                                        "01234567-89aB-CdEf-8123-456789aBcDeF"};
    for (size_t i = 0; i < COUNT(FORMS); i++) {
        struct uuid u;
        char text[UUID_TEXT + 1];
        assert_true(uuid_read(FORMS[i], UUID_TEXT, &u));
        assert_memory_equal(u.b, BYTES, sizeof BYTES);
        uuid_format(&u, text);
        assert_string_equal(text, GOOD);
    }
}

static void check_refused(const char *text, size_t len) {
    struct uuid u, before;
    memset(&u, 0x5a, sizeof u);
    before = u;
    char *exact = malloc(len ? len : 1); /* without a NUL: reading beyond is seen by ASan */
    assert_non_null(exact);
    memcpy(exact, text, len);
    if (uuid_read(exact, len, &u))
        fail_msg("read: %.*s", (int)len, text);
    free(exact);
    assert_memory_equal(&u, &before, sizeof u);
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "0",
        "0123456789abcdef8123456789abcdef",
        "{01234567-89ab-cdef-8123-456789abcdef}",
        "01234567-89ab-cdef-8123-456789abcde",
        "01234567-89ab-cdef-8123-456789abcdef0",
        " 1234567-89ab-cdef-8123-456789abcdef",
        "01234567-89ab-cdef-8123-456789abcde ",
        "0123456-789ab-cdef-8123-456789abcdef",
        "01234567089ab-cdef-8123-456789abcdef",
        "01234567_89ab_cdef_8123_456789abcdef",
        "0x234567-89ab-cdef-8123-456789abcdef",
        "+1234567-89ab-cdef-8123-456789abcdef",
        "-1234567-89ab-cdef-8123-456789abcdef",
        "urn:uuid:01234567-89ab-cdef-8123-456",
        "\xef\xbc\x90"
        "34567-89ab-cdef-8123-456789abcdef",
    };
    for (size_t i = 0; i < COUNT(TEXTS); i++)
        check_refused(TEXTS[i], strlen(TEXTS[i]));
}

/* Each place in turn takes each byte: hex digits where they belong, dashes where they belong. */
static void test_every_byte_everywhere(void **state) {
    (void)state;
    for (size_t at = 0; at < UUID_TEXT; at++)
        for (int c = 0; c < 256; c++) {
            char text[] = GOOD;
            struct uuid u;
            text[at] = (char)c;
            bool dash = at == 8 || at == 13 || at == 18 || at == 23;
            assert_int_equal(uuid_read(text, UUID_TEXT, &u), dash ? c == '-' : isxdigit(c) != 0);
        }
}

static void test_lengths(void **state) {
    (void)state;
    char text[UUID_TEXT + 2] = GOOD "0";
    for (size_t len = 0; len <= UUID_TEXT + 1; len++)
        if (len != UUID_TEXT)
            check_refused(text, len);
}

static void check_makes(struct uuid (*make)(void)) {
    struct uuid made[1000];
    for (size_t i = 0; i < COUNT(made); i++) {
        made[i] = make();
        assert_int_equal(made[i].b[6] >> 4, 4); /* version: random */
        assert_int_equal(made[i].b[8] >> 6, 2); /* variant: RFC 4122 */
        assert_false(uuid_is_nil(&made[i]));
        for (size_t k = 0; k < i; k++)
            assert_false(uuid_eq(&made[i], &made[k]));
    }
}

static void test_make(void **state) {
    (void)state;
    check_makes(uuid_make);
    check_makes(uuid_make_quick);
}

/* Each bit but those of version and variant is a coin's toss: none is stuck. */
static void test_make_uses_every_bit(void **state) {
    (void)state;
    struct uuid (*const MAKE[])(void) = {uuid_make, uuid_make_quick};
    for (size_t m = 0; m < COUNT(MAKE); m++) {
        uint8_t ones[16] = {0}, zeros[16] = {0};
        for (int i = 0; i < 200; i++) {
            struct uuid u = MAKE[m]();
            for (size_t k = 0; k < sizeof u.b; k++) {
                ones[k] |= u.b[k];
                zeros[k] |= (uint8_t)~u.b[k];
            }
        }
        for (size_t k = 0; k < sizeof ones; k++)
            assert_int_equal(ones[k] & zeros[k], k == 6 ? 0x0f : k == 8 ? 0x3f : 0xff);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct uuid u = uuid_make(), back;
        char text[UUID_TEXT + 2];
        memset(text, '#', sizeof text);
        uuid_write(&u, text);
        assert_int_equal(text[UUID_TEXT], '#'); /* no NUL */
        assert_true(uuid_read(text, UUID_TEXT, &back));
        assert_true(uuid_eq(&u, &back));
        uuid_format(&u, text);
        assert_int_equal(text[UUID_TEXT], '\0');
        assert_int_equal(text[UUID_TEXT + 1], '#');
        for (size_t k = 0; k < UUID_TEXT; k++)
            assert_false(isupper((unsigned char)text[k]));
    }
}

static int sign(int v) {
    return (v > 0) - (v < 0);
}

/* Keys and pages sort by text; ids of private channels by bytes. */
static void test_order(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct uuid a = uuid_make(), b = uuid_make();
        char ta[UUID_TEXT + 1], tb[UUID_TEXT + 1];
        if (i % 2) { /* differ late, and by the top bit */
            b = a;
            b.b[i % 16] ^= i % 4 == 1 ? 0x80 : 0x0f;
        }
        uuid_format(&a, ta);
        uuid_format(&b, tb);
        assert_int_equal(sign(uuid_cmp(&a, &b)), sign(strcmp(ta, tb)));
        assert_int_equal(sign(uuid_cmp(&a, &b)), -sign(uuid_cmp(&b, &a)));
        assert_int_equal(uuid_eq(&a, &b), strcmp(ta, tb) == 0);
        assert_int_equal(uuid_cmp(&a, &a), 0);
    }
}

static void test_nil(void **state) {
    (void)state;
    struct uuid u = {{0}};
    char text[UUID_TEXT + 1];
    assert_true(uuid_is_nil(&u));
    uuid_format(&u, text);
    assert_string_equal(text, "00000000-0000-0000-0000-000000000000");
    for (size_t i = 0; i < sizeof u.b; i++) {
        u.b[i] = 1;
        assert_false(uuid_is_nil(&u));
        u.b[i] = 0;
    }
}

static int init(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_every_byte_everywhere),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_uses_every_bit),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_nil),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
