/* Tests of chatd/head: the request line, and whose pages may connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/head.h"

#include <stdlib.h>
#include <string.h>

static void test_length(void **state) {
    (void)state;
    assert_int_equal(head_length("GET / HTTP/1.1\r\nA: b\r\n\r\nmore", 29), 24);
    assert_int_equal(head_length("\r\n\r\n", 4), 4);
    assert_int_equal(head_length("\r\n\r", 3), 0);
    assert_int_equal(head_length("a\n\nb\0\r\n", 7), 0);
    assert_int_equal(head_length("", 0), 0);
}

static bool is_http_1_1(const char *text) {
    return head_is_http_1_1(text, strlen(text));
}

static void test_version(void **state) {
    (void)state;
    assert_true(is_http_1_1("GET /ws HTTP/1.1\r\n\r\n"));
    assert_true(is_http_1_1(" HTTP/1.1\r\n"));
    assert_false(is_http_1_1("GET /ws HTTP/1.0\r\nX: HTTP/1.1\r\n\r\n"));
    assert_false(is_http_1_1("GET /ws HTTP/1.1 \r\n\r\n"));
    assert_false(is_http_1_1("GET /ws HTTP/1.1"));
    assert_false(is_http_1_1("HTTP/1.1\r\n"));
    assert_false(is_http_1_1("\r\n\r\n"));
}

/* In memory that ends where it ends. */
static bool reads(const char *text, struct head_line *out) {
    static char *exact;
    free(exact);
    exact = malloc(strlen(text) + !*text);
    memcpy(exact, text, strlen(text));
    return head_line_read(exact, strlen(text), out);
}

static void is_line(const char *text, enum head_method method, const char *path) {
    struct head_line line;
    assert_true(reads(text, &line));
    assert_int_equal(line.method, method);
    assert_int_equal(line.path_len, strlen(path));
    assert_memory_equal(line.path, path, line.path_len);
}

static void test_line(void **state) {
    (void)state;
    is_line("GET /metrics HTTP/1.1\r\n\r\n", HEAD_GET, "/metrics");
    is_line("HEAD /x?y=/z HTTP/1.0\r\n\r\n", HEAD_HEAD, "/x");
    is_line("GET  HTTP/1.1\r\n\r\n", HEAD_GET, "");
    is_line("get / HTTP/1.1\r\n", HEAD_OTHER, "/");
    is_line("GETX / HTTP/1.1", HEAD_OTHER, "/");
    static const char *const bad[] = {"",           "\r\n\r\n",    "GET",          "GET ",
                                      "GET /",      "GET /\r\n",   "GET / HTTP/2", "GET / HTTP/1",
                                      "GET/HTTP/1.1", "GET / x HTTP/1.1", "GET /\r\n HTTP/1.1\r\n"};
    struct head_line line;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (reads(bad[i], &line))
            fail_msg("'%s' was taken", bad[i]);
}

static void test_origin(void **state) {
    (void)state;
    assert_true(head_origin_allowed("http://localhost:3000", "x", ""));
    assert_true(head_origin_allowed("https://[::1]", "", ""));
    assert_true(head_origin_allowed("https://A.example:1", "a.EXAMPLE:2", ""));
    assert_true(head_origin_allowed("https://[2001:db8::1]", "[2001:db8::1]:80", ""));
    assert_true(head_origin_allowed("https://b", "a", "https://a,https://B"));
    assert_true(head_origin_allowed("null", "a", "https://a,*"));
    assert_false(head_origin_allowed("https://b", "a", "https://bb,https"));
    assert_false(head_origin_allowed("null", "null", ""));
    assert_false(head_origin_allowed("https://", "", ""));
    assert_false(head_origin_allowed("https://:1", ":1", ""));
    assert_false(head_origin_allowed("https://[", "[x", ""));
    assert_false(head_origin_allowed("https://a.example.org", "a.example", ""));
    assert_false(head_origin_allowed("https://[::1", "", ""));
    assert_false(head_origin_allowed("", "a", "https://a,,https://b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
