/* test_sanitize - what foreign text looks like on a terminal: each kind of character that acts,
 * hides or lies. */
#include "common/base/sanitize.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FFFD "\xef\xbf\xbd"

static void check_bytes(const char *in, size_t len, bool lines, const char *want, size_t columns) {
    struct buf b;
    char *copy =
        malloc(len ? len : 1); /* of just its length: one byte read beyond is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, in, len);
    buf_init(&b, 1 << 20);
    size_t got = sanitize(&b, copy, len, lines);
    assert_string_equal(buf_cstr(&b), want);
    assert_int_equal(got, columns);
    buf_free(&b);
    free(copy);
}

static void check(const char *in, const char *want, size_t columns) {
    check_bytes(in, strlen(in), false, want, columns);
}

static void test_plain(void **state) {
    (void)state;
    check("", "", 0);
    check("alice", "alice", 5);
    check("Ærø", "Ærø", 3);
    check("李小龍", "李小龍", 6);
    check("😀", "😀", 2);
}

static void test_controls(void **state) {
    (void)state;
    check("a\x1b[2Jb", "a^[[2Jb", 7);
    check("\x01\x08\r\x7f", "^A^H^M^?", 8);
    check("a\tb", "a    b", 6);
    check("a\nb", "a^Jb", 4);
    check_bytes("a\0b", 3, false, "a^@b", 4);
    check_bytes("one\ntwo\n\x1b", 9, true, "one\ntwo\n^[", 2);
    check("\xc2\x9b"
          "31m",
          FFFD "31m", 4); /* CSI in one character */
    check("a\xe2\x80\xa8"
          "b\xe2\x80\xa9",
          "a" FFFD "b" FFFD, 4);
}

static void test_invisible(void **state) {
    (void)state;
    check("\u202Ealice", "alice", 5); /* right-to-left override */
    check("a\u2066b\u2069", "ab", 2);
    check("a\u200Bb\u00ADc\uFEFF", "abc", 3);
    check("a\U000E0041", "a", 1); /* tags */
    check("☝\uFE0F", "☝", 1);
    check("👍\U0001F3FD", "👍", 2); /* skin tone */
}

static void test_joiners(void **state) {
    (void)state;
    check("a\u200Db", "ab", 2);
    check("👩\u200D👧", "👩👧", 4);
    check("क\u094D\u200Dष", "क\u094D\u200Dष", 2);
    check("م\u200Cن", "م\u200Cن", 2);
}

static void test_marks(void **state) {
    (void)state;
    check("e\u0301", "e\u0301", 1);
    check("\u0301x", "x", 1);
    check("a\u0300\u0300\u0300\u0300\u0300\u0300b", "a\u0300\u0300\u0300\u0300b", 2);
    char zalgo[4096] = "z";
    for (size_t i = 0; i < 1000; i++)
        memcpy(zalgo + 1 + 2 * i, "\u0336", 3);
    check(zalgo, "z\u0336\u0336\u0336\u0336", 1);
}

static void test_bad_utf8(void **state) {
    (void)state;
    static const char *const BAD[] = {"\x80",         "\xc0\xaf",         "\xe0\x80\x80",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char want[64] = "";
        for (size_t n = 0; n < strlen(BAD[i]); n++)
            memcpy(want + n * strlen(FFFD), FFFD, sizeof FFFD);
        check(BAD[i], want, strlen(BAD[i]));
    }
    check("a\xe2\x82", "a" FFFD FFFD, 3); /* cut */
    check("\xe2\x82z", FFFD FFFD "z", 3);
}

/* Whatever comes in, what goes out is harmless, and doing it twice changes nothing. */
static void test_anything(void **state) {
    (void)state;
    srandom(7);
    for (int round = 0; round < 20000; round++) {
        char in[24];
        size_t len = (size_t)random() % sizeof in;
        for (size_t i = 0; i < len; i++)
            in[i] = (char)random();
        struct buf once, twice;
        buf_init(&once, 1024);
        buf_init(&twice, 4096);
        size_t columns = sanitize(&once, in, len, false);
        assert_false(once.failed);
        for (size_t i = 0; i < once.len; i++)
            assert_true((unsigned char)once.data[i] >= 0x20 && once.data[i] != 0x7f);
        assert_int_equal(sanitize(&twice, once.data ? once.data : "", once.len, false), columns);
        assert_string_equal(buf_cstr(&twice), buf_cstr(&once));
        buf_free(&once);
        buf_free(&twice);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_controls),
        cmocka_unit_test(test_invisible), cmocka_unit_test(test_joiners),
        cmocka_unit_test(test_marks),     cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_anything),
    };
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
