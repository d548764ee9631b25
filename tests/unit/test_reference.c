/* test_reference - docs/PROTOCOL.md says what the code does: its tables of requests, frames, errors
 * and close codes are those of request.h, response.h and err.h, and its examples of requests are
 * understood. The tables stand between markers; UPDATE_GOLDEN=1 in the environment writes them anew
 * instead of comparing. (The examples of frames from the server, and which events there are, are
 * held against the JSON Schema by tests/integration/test_reference.py.) */
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/proto/request.h"
#include "common/proto/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REFERENCE PROJECT_SOURCE_DIR "/docs/PROTOCOL.md"
#define CAP (1u << 20)

/* The tables as Markdown */

static void error_row(struct buf *b, int code, const char *name, const char *text, int close,
                      enum err_retry retry) {
    static const char *const AGAIN[] = {[RETRY_NEVER] = "no",
                                        [RETRY_LATER] = "later",
                                        [RETRY_SAME_UUID] = "later, with the same `UUID`"};
    buf_fmt(b, "| %d | `%s` | %s | ", code, name, text);
    if (close == CLOSE_NONE)
        buf_str(b, "stays open");
    else
        buf_fmt(b, "is closed with %d", close);
    buf_fmt(b, " | %s |\n", AGAIN[retry]);
}

static void error_table(struct buf *b) {
    buf_str(b, "| code | name | message | the connection | try again |\n|---|---|---|---|---|\n");
#define X(sym, code, name, text, close, retry) error_row(b, code, name, text, close, RETRY_##retry);
    ERR_TABLE(X)
#undef X
}

static void close_table(struct buf *b) {
    buf_str(b, "| code | reason |\n|---|---|\n");
#define X(sym, code, text) buf_fmt(b, "| %d | %s |\n", code, text);
    CLOSE_TABLE(X)
#undef X
}

static void request_row(struct buf *b, const char *type, enum request_need need,
                        enum request_rank rank, const char *answer) {
    buf_fmt(b, "| [`%s`](#", type);
    for (const char *c = type; *c; c++)
        buf_char(b, (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c));
    buf_fmt(b, ") | %s | %s | `%s` |\n", need == NEED_REQUIRED ? "required" : "optional",
            rank == RANK_ANYONE ? "no" : "yes", answer);
}

static void request_table(struct buf *b) {
    static const char *const TYPES[RESPONSE_KINDS] = {
#define X(sym, type, ...) [RESPONSE_##sym] = type,
        RESPONSE_TABLE(X)
#undef X
    };
    buf_str(b, "| request | body | signed in? | answer |\n|---|---|---|---|\n");
#define X(sym, type, body, need, rank, run, answer)                                                \
    request_row(b, type, NEED_##need, RANK_##rank, TYPES[RESPONSE_##answer]);
    REQUEST_TABLE(X)
#undef X
}

static void response_table(struct buf *b) {
    buf_str(b, "| type | body |\n|---|---|\n");
#define X(sym, type, body, codec) buf_fmt(b, "| `%s` | `%s` |\n", type, body);
    RESPONSE_TABLE(X)
#undef X
}

/* The file */

static void read_reference(struct buf *b) {
    FILE *f = fopen(REFERENCE, "r");
    if (!f)
        fail_msg("%s can't be read", REFERENCE);
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(b, chunk, n);
    fclose(f);
    assert_false(b->failed);
}

static void write_reference(const char *head, size_t head_len, const char *table,
                            const char *tail) {
    FILE *f = fopen(REFERENCE, "w");
    assert_non_null(f);
    fwrite(head, 1, head_len, f);
    fputs(table, f);
    fputs(tail, f);
    assert_int_equal(fclose(f), 0);
}

/* The place of the only `marker` in the text. */
static const char *find_marker(const char *text, const char *marker) {
    const char *p = strstr(text, marker);
    if (!p)
        fail_msg("%s lacks %s", REFERENCE, marker);
    assert_null(strstr(p + 1, marker));
    return p;
}

/* Comparing */

static size_t line_len(const char *s, size_t len) {
    const char *end = memchr(s, '\n', len);
    return end ? (size_t)(end - s) + 1 : len;
}

static size_t last_line_len(const char *s, size_t len) {
    size_t n = len > 0; /* the line's own newline */
    while (n < len && s[len - n - 1] != '\n')
        n++;
    return n;
}

static void print_lines(char mark, const char *s, size_t len) {
    while (len > 0) {
        size_t n = line_len(s, len);
        print_error("%c %.*s", mark, (int)n, s);
        s += n;
        len -= n;
    }
}

/* Prints what is left of both texts without the lines that they share at the start and at the end.
 */
static void print_diff(const char *is, size_t len, const char *should, size_t should_len) {
    for (;;) {
        size_t n = line_len(is, len);
        if (n == 0 || n != line_len(should, should_len) || memcmp(is, should, n) != 0)
            break;
        is += n, len -= n;
        should += n, should_len -= n;
    }
    for (;;) {
        size_t n = last_line_len(is, len);
        if (n == 0 || n != last_line_len(should, should_len) ||
            memcmp(is + len - n, should + should_len - n, n) != 0)
            break;
        len -= n;
        should_len -= n;
    }
    print_lines('-', is, len);
    print_lines('+', should, should_len);
}

static void check_table(const char *name, void (*make)(struct buf *b)) {
    static struct buf text, table;
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "<!-- %s:begin -->\n", name);
    snprintf(end, sizeof end, "<!-- %s:end -->\n", name);
    buf_init(&text, CAP);
    buf_init(&table, CAP);
    read_reference(&text);
    make(&table);
    const char *should = buf_cstr(&table), *whole = buf_cstr(&text);
    const char *is = find_marker(whole, begin) + strlen(begin), *tail = find_marker(is, end);
    size_t len = (size_t)(tail - is);
    bool same = len == table.len && memcmp(is, should, len) == 0;
    if (!same && getenv("UPDATE_GOLDEN")) {
        write_reference(whole, (size_t)(is - whole), should, tail);
        same = true;
    }
    if (!same)
        print_diff(is, len, should, table.len);
    buf_free(&text);
    buf_free(&table);
    if (!same)
        fail_msg("the table of %s in %s isn't the code's; UPDATE_GOLDEN=1 mends it", name,
                 REFERENCE);
}

static void test_errors(void **state) {
    (void)state;
    check_table("errors", error_table);
}

static void test_request_rows(void **state) {
    (void)state;
    check_table("requests", request_table);
}

static void test_response_rows(void **state) {
    (void)state;
    check_table("frames", response_table);
}

static void test_closes(void **state) {
    (void)state;
    check_table("closes", close_table);
}

/* Examples: blocks fenced by ```json client */

static void check_request(const char *text, size_t len) {
    struct request r;
    struct err e = {.code = ERR_OK};
    if (request_decode(text, len, &r, &e) != ERR_OK)
        fail_msg("%s: %s\n%.*s", err_name(e.code), e.detail, (int)len, text);
    request_free(&r);
}

static void test_requests(void **state) {
    (void)state;
    static const char fence[] = "\n```json client\n", fence_end[] = "\n```\n";
    static struct buf text;
    unsigned examples = 0;
    buf_init(&text, CAP);
    read_reference(&text);
    for (const char *p = buf_cstr(&text); (p = strstr(p, fence)); examples++) {
        p += strlen(fence);
        const char *end = strstr(p, fence_end);
        assert_non_null(end);
        check_request(p, (size_t)(end - p));
    }
    assert_true(examples >= 8);
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_request_rows),
        cmocka_unit_test(test_response_rows), cmocka_unit_test(test_closes),
        cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
