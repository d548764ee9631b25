/* test_err - the error and close tables are consistent, released codes keep their meaning, and
 * err_set does what its contract says. */
#include "common/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* What clients rely on: spelled out here a second time, so that a change of the table is noticed.
 * Rows are added at the end; none is ever changed. */
static const struct {
    int code;
    const char *name;
    int close;
    enum err_retry retry;
} RELEASED[] = {
    {1, "bad_json", 0, RETRY_NEVER},
    {2, "unknown_type", 0, RETRY_NEVER},
    {3, "bad_field", 0, RETRY_NEVER},
    {4, "bad_session", 0, RETRY_NEVER},
    {5, "not_authorized", 0, RETRY_NEVER},
    {6, "bad_credentials", 0, RETRY_NEVER},
    {7, "bad_key", 0, RETRY_NEVER},
    {8, "wrong_user", 0, RETRY_NEVER},
    {9, "name_taken", 0, RETRY_NEVER},
    {10, "bad_name", 0, RETRY_NEVER},
    {11, "not_found", 0, RETRY_NEVER},
    {12, "not_joined", 0, RETRY_NEVER},
    {13, "public_channel", 0, RETRY_NEVER},
    {14, "too_large", 0, RETRY_NEVER},
    {15, "uuid_taken", 0, RETRY_NEVER},
    {16, "limit", 0, RETRY_NEVER},
    {17, "rate_limited", 0, RETRY_LATER},
    {18, "busy", 0, RETRY_LATER},
    {19, "unavailable", 0, RETRY_SAME_UUID},
    {20, "unconfirmed", 0, RETRY_SAME_UUID},
    {21, "internal", 0, RETRY_SAME_UUID},
    {22, "banned", 4005, RETRY_NEVER},
    {23, "too_many_sign_ins", 4003, RETRY_NEVER},
    {24, "too_many_errors", 4002, RETRY_NEVER},
    {25, "flood", 4006, RETRY_LATER},
};

static const struct {
    const char *symbol;
    int code;
} CLOSES[] = {
#define X(sym, code, text) {#sym, code},
    CLOSE_TABLE(X)
#undef X
};

static void test_released(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNT(RELEASED); i++) {
        enum err_code code = err_at(i);
        assert_int_equal(code, RELEASED[i].code);
        assert_string_equal(err_name(code), RELEASED[i].name);
        assert_int_equal(err_close(code), RELEASED[i].close);
        assert_int_equal(err_retry(code), RELEASED[i].retry);
    }
    assert_int_equal(err_at(COUNT(RELEASED)), ERR_OK); /* a new row belongs into RELEASED, too */
}

static void test_unique(void **state) {
    (void)state;
    for (unsigned i = 0; err_at(i) != ERR_OK; i++)
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(err_at(i), err_at(k));
            assert_string_not_equal(err_name(err_at(i)), err_name(err_at(k)));
            assert_string_not_equal(err_text(err_at(i)), err_text(err_at(k)));
        }
}

/* Names are what programs compare: lower case and underscores. Texts go to people: never empty. */
static void test_spelling(void **state) {
    (void)state;
    for (unsigned i = 0; err_at(i) != ERR_OK; i++) {
        const char *name = err_name(err_at(i)), *text = err_text(err_at(i));
        assert_in_range(strlen(name), 1, 32);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_true(strlen(text) > 0);
        assert_null(strpbrk(text, "\"\\\n"));
        assert_true(text[strlen(text) - 1] != '.');
    }
}

static void test_no_such_code(void **state) {
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ok");
    assert_string_equal(err_text(ERR_OK), "");
    assert_int_equal(err_close(ERR_OK), CLOSE_NONE);
    assert_string_equal(err_name((enum err_code)9999), "ok");
    assert_int_equal(err_close((enum err_code)9999), CLOSE_NONE);
    assert_int_equal(err_retry((enum err_code)9999), RETRY_NEVER);
    assert_int_equal(err_at(9999), ERR_OK);
    assert_string_equal(err_close_text(CLOSE_NONE), "");
    assert_string_equal(err_close_text((enum close_code)1234), "");
}

/* RFC 6455: 1000 to 1011 as registered, 4000 to 4999 for us; a reason is at most 123 bytes. */
static void test_closes(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNT(CLOSES); i++) {
        int code = CLOSES[i].code;
        const char *text = err_close_text((enum close_code)code);
        assert_true((code >= 1000 && code <= 1011) || (code >= 4000 && code <= 4999));
        assert_true(code < 1004 || code > 1006); /* these never go over the wire */
        assert_in_range(strlen(text), 1, 123);
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(code, CLOSES[k].code);
            assert_string_not_equal(text, err_close_text((enum close_code)CLOSES[k].code));
        }
    }
}

static void test_errors_close_with_a_known_code(void **state) {
    (void)state;
    for (unsigned i = 0; err_at(i) != ERR_OK; i++)
        if (err_close(err_at(i)) != CLOSE_NONE)
            assert_true(*err_close_text(err_close(err_at(i))) != '\0');
}

static void test_set(void **state) {
    (void)state;
    struct err e = {.code = ERR_BUSY, .retry_after_ms = 7, .detail = "old"};
    assert_int_equal(err_set(&e, ERR_BAD_FIELD, "%s of %d", "limit", 100), ERR_BAD_FIELD);
    assert_int_equal(e.code, ERR_BAD_FIELD);
    assert_int_equal(e.retry_after_ms, 0);
    assert_string_equal(e.detail, "limit of 100");
    assert_int_equal(err_refuse(&e, ERR_LIMIT), ERR_LIMIT);
    assert_string_equal(e.detail, "");
}

static void test_set_nowhere(void **state) {
    (void)state;
    assert_int_equal(err_set(NULL, ERR_BUSY, "%s", "x"), ERR_BUSY);
}

static void test_set_cuts(void **state) {
    (void)state;
    struct {
        struct err e;
        char canary[8];
    } s = {.canary = "canary"};
    char longer[sizeof s.e.detail + 100];
    for (size_t len = sizeof s.e.detail - 2; len < sizeof longer; len++) {
        memset(longer, 'x', len);
        longer[len - 1] = '\0'; /* len - 1 characters */
        err_set(&s.e, ERR_INTERNAL, "%s", longer);
        size_t kept = len - 1 < sizeof s.e.detail ? len - 1 : sizeof s.e.detail - 1;
        assert_int_equal(strlen(s.e.detail), kept);
        assert_memory_equal(s.e.detail, longer, kept);
        assert_string_equal(s.canary, "canary");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_released), cmocka_unit_test(test_unique),
        cmocka_unit_test(test_spelling), cmocka_unit_test(test_no_such_code),
        cmocka_unit_test(test_closes),   cmocka_unit_test(test_errors_close_with_a_known_code),
        cmocka_unit_test(test_set),      cmocka_unit_test(test_set_nowhere),
        cmocka_unit_test(test_set_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
