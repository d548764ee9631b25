/* test_head - the request line, and whose pages may connect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/net/head.h"

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

static void is_problem(const char *head, size_t len, const char *what) {
    char *exact = malloc(len);
    memcpy(exact, head, len);
    const char *is = head_problem(exact, len);
    free(exact);
    if (!is || strcmp(is, what) != 0)
        fail_msg("%s: %s", head, is ? is : "fine");
}

#define WITH(more) "GET /ws HTTP/1.1\r\nHost: a\r\n" more "\r\n\r\n"
#define IS_PROBLEM(head, what) is_problem(head, sizeof(head) - 1, what)

static void test_problem(void **state) {
    (void)state;
    static const char good[] =
        WITH("A:\r\nX-y_Z!: \xc3\xa9\t,\"\r\ncontent-length:\t0\r\nUpgrade: \tWebSocket ");
    assert_null(head_problem(good, sizeof good - 1));
    IS_PROBLEM("GET /ws HTTP/1.0\r\nX: HTTP/1.1\r\n\r\n", "not HTTP/1.1");
    IS_PROBLEM("GET /ws HTTP/1.1 \r\n\r\n", "not HTTP/1.1");
    IS_PROBLEM("HTTP/1.1\r\n\r\n", "not HTTP/1.1");
    IS_PROBLEM("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "not HTTP/1.1");
    IS_PROBLEM("\r\n\r\n", "not HTTP/1.1");
    static const char *const malformed[] = {WITH(" folded"),  WITH("\tfolded: x"), WITH("A : b"),
                                            WITH(": b"),      WITH("A"),           WITH("A: \x01"),
                                            WITH("A: \x7f"),  WITH("A: b\nC: d"),  WITH("\rA: b"),
                                            WITH("A\xc3: b"), WITH("A: b\rC: d")};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        is_problem(malformed[i], strlen(malformed[i]), "malformed header");
    IS_PROBLEM(WITH("A: \0"), "malformed header");
    IS_PROBLEM(WITH("Content-Length: 1"), "a body");
    IS_PROBLEM(WITH("content-length: x"), "a body");
    IS_PROBLEM(WITH("Content-Length:"), "a body");
    IS_PROBLEM(WITH("Content-Length: 0 0"), "a body");
    IS_PROBLEM(WITH("TRANSFER-ENCODING: chunked"), "a body");
    IS_PROBLEM(WITH("Upgrade: h2c"), "another protocol");
    IS_PROBLEM(WITH("upgrade: websocket, h2c"), "another protocol");
    IS_PROBLEM(WITH("host: b"), "not one Host");
    IS_PROBLEM("GET / HTTP/1.1\r\n\r\n", "not one Host");
}

static void test_many_headers(void **state) {
    (void)state;
    char head[2048] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t len = strlen(head);
    for (int i = 1; i < 100; i++, len += 6)
        memcpy(head + len, "A: b\r\n", 6);
    memcpy(head + len, "\r\n", 2);
    assert_null(head_problem(head, len + 2));
    memcpy(head + len, "A: b\r\n\r\n", 8);
    is_problem(head, len + 8, "too many headers");
}

static void test_beginning(void **state) {
    (void)state;
    for (const char *p = "GPAZ\r\n"; *p; p++)
        assert_true(head_may_begin(*p));
    for (const char *p = "\x16\x81*g \xff"; *p; p++)
        assert_false(head_may_begin(*p));
    assert_false(head_may_begin('\0'));
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
    static const char *const bad[] = {"",
                                      "\r\n\r\n",
                                      "GET",
                                      "GET ",
                                      "GET /",
                                      "GET /\r\n",
                                      "GET / HTTP/2",
                                      "GET / HTTP/1",
                                      "GET/HTTP/1.1",
                                      "GET / x HTTP/1.1",
                                      "GET /\r\n HTTP/1.1\r\n"};
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
        cmocka_unit_test(test_length),       cmocka_unit_test(test_problem),
        cmocka_unit_test(test_many_headers), cmocka_unit_test(test_beginning),
        cmocka_unit_test(test_line),         cmocka_unit_test(test_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
