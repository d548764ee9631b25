/* test_json - what the strict scan refuses and where, what it must not refuse, and that documents
 * keep their memory to themselves however many are alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/proto/json.h"

#include <cjson/cJSON.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string literal and its length, which a NUL inside doesn't end. */
#define TEXT(s) ("" s), sizeof(s) - 1

/* Parses a copy that is exactly as long as the text, so that a read past its end is seen. */
static struct json *parse(const char *text, size_t len, size_t max_values, struct err *e) {
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    struct json *doc = json_parse(copy, len, max_values, e);
    free(copy);
    return doc;
}

static void check_refused(const char *text, size_t len, const char *detail) {
    struct err e = {.code = ERR_OK};
    struct json *doc = parse(text, len, 0, &e);
    if (doc)
        fail_msg("accepted: %.*s", (int)len, text);
    assert_int_equal(e.code, ERR_BAD_JSON);
    if (strcmp(e.detail, detail) != 0)
        fail_msg("%.*s: '%s', not '%s'", (int)len, text, e.detail, detail);
}

static void check_accepted(const char *text, size_t len) {
    struct err e = {.code = ERR_OK};
    struct json *doc = parse(text, len, 0, &e);
    if (!doc)
        fail_msg("%.*s: %s", (int)len, text, e.detail);
    assert_int_equal(e.code, ERR_OK);
    json_free(doc);
}

#define ENDS "the text ends too early at byte "
#define UNEXPECTED "unexpected character at byte "

struct refusal {
    const char *text;
    size_t len;
    const char *detail;
};

static void check_refusals(const struct refusal *rows, size_t count) {
    for (size_t i = 0; i < count; i++)
        check_refused(rows[i].text, rows[i].len, rows[i].detail);
}

#define CHECK_REFUSALS(rows) check_refusals(rows, sizeof(rows) / sizeof *(rows))

static void refused_around_the_object(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT(""), ENDS "0"},
        {TEXT(" \t\r\n"), ENDS "4"},
        {TEXT("[]"), "not an object at byte 0"},
        {TEXT("[{}]"), "not an object at byte 0"},
        {TEXT("\"a\""), "not an object at byte 0"},
        {TEXT("1"), "not an object at byte 0"},
        {TEXT("null"), "not an object at byte 0"},
        {TEXT("NaN"), "not an object at byte 0"},
        {TEXT("x"), "not an object at byte 0"},
        {TEXT("\0"), "not an object at byte 0"},
        {TEXT("// a\n{}"), "not an object at byte 0"},
        {TEXT("\xEF\xBB\xBF{}"), "byte order mark at byte 0"},
        {TEXT("{}x"), "text after the object at byte 2"},
        {TEXT("{}{}"), "text after the object at byte 2"},
        {TEXT("{} {}"), "text after the object at byte 3"},
        {TEXT("{},"), "text after the object at byte 2"},
        {TEXT("{}]"), "text after the object at byte 2"},
        {TEXT("{}//"), "text after the object at byte 2"},
        {TEXT("{}\0"), "text after the object at byte 2"},
        {TEXT("{}\v"), "text after the object at byte 2"},
        {TEXT("\f{}"), "not an object at byte 0"},
        {TEXT("\xC2\xA0{}"), "not an object at byte 0"},
    };
    CHECK_REFUSALS(rows);
}

static void refused_structure(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("{"), ENDS "1"},
        {TEXT("{\"a\""), ENDS "4"},
        {TEXT("{\"a\":"), ENDS "5"},
        {TEXT("{\"a\":1"), ENDS "6"},
        {TEXT("{\"a\":1,"), ENDS "7"},
        {TEXT("{\"a\":["), ENDS "6"},
        {TEXT("{\"a\":[1"), ENDS "7"},
        {TEXT("{\"a\":[1,"), ENDS "8"},
        {TEXT("{\"a\":tru"), ENDS "8"},
        {TEXT("}"), "not an object at byte 0"},
        {TEXT("{]"), UNEXPECTED "1"},
        {TEXT("{,}"), UNEXPECTED "1"},
        {TEXT("{\"a\":1,}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1,,\"b\":1}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1 \"b\":1}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1;\"b\":1}"), UNEXPECTED "6"},
        {TEXT("{\"a\" 1}"), UNEXPECTED "5"},
        {TEXT("{\"a\"}"), UNEXPECTED "4"},
        {TEXT("{\"a\":}"), UNEXPECTED "5"},
        {TEXT("{\"a\":,}"), UNEXPECTED "5"},
        {TEXT("{a:1}"), UNEXPECTED "1"},
        {TEXT("{'a':1}"), UNEXPECTED "1"},
        {TEXT("{1:1}"), UNEXPECTED "1"},
        {TEXT("{null:1}"), UNEXPECTED "1"},
        {TEXT("{\"a\":'b'}"), UNEXPECTED "5"},
        {TEXT("{\"a\":[1,]}"), UNEXPECTED "8"},
        {TEXT("{\"a\":[,1]}"), UNEXPECTED "6"},
        {TEXT("{\"a\":[1 2]}"), UNEXPECTED "8"},
        {TEXT("{\"a\":[1}"), UNEXPECTED "7"},
        {TEXT("{\"a\":{\"b\":1]}"), UNEXPECTED "11"},
        {TEXT("{\"a\":[\"b\":1]}"), UNEXPECTED "9"},
        {TEXT("{/**/}"), UNEXPECTED "1"},
        {TEXT("{\"a\":1/**/}"), UNEXPECTED "6"},
        {TEXT("{\"a\":1}//"), "text after the object at byte 7"},
        {TEXT("{\"a\":\0}"), UNEXPECTED "5"},
        {TEXT("{\0}"), UNEXPECTED "1"},
        {TEXT("{\"a\":\x0b"
              "1}"),
         UNEXPECTED "5"},
        {TEXT("{\"a\":NaN}"), UNEXPECTED "5"},
        {TEXT("{\"a\":Infinity}"), UNEXPECTED "5"},
        {TEXT("{\"a\":nan}"), UNEXPECTED "6"},
        {TEXT("{\"a\":undefined}"), UNEXPECTED "5"},
        {TEXT("{\"a\":True}"), UNEXPECTED "5"},
        {TEXT("{\"a\":TRUE}"), UNEXPECTED "5"},
        {TEXT("{\"a\":falsy}"), UNEXPECTED "9"},
        {TEXT("{\"a\":nul}"), UNEXPECTED "8"},
        {TEXT("{\"a\":nulll}"), UNEXPECTED "9"},
        {TEXT("{\"a\":truefalse}"), UNEXPECTED "9"},
    };
    CHECK_REFUSALS(rows);
}

static void refused_numbers(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("{\"a\":01}"), "number with a leading zero at byte 5"},
        {TEXT("{\"a\":-01}"), "number with a leading zero at byte 5"},
        {TEXT("{\"a\":00}"), "number with a leading zero at byte 5"},
        {TEXT("{\"a\":+1}"), UNEXPECTED "5"},
        {TEXT("{\"a\":.5}"), UNEXPECTED "5"},
        {TEXT("{\"a\":-}"), UNEXPECTED "6"},
        {TEXT("{\"a\":--1}"), UNEXPECTED "6"},
        {TEXT("{\"a\":-.5}"), UNEXPECTED "6"},
        {TEXT("{\"a\":-Infinity}"), UNEXPECTED "6"},
        {TEXT("{\"a\":1.}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1.e5}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1e}"), UNEXPECTED "7"},
        {TEXT("{\"a\":1e+}"), UNEXPECTED "8"},
        {TEXT("{\"a\":1e+-5}"), UNEXPECTED "8"},
        {TEXT("{\"a\":1e5.5}"), UNEXPECTED "8"},
        {TEXT("{\"a\":0x10}"), UNEXPECTED "6"},
        {TEXT("{\"a\":1_000}"), UNEXPECTED "6"},
        {TEXT("{\"a\":1.2.3}"), UNEXPECTED "8"},
        {TEXT("{\"a\":-"), ENDS "6"},
        {TEXT("{\"a\":1."), ENDS "7"},
        {TEXT("{\"a\":1e"), ENDS "7"},
        {TEXT("{\"a\":1e40"), ENDS "9"},
        {TEXT("{\"a\":1e400"), "number out of range at byte 5"},
        {TEXT("{\"a\":1e400}"), "number out of range at byte 5"},
        {TEXT("{\"a\":-1e400}"), "number out of range at byte 5"},
        {TEXT("{\"a\":1E+400}"), "number out of range at byte 5"},
        {TEXT("{\"a\":1e309}"), "number out of range at byte 5"},
        {TEXT("{\"a\":1.8e308}"), "number out of range at byte 5"},
        {TEXT("{\"a\":17.98e307}"), "number out of range at byte 5"},
        {TEXT("{\"a\":0.001e312}"), "number out of range at byte 5"},
        {TEXT("{\"a\":1e99999999999999999999}"), "number out of range at byte 5"},
        {TEXT("{\"a\":1234567890123456789012345678901234567890123456789012345678901234}"),
         "number too long at byte 5"},
    };
    CHECK_REFUSALS(rows);
}

/* The end of the text right after an exponent must not be read past: 1e400 above, and here. */
static void accepted_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"10", 10},
        {"-1.5", -1.5},
        {"0.25e2", 25},
        {"1E-2", 0.01},
        {"1e308", 1e308},
        {"-1.7976931348623157e308", -1.7976931348623157e308},
        {"17976931348623157.0e292", 1.7976931348623157e308},
        {"0.0001e312", 1e308},
        {"1e-400", 0},
        {"0e999999999999999999999", 0},
        {"1e-99999999999999999999", 0},
        {"0.1e-99999999999999999999", 0},
        {"123456789012345678901234567890123456789012345678901234567890123", 1.2345678901234568e62},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct err e = {.code = ERR_OK};
        buf_init(&b, 1000);
        buf_fmt(&b, "{\"a\":[%s]}", rows[i].text);
        struct json *doc = parse(b.data, b.len, 0, &e);
        if (!doc)
            fail_msg("%s: %s", rows[i].text, e.detail);
        const struct json *arr;
        assert_int_equal(json_arr(doc, "a", &arr), JSON_OK);
        const cJSON *n = (const cJSON *)json_first(arr);
        double off = n->valuedouble - rows[i].value;
        assert_true(off <= 0 && off >= 0);
        json_free(doc);
        buf_free(&b);
    }
}

static void refused_strings(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("{\"a\":\""), ENDS "6"},
        {TEXT("{\"a\":\"b"), ENDS "7"},
        {TEXT("{\"a\":\"\\"), ENDS "7"},
        {TEXT("{\"a\":\"\\\""), ENDS "8"},
        {TEXT("{\"a"), ENDS "3"},
        {TEXT("{\"a\":\"\n\"}"), "raw control character at byte 6"},
        {TEXT("{\"a\":\"b\t\"}"), "raw control character at byte 7"},
        {TEXT("{\"a\":\"\0\"}"), "raw control character at byte 6"},
        {TEXT("{\"a\":\"123456789\x1f"
              "123456789\"}"),
         "raw control character at byte 15"},
        {TEXT("{\"a\n\":1}"), "raw control character at byte 3"},
        {TEXT("{\"a\":\"\\u0000\"}"), "\\u0000 at byte 6"},
        {TEXT("{\"a\":\"12345678\\u0000\"}"), "\\u0000 at byte 14"},
        {TEXT("{\"\\u0000\":1}"), "\\u0000 at byte 2"},
        {TEXT("{\"a\":\"\\u00\"}"), "bad \\u escape at byte 6"},
        {TEXT("{\"a\":\"\\u00g0\"}"), "bad \\u escape at byte 6"},
        {TEXT("{\"a\":\"\\u 041\"}"), "bad \\u escape at byte 6"},
        {TEXT("{\"a\":\"\\u+041\"}"), "bad \\u escape at byte 6"},
        {TEXT("{\"a\":\"\\u004"), "bad \\u escape at byte 6"},
        {TEXT("{\"a\":\"\\U0041\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\x41\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\'\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\0\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\\0\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\\n\"}"), "bad escape at byte 6"},
        {TEXT("{\"a\":\"\\ud800\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\udbff\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\udc00\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\uDFFF\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800x\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800\\n\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800\\u0041\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800\\ud800\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800\\ue000\"}"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud83d\\ude00\\ude00\"}"), "lone surrogate at byte 18"},
        {TEXT("{\"a\":\"\\ud800\\udc0"), "lone surrogate at byte 6"},
        {TEXT("{\"a\":\"\\ud800\\u"), "lone surrogate at byte 6"},
        {TEXT("{\"\\udc00\":1}"), "lone surrogate at byte 2"},
        {TEXT("{\"a\":\"\xff\"}"), "invalid UTF-8 at byte 6"},
        {TEXT("{\"a\":\"é€😀\xc3\"}"), "invalid UTF-8 at byte 15"},
        {TEXT("{\"a\":\"\xc0\xaf\"}"), "invalid UTF-8 at byte 6"},
        {TEXT("{\"a\":\"\xed\xa0\x80\"}"), "invalid UTF-8 at byte 6"},
        {TEXT("{\"a\":\"\xf4\x90\x80\x80\"}"), "invalid UTF-8 at byte 6"},
        {TEXT("{\"a\":\"\xf0\x9f\x98"), "invalid UTF-8 at byte 6"},
        {TEXT("{}\xe2\x82"), "invalid UTF-8 at byte 2"},
        {TEXT("\xff\xfe{\0}\0"), "invalid UTF-8 at byte 0"},
    };
    CHECK_REFUSALS(rows);
}

static void accepted_strings(void **state) {
    (void)state;
    static const struct {
        const char *json, *value;
    } rows[] = {
        {"", ""},
        {"abc", "abc"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC", "Aé€"},
        {"\\u0001\\u001f", "\x01\x1f"},
        {"\\ud83d\\ude00\\uDBFF\\uDFFF\\ud800\\udc00", "😀\U0010FFFF\U00010000"},
        {"\\ud7ff\\ue000", "\uD7FF\uE000"},
        {"\x7f", "\x7f"},
        {"é€😀", "é€😀"},
        {"\u2028", "\u2028"},
        {"123456789012345\\\\1234567\\n", "123456789012345\\1234567\n"},
        {"{}[],:// /**/", "{}[],:// /**/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct err e = {.code = ERR_OK};
        buf_init(&b, 1000);
        buf_fmt(&b, "{\"a\":\"%s\"}", rows[i].json);
        struct json *doc = parse(b.data, b.len, 0, &e);
        if (!doc)
            fail_msg("%s: %s", rows[i].json, e.detail);
        const char *s;
        size_t len;
        assert_int_equal(json_str(doc, "a", &s, &len), JSON_OK);
        assert_string_equal(s, rows[i].value);
        assert_int_equal(len, strlen(rows[i].value));
        json_free(doc);
        buf_free(&b);
    }
}

static void accepted_structure(void **state) {
    (void)state;
    check_accepted(TEXT("{}"));
    check_accepted(TEXT(" \t\r\n{ \t\r\n} \t\r\n"));
    check_accepted(TEXT("{\"\":{}}"));
    check_accepted(TEXT(" { \"a\" : [ ] , \"b\" : [ 1 , true , false , null , { } , \"\" ] } "));
}

static void duplicate_keys(void **state) {
    (void)state;
    static const struct refusal rows[] = {
        {TEXT("{\"a\":1,\"a\":1}"), "duplicate key at byte 7"},
        {TEXT("{\"a\":1,\"b\":{},\"a\":null}"), "duplicate key at byte 14"},
        {TEXT("{\"\":1,\"\":1}"), "duplicate key at byte 6"},
        {TEXT("{\"a\":1,\"\\u0061\":1}"), "duplicate key at byte 7"},
        {TEXT("{\"\\u0061\":1,\"a\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\u0061\":1,\"\\u0061\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\u00E9\":1,\"é\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\u20ac\":1,\"€\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\ud83d\\ude00\":1,\"😀\":1}"), "duplicate key at byte 18"},
        {TEXT("{\"\\u07ff\":1,\"\u07ff\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\u0800\":1,\"\u0800\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\uffff\":1,\"\uffff\":1}"), "duplicate key at byte 12"},
        {TEXT("{\"\\udbff\\udfff\":1,\"\U0010ffff\":1}"), "duplicate key at byte 18"},
        {TEXT("{\"\\/\":1,\"/\":1}"), "duplicate key at byte 8"},
        {TEXT("{\"\\\"\":1,\"\\u0022\":1}"), "duplicate key at byte 8"},
        {TEXT("{\"\\\\\":1,\"\\u005c\":1}"), "duplicate key at byte 8"},
        {TEXT("{\"\\b\\f\\n\\r\\t\":1,\"\\u0008\\u000c\\u000a\\u000d\\u0009\":1}"),
         "duplicate key at byte 16"},
        {TEXT("{\"x\":{\"a\":1,\"a\":1}}"), "duplicate key at byte 12"},
        {TEXT("{\"x\":[{\"a\":{\"b\":1}},{\"a\":1,\"a\":1}]}"), "duplicate key at byte 27"},
        {TEXT("{\"a\":{\"b\":1,\"c\":2},\"a\":1}"), "duplicate key at byte 19"},
    };
    CHECK_REFUSALS(rows);
    check_accepted(TEXT("{\"a\":1,\"A\":1,\"ab\":1,\"\":1,\"á\":1,\"\\u0062\":1,\"\\\\u0061\":1}"));
    check_accepted(TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"));
    check_accepted(TEXT("{\"\\u0061b\":1,\"\\u0061\":1,\"\\u0061bc\":1}"));
    check_accepted(TEXT("{\"\\n\":1,\"n\":1,\"\\\\n\":1}"));
}

/* {"k0":0,"k1":1,...} of `n` members, the first keys once more escaped if `again` names one. */
static void many_members(struct buf *b, int n, int again) {
    buf_init(b, 1u << 20);
    for (int i = 0; i < n; i++)
        buf_fmt(b, "%c\"k%d\":%d", i ? ',' : '{', i, i);
    if (again >= 0)
        buf_fmt(b, ",\"\\u006b%d\":0", again);
    buf_str(b, n ? "}" : "{}");
}

/* Objects of few keys are compared as they come, larger ones when they end, and beyond 64 open keys
 * there is memory to get: the same answer on every side of each. */
static void duplicate_keys_in_objects_of_any_size(void **state) {
    (void)state;
    static const int sizes[] = {1, 2, 15, 16, 17, 18, 63, 64, 65, 66, 127, 128, 129, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b;
        many_members(&b, sizes[i], -1);
        check_accepted(b.data, b.len);
        buf_free(&b);
        const int again[] = {0, sizes[i] / 2, sizes[i] - 1};
        for (size_t k = 0; k < 3; k++) {
            many_members(&b, sizes[i], again[k]);
            char detail[64];
            snprintf(detail, sizeof detail, "duplicate key at byte %zu",
                     b.len - strlen("\"\\u006b\":0}") - (size_t)snprintf(NULL, 0, "%d", again[k]));
            check_refused(b.data, b.len, detail);
            buf_free(&b);
        }
    }
}

/* Keys that begin like each other must not confuse the sorting. */
static void duplicate_keys_of_growing_length(void **state) {
    (void)state;
    for (int again = 0; again <= 40; again++) {
        static const char as[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        struct buf b;
        struct err e;
        buf_init(&b, 1u << 20);
        for (int i = 1; i <= 40; i++)
            buf_fmt(&b, "%c\"%.*s\":0", i > 1 ? ',' : '{', i, as);
        if (again > 0)
            buf_fmt(&b, ",\"%.*s\":0", again, as);
        buf_char(&b, '}');
        struct json *doc = parse(b.data, b.len, 0, &e);
        assert_int_equal(doc != NULL, again == 0);
        json_free(doc);
        buf_free(&b);
    }
}

/* A large object inside another: its keys are forgotten, those around it are not. */
static void duplicate_keys_around_a_large_object(void **state) {
    (void)state;
    struct buf inner, b;
    many_members(&inner, 100, -1);
    static const char *const tails[] = {",\"k5\":1,\"z\":1}", ",\"z\":1,\"a\":1}", "}"};
    for (size_t i = 0; i < 3; i++) {
        buf_init(&b, 1u << 20);
        buf_str(&b, "{\"a\":[");
        buf_add(&b, inner.data, inner.len);
        buf_str(&b, "],\"b\":");
        buf_add(&b, inner.data, inner.len);
        buf_str(&b, tails[i]);
        struct err e;
        struct json *doc = parse(b.data, b.len, 0, &e);
        assert_int_equal(doc != NULL, i != 1);
        json_free(doc);
        buf_free(&b);
    }
    buf_free(&inner);
}

static void caps_on_values(void **state) {
    (void)state;
    static const struct {
        int members; /* the object around them is a value as well */
        size_t max;
        bool fine;
    } rows[] = {
        {0, 0, true},       {999, 0, true},      {1000, 0, false},     {10000, 0, false},
        {0, 1, true},       {1, 1, false},       {9, 10, true},        {10, 10, false},
        {1999, 2000, true}, {2000, 2000, false}, {20000, 30000, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        struct err e = {.code = ERR_OK};
        many_members(&b, rows[i].members, -1);
        struct json *doc = parse(b.data, b.len, rows[i].max, &e);
        assert_int_equal(doc != NULL, rows[i].fine);
        assert_int_equal(e.code, rows[i].fine ? ERR_OK : ERR_BAD_JSON);
        if (!doc)
            assert_memory_equal(e.detail, "too many values at byte ", 24);
        json_free(doc);
        buf_free(&b);
    }
}

static void array_elements_count_as_values(void **state) {
    (void)state;
    struct err e;
    struct json *doc = parse(TEXT("{\"a\":[1,[],{}]}"), 5, &e);
    assert_non_null(doc);
    json_free(doc);
    assert_null(parse(TEXT("{\"a\":[1,[],{}]}"), 4, &e));
    assert_string_equal(e.detail, "too many values at byte 11");
}

/* `depth` arrays or objects in each other, the outermost an object. */
static void nested(struct buf *b, int depth, bool arrays) {
    buf_init(b, 1u << 20);
    for (int i = 1; i < depth; i++)
        buf_str(b, i > 1 && arrays ? "[" : "{\"a\":");
    buf_str(b, arrays && depth > 1 ? "[" : "{");
    buf_str(b, arrays && depth > 1 ? "]" : "}");
    for (int i = depth - 1; i > 0; i--)
        buf_str(b, i > 1 && arrays ? "]" : "}");
}

static void caps_on_depth(void **state) {
    (void)state;
    static const int depths[] = {1, 2, 15, 16, 17, 18, 900, 50000};
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        for (int arrays = 0; arrays < 2; arrays++) {
            struct buf b;
            nested(&b, depths[i], arrays);
            if (depths[i] <= JSON_DEPTH_MAX)
                check_accepted(b.data, b.len);
            else
                check_refused(b.data, b.len,
                              arrays ? "nested too deeply at byte 20"
                                     : "nested too deeply at byte 80");
            buf_free(&b);
        }
    /* depth, not number: many beside each other are fine */
    check_accepted(TEXT("{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}"));
}

/* ---- Getters ---- */

static const char SAMPLE[] =
    "{\"s\":\"text\",\"empty\":\"\",\"n\":null,\"t\":true,\"f\":false,\"o\":{\"x\":1},\"a\":[1,"
    "\"b\",{}],"
    "\"e\":[],\"zero\":0,\"minus0\":-0,\"one\":1,\"neg\":-1,\"half\":0.5,\"nhalf\":-0.5,\"exp\":"
    "1e2,\"whole\":2.0,"
    "\"safe\":9007199254740991,\"p53\":9007199254740992,\"p53a\":9007199254740993,"
    "\"nsafe\":-9007199254740991,\"np53\":-9007199254740992,\"u64\":18446744073709551615,"
    "\"big\":1e300,\"nbig\":-1e300,\"tiny\":1e-300,\"S\":7}";

static struct json *sample(void) {
    struct err e;
    struct json *doc = parse(SAMPLE, sizeof SAMPLE - 1, 0, &e);
    assert_non_null(doc);
    return doc;
}

static void gets_integers(void **state) {
    (void)state;
    static const struct {
        const char *key;
        enum json_result signed_result, result;
        int64_t value;
    } rows[] = {
        {"zero", JSON_OK, JSON_OK, 0},
        {"minus0", JSON_OK, JSON_OK, 0},
        {"one", JSON_OK, JSON_OK, 1},
        {"neg", JSON_OK, JSON_WRONG, -1},
        {"half", JSON_WRONG, JSON_WRONG, 0},
        {"nhalf", JSON_WRONG, JSON_WRONG, 0},
        {"exp", JSON_OK, JSON_OK, 100},
        {"whole", JSON_OK, JSON_OK, 2},
        {"safe", JSON_OK, JSON_OK, 9007199254740991},
        {"p53", JSON_WRONG, JSON_WRONG, 0},
        {"p53a", JSON_WRONG, JSON_WRONG, 0},
        {"nsafe", JSON_OK, JSON_WRONG, -9007199254740991},
        {"np53", JSON_WRONG, JSON_WRONG, 0},
        {"u64", JSON_WRONG, JSON_WRONG, 0},
        {"big", JSON_WRONG, JSON_WRONG, 0},
        {"nbig", JSON_WRONG, JSON_WRONG, 0},
        {"tiny", JSON_WRONG, JSON_WRONG, 0},
        {"s", JSON_WRONG, JSON_WRONG, 0},
        {"t", JSON_WRONG, JSON_WRONG, 0},
        {"o", JSON_WRONG, JSON_WRONG, 0},
        {"a", JSON_WRONG, JSON_WRONG, 0},
        {"n", JSON_ABSENT, JSON_ABSENT, 0},
        {"none", JSON_ABSENT, JSON_ABSENT, 0},
    };
    struct json *doc = sample();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t v = 4711;
        uint64_t u = 4711;
        if (json_i64(doc, rows[i].key, &v) != rows[i].signed_result ||
            json_u64(doc, rows[i].key, UINT64_MAX, &u) != rows[i].result)
            fail_msg("%s", rows[i].key);
        assert_true(v == (rows[i].signed_result == JSON_OK ? rows[i].value : 4711));
        assert_true(u == (rows[i].result == JSON_OK ? (uint64_t)rows[i].value : 4711));
    }
    uint64_t u = 4711;
    assert_int_equal(json_u64(doc, "exp", 100, &u), JSON_OK);
    assert_int_equal(u, 100);
    assert_int_equal(json_u64(doc, "exp", 99, &u), JSON_WRONG);
    assert_int_equal(json_u64(doc, "zero", 0, &u), JSON_OK);
    assert_int_equal(u, 0);
    json_free(doc);
}

static void gets_other_types(void **state) {
    (void)state;
    static const struct {
        const char *key;
        enum json_result str, boolean, obj, arr;
    } rows[] = {
        {"s", JSON_OK, JSON_WRONG, JSON_WRONG, JSON_WRONG},
        {"empty", JSON_OK, JSON_WRONG, JSON_WRONG, JSON_WRONG},
        {"t", JSON_WRONG, JSON_OK, JSON_WRONG, JSON_WRONG},
        {"f", JSON_WRONG, JSON_OK, JSON_WRONG, JSON_WRONG},
        {"o", JSON_WRONG, JSON_WRONG, JSON_OK, JSON_WRONG},
        {"a", JSON_WRONG, JSON_WRONG, JSON_WRONG, JSON_OK},
        {"one", JSON_WRONG, JSON_WRONG, JSON_WRONG, JSON_WRONG},
        {"S", JSON_WRONG, JSON_WRONG, JSON_WRONG, JSON_WRONG}, /* keys match exactly */
        {"n", JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT},
        {"T", JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT},
        {"", JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT},
        {"x", JSON_ABSENT, JSON_ABSENT, JSON_ABSENT, JSON_ABSENT},
    };
    struct json *doc = sample();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *s = NULL;
        size_t len = 0;
        bool b = false;
        const struct json *o = NULL, *a = NULL;
        assert_int_equal(json_str(doc, rows[i].key, &s, &len), rows[i].str);
        assert_int_equal(json_bool(doc, rows[i].key, &b), rows[i].boolean);
        assert_int_equal(json_obj(doc, rows[i].key, &o), rows[i].obj);
        assert_int_equal(json_arr(doc, rows[i].key, &a), rows[i].arr);
        assert_int_equal(b, strcmp(rows[i].key, "t") == 0);
        assert_int_equal(s != NULL, rows[i].str == JSON_OK);
        assert_int_equal(o != NULL, rows[i].obj == JSON_OK);
        assert_int_equal(a != NULL, rows[i].arr == JSON_OK);
    }
    bool b = true;
    assert_int_equal(json_bool(doc, "f", &b), JSON_OK);
    assert_false(b);
    json_free(doc);
}

static void walks_arrays(void **state) {
    (void)state;
    struct json *doc = sample();
    const struct json *arr, *v;
    assert_int_equal(json_arr(doc, "a", &arr), JSON_OK);
    v = json_first(arr);
    assert_false(json_is_obj(v));
    v = json_next(v);
    assert_false(json_is_obj(v));
    v = json_next(v);
    assert_true(json_is_obj(v));
    assert_null(json_next(v));
    assert_int_equal(json_arr(doc, "e", &arr), JSON_OK);
    assert_null(json_first(arr));
    assert_true(json_is_obj(doc));
    json_free(doc);
}

static void gets_nothing_from_null(void **state) {
    (void)state;
    const char *s;
    size_t len;
    uint64_t u;
    int64_t i;
    bool b;
    const struct json *v;
    assert_int_equal(json_str(NULL, "a", &s, &len), JSON_ABSENT);
    assert_int_equal(json_u64(NULL, "a", 1, &u), JSON_ABSENT);
    assert_int_equal(json_i64(NULL, "a", &i), JSON_ABSENT);
    assert_int_equal(json_bool(NULL, "a", &b), JSON_ABSENT);
    assert_int_equal(json_obj(NULL, "a", &v), JSON_ABSENT);
    assert_int_equal(json_arr(NULL, "a", &v), JSON_ABSENT);
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_false(json_is_obj(NULL));
    json_free(NULL);
    assert_null(json_parse("x", 1, 0, NULL)); /* without a struct err */
}

/* ---- Memory ---- */

/* A document of about `size` bytes that says who it is. */
static struct json *numbered(int id, size_t size) {
    struct buf b;
    struct err e;
    buf_init(&b, 1u << 24);
    buf_fmt(&b, "{\"id\":%d,\"end\":\"%d\",\"fill\":\"", id, id);
    for (size_t i = 0; i < size; i++)
        buf_char(&b, (char)('a' + (id + (int)(i % 7)) % 26));
    buf_str(&b, "\"}");
    struct json *doc = parse(b.data, b.len, 0, &e);
    assert_non_null(doc);
    buf_free(&b);
    return doc;
}

static void check_numbered(const struct json *doc, int id, size_t size) {
    uint64_t v;
    const char *s;
    size_t len;
    assert_int_equal(json_u64(doc, "id", 10000, &v), JSON_OK);
    assert_int_equal(v, id);
    assert_int_equal(json_str(doc, "end", &s, &len), JSON_OK);
    assert_int_equal(atoi(s), id);
    assert_int_equal(json_str(doc, "fill", &s, &len), JSON_OK);
    assert_int_equal(len, size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(s[i], 'a' + (id + (int)(i % 7)) % 26);
}

/* Many at once, far more than the arena holds, freed in three orders; afterwards the arena is whole
 * again, so that all of it can be done again. The sanitizers see what is lost or used too late. */
static void many_documents(void **state) {
    (void)state;
    enum { COUNT = 60 };
    static struct json *docs[COUNT];
    static const int strides[] = {1, 59, 7};
    for (size_t round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++)
            docs[i] = numbered(i, (size_t)i * 400);
        for (int i = 0, at = 0; i < COUNT; i++, at = (at + strides[round]) % COUNT) {
            check_numbered(docs[at], at, (size_t)at * 400);
            json_free(docs[at]);
            docs[at] = NULL; /* else a leak would count as still in use */
        }
    }
}

static void document_larger_than_the_arena(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct json *huge = numbered(1, 600000), *small = numbered(2, 10);
        check_numbered(small, 2, 10);
        json_free(small);
        check_numbered(huge, 1, 600000);
        json_free(huge);
    }
}

/* Sizes around the arena's own: the last byte of it may be used, the next one not. */
static void document_that_fills_the_arena(void **state) {
    (void)state;
    for (size_t size = 261800; size < 261850; size++) {
        struct json *doc = numbered(3, size);
        const char *s;
        size_t len;
        assert_int_equal(json_str(doc, "fill", &s, &len), JSON_OK);
        assert_int_equal(len, size);
        assert_int_equal(strlen(s), size);
        json_free(doc);
    }
}

/* Other users of cJSON in the process get malloc, before and while there are documents. */
static void leaves_cjson_alone(void **state) {
    (void)state;
    cJSON *before = cJSON_Parse("{\"a\":[1,2,3]}");
    struct json *doc = sample();
    cJSON *beside = cJSON_Parse("{\"b\":\"text\"}");
    json_free(doc);
    doc = sample();
    char *text = cJSON_PrintUnformatted(beside);
    assert_string_equal(text, "{\"b\":\"text\"}");
    free(text);
    text = cJSON_PrintUnformatted(before);
    assert_string_equal(text, "{\"a\":[1,2,3]}");
    free(text);
    cJSON_Delete(before);
    cJSON_Delete(beside);
    json_free(doc);
}

/* Where the decimal point is a comma the range check must still see what it sees elsewhere. */
static void numbers_in_other_locales(void **state) {
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    refused_numbers(NULL);
    setlocale(LC_NUMERIC, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_around_the_object),
        cmocka_unit_test(refused_structure),
        cmocka_unit_test(refused_numbers),
        cmocka_unit_test(accepted_numbers),
        cmocka_unit_test(refused_strings),
        cmocka_unit_test(accepted_strings),
        cmocka_unit_test(accepted_structure),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(duplicate_keys_in_objects_of_any_size),
        cmocka_unit_test(duplicate_keys_of_growing_length),
        cmocka_unit_test(duplicate_keys_around_a_large_object),
        cmocka_unit_test(caps_on_values),
        cmocka_unit_test(array_elements_count_as_values),
        cmocka_unit_test(caps_on_depth),
        cmocka_unit_test(gets_integers),
        cmocka_unit_test(gets_other_types),
        cmocka_unit_test(walks_arrays),
        cmocka_unit_test(gets_nothing_from_null),
        cmocka_unit_test(many_documents),
        cmocka_unit_test(document_larger_than_the_arena),
        cmocka_unit_test(document_that_fills_the_arena),
        cmocka_unit_test(leaves_cjson_alone),
        cmocka_unit_test(numbers_in_other_locales),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
