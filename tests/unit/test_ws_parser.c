/* test_ws_parser - the frames of RFC 6455, cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chatd/net/ws_parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 200000

/* What came of the bytes, as text: messages as they are, the rest by its letter. */
struct read {
    char text[ROOM];
    size_t len;
};

static void note(struct read *r, enum ws_event e, const struct ws_piece *piece) {
    static const char letters[] = "?dpocB";
    if (e == WS_MORE)
        return;
    if (e == WS_DATA && piece->first)
        r->text[r->len++] = piece->binary ? '<' : '(';
    if (e != WS_DATA)
        r->text[r->len++] = letters[e];
    if (e != WS_BROKEN) {
        memcpy(r->text + r->len, piece->bytes, piece->len);
        r->len += piece->len;
    }
    if (e == WS_DATA && piece->last)
        r->text[r->len++] = ')';
}

/* Reads the bytes in pieces of `size`. */
static const char *read_as(const char *bytes, size_t len, size_t size) {
    static struct read r;
    struct ws_parser p = {0};
    r.len = 0;
    for (size_t at = 0; at < len; at += size) {
        size_t n = len - at < size ? len - at : size, used = 0;
        char *exact = malloc(n);
        memcpy(exact, bytes + at, n);
        enum ws_event e = WS_MORE;
        while (used < n && e != WS_BROKEN) {
            struct ws_piece piece = {0};
            e = ws_parser_next(&p, exact, n, &used, &piece);
            note(&r, e, &piece);
        }
        free(exact);
        if (e == WS_BROKEN)
            break;
    }
    r.text[r.len] = '\0';
    return r.text;
}

static void reads(const char *bytes, size_t len, const char *expected) {
    for (size_t size = 1; size <= len; size++)
        assert_string_equal(read_as(bytes, len, size), expected);
}

#define READS(bytes, expected) reads(bytes, sizeof(bytes) - 1, expected)
#define MASK "\x01\x02\x03\x04"

/* A masked frame; `head` is its first byte. Returns its size. */
static size_t make(char *out, unsigned head, const char *payload, size_t len) {
    static const unsigned char mask[] = {0x37, 0xfa, 0x00, 0x3d};
    size_t n = 0;
    out[n++] = (char)head;
    if (len < 126)
        out[n++] = (char)(0x80 | len);
    else if (len < 65536) {
        out[n++] = (char)(0x80 | 126);
        out[n++] = (char)(len >> 8);
        out[n++] = (char)len;
    } else {
        out[n++] = (char)(0x80 | 127);
        for (size_t i = 0; i < 8; i++)
            out[n++] = (char)((uint64_t)len >> (56 - 8 * i));
    }
    memcpy(out + n, mask, sizeof mask);
    n += sizeof mask;
    for (size_t i = 0; i < len; i++)
        out[n + i] = (char)((unsigned char)payload[i] ^ mask[i & 3]);
    return n + len;
}

static char OUT[ROOM];
static size_t OUT_LEN;

static void put(unsigned head, const char *payload) {
    OUT_LEN += make(OUT + OUT_LEN, head, payload, strlen(payload));
}

static void gives(const char *expected) {
    reads(OUT, OUT_LEN, expected);
    OUT_LEN = 0;
}

static void test_messages(void **state) {
    (void)state;
    put(0x81, "hello");
    put(0x81, "");
    put(0x82, "x");
    put(0x81, "a somewhat longer one, of more than eight bytes");
    gives("(hello)()<x)(a somewhat longer one, of more than eight bytes)");
}

static void test_pieces(void **state) {
    (void)state;
    put(0x01, "he");
    put(0x89, "ping");
    put(0x00, "");
    put(0x00, "l");
    put(0x8a, "");
    put(0x80, "lo");
    put(0x81, "x");
    gives("(hepping"
          "lolo)(x)");
}

static void test_controls(void **state) {
    (void)state;
    char most[126] = {0};
    memset(most, 'z', 125);
    put(0x89, "");
    put(0x89, most);
    put(0x88, "\x03\xe8");
    char expected[200];
    snprintf(expected, sizeof expected, "pp%sc\x03\xe8", most);
    gives(expected);
}

static void test_lengths(void **state) {
    (void)state;
    static const size_t lengths[] = {125, 126, 127, 65535, 65536, 100000};
    static char payload[100000], expected[100003];
    memset(payload, 'y', sizeof payload);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = make(OUT, 0x81, payload, lengths[i]);
        snprintf(expected, sizeof expected, "(%.*s)", (int)lengths[i], payload);
        for (size_t size = 1; size <= n; size = size * 3 + 1)
            assert_string_equal(read_as(OUT, n, size), expected);
    }
}

static void test_broken(void **state) {
    (void)state;
    READS("\xc1\x80" MASK, "B");                     /* RSV1 … */
    READS("\xa1\x80" MASK, "B");                     /* … 2 … */
    READS("\x91\x80" MASK, "B");                     /* … 3 */
    READS("\x83\x80" MASK, "B");                     /* unknown opcodes */
    READS("\x8b\x80" MASK, "B");                     /* … of control frames */
    READS("\x81\x01x", "B");                         /* not masked */
    READS("\x80\x80" MASK, "B");                     /* nothing to continue */
    READS("\x09\x80" MASK, "B");                     /* a ping in pieces */
    READS("\x89\xfe\x00\x7e" MASK, "B");             /* a long ping */
    READS("\x81\xfe\x00\x7d" MASK, "B");             /* 125 in two bytes */
    READS("\x81\xff\0\0\0\0\0\0\xff\xff" MASK, "B"); /* 65535 in eight */
    READS("\x81\xff\x80\0\0\0\0\1\0\0" MASK, "B");
    put(0x01, "a");
    put(0x81, "b");
    gives("(aB");
    put(0x81, "a");
    put(0x80, "b");
    gives("(a)B");
}

/* It is told by the header: the payload of a broken frame may never come. */
static void test_broken_at_once(void **state) {
    (void)state;
    READS("\x83\x80", "B");
    READS("\x89\xfe", "B");
}

static void test_what_is_left(void **state) {
    (void)state;
    char bytes[] = "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0abc";
    struct ws_parser p = {0};
    struct ws_piece piece;
    size_t used = 0;
    assert_int_equal(ws_parser_next(&p, bytes, sizeof bytes - 1, &used, &piece), WS_DATA);
    assert_int_equal(used, sizeof bytes - 1);
    assert_int_equal(piece.len, 3);
    assert_true(piece.left == INT64_MAX - 3 && piece.first && !piece.last);
}

static void test_close_codes(void **state) {
    (void)state;
    static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1011,
                                    1012, 1013, 1014, 3000, 4999};
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(ws_close_answer((char[]){(char)(good[i] >> 8), (char)good[i], 'x'}, 3),
                         good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ws_close_answer((char[]){(char)(bad[i] >> 8), (char)bad[i]}, 2), 1002);
    assert_int_equal(ws_close_answer("", 0), 0);
    assert_int_equal(ws_close_answer("\x03", 1), 1002);
    assert_int_equal(ws_close_answer("\x03\xe8\xff", 3), 1007);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),     cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_controls),     cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_broken),       cmocka_unit_test(test_broken_at_once),
        cmocka_unit_test(test_what_is_left), cmocka_unit_test(test_close_codes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
