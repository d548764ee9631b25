/* test_output - the same rows in the four formats, byte for byte. Stdout is a file here. */
#include "chatctl/term/output.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct column COLUMNS[] = {{"name", COLUMN_TEXT},
                                        {"unread_count", COLUMN_NUMBER},
                                        {"online", COLUMN_BOOL},
                                        {"seen", COLUMN_TIME},
                                        {NULL, COLUMN_TEXT}};

static void row(struct output *o, const char *name, int64_t n, bool online, int64_t seen) {
    output_text(o, name, strlen(name));
    output_number(o, n);
    output_bool(o, online);
    output_time(o, seen);
}

/* What output_* writes to stdout between begin and end. */
static FILE *file;
static int saved;

static struct output *begin(enum format f, bool single) {
    file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    struct output *o = output_new(f);
    output_begin(o, COLUMNS, single);
    return o;
}

static char *end(struct output *o) {
    static char text[200000];
    bool ok = output_end(o);
    output_free(o);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_true(ok);
    return text;
}

static char *three_rows(enum format f) {
    struct output *o = begin(f, false);
    row(o, "alice", 3, true, 1714564800123);
    row(o, "a\tb\\c\n\x1b[1m\"", -12345, false, 0);
    row(o, "李", 0, true, 1);
    return end(o);
}

static void test_tsv(void **state) {
    (void)state;
    assert_string_equal(three_rows(FORMAT_TSV), "alice\t3\ttrue\t2024-05-01T12:00:00.123Z\n"
                                                "a\\tb\\\\c\\n\\x1b[1m\"\t-12345\tfalse\t\n"
                                                "李\t0\ttrue\t1970-01-01T00:00:00.001Z\n");
}

static void test_table(void **state) {
    (void)state;
    assert_string_equal(three_rows(FORMAT_TABLE),
                        "NAME              UNREAD COUNT  ONLINE  SEEN\n"
                        "alice                        3  yes     2024-05-01 12:00:00Z\n"
                        "a    b\\c^J^[[1m\"        -12345  no\n"
                        "李                           0  yes     1970-01-01 00:00:00Z\n");
}

static void test_json(void **state) {
    (void)state;
    assert_string_equal(three_rows(FORMAT_JSON),
                        "[\n{\"name\":\"alice\",\"unread_count\":3,\"online\":true,\"seen\":\"2024-"
                        "05-01T12:00:00.123Z\"},\n"
                        "{\"name\":\"a\\tb\\\\c\\n\\u001b[1m\\\"\",\"unread_count\":-12345,"
                        "\"online\":false,\"seen\":null},\n"
                        "{\"name\":\"李\",\"unread_count\":0,\"online\":true,\"seen\":\"1970-01-"
                        "01T00:00:00.001Z\"}\n]\n");
}

static void test_jsonl(void **state) {
    (void)state;
    const char *text = three_rows(FORMAT_JSONL);
    assert_true(strncmp(text, "{\"name\":\"alice\",", 16) == 0);
    assert_string_equal(strrchr(text, '}'), "}\n");
    assert_null(strstr(text, "},\n"));
}

static void test_no_rows(void **state) {
    (void)state;
    assert_string_equal(end(begin(FORMAT_JSON, false)), "[]\n");
    assert_string_equal(end(begin(FORMAT_JSONL, false)), "");
    assert_string_equal(end(begin(FORMAT_TSV, false)), "");
    assert_string_equal(end(begin(FORMAT_TABLE, false)), "NAME  UNREAD COUNT  ONLINE  SEEN\n");
}

static void test_single(void **state) {
    (void)state;
    static const char *const WANT[] = {
        "name:         x\nunread_count: 1\nonline:       no\nseen:         \n", "x\t1\tfalse\t\n",
        "{\"name\":\"x\",\"unread_count\":1,\"online\":false,\"seen\":null}\n",
        "{\"name\":\"x\",\"unread_count\":1,\"online\":false,\"seen\":null}\n"};
    for (enum format f = FORMAT_TABLE; f <= FORMAT_JSONL; f++) {
        struct output *o = begin(f, true);
        row(o, "x", 1, false, 0);
        assert_string_equal(end(o), WANT[f]);
    }
}

static void test_json_of_bad_utf8(void **state) {
    (void)state;
    struct output *o = begin(FORMAT_JSONL, false);
    row(o,
        "a\xff"
        "b",
        1, false, 0);
    assert_true(strncmp(end(o),
                        "{\"name\":\"a\xef\xbf\xbd"
                        "b\",",
                        16) == 0);
}

/* Rows behind the measured ones are shown in the widths of those; a wider cell shifts its row. */
static void test_long_table(void **state) {
    (void)state;
    struct output *o = begin(FORMAT_TABLE, false);
    for (int i = 0; i < 1200; i++)
        row(o, i == 1100 ? "much wider than before" : "bob", i, true, 0);
    char *text = end(o);
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 1201);
    assert_non_null(strstr(text, "\nbob           1199  yes\n"));
    assert_non_null(strstr(text, "\nmuch wider than before          1100  yes\n"));
}

static void test_formats(void **state) {
    (void)state;
    enum format f;
    assert_true(output_format_parse("jsonl", &f) && f == FORMAT_JSONL);
    assert_true(output_format_parse("table", &f) && f == FORMAT_TABLE);
    assert_false(output_format_parse("xml", &f));
    assert_false(output_format_parse("", &f));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_single),
        cmocka_unit_test(test_json_of_bad_utf8),
        cmocka_unit_test(test_long_table),
        cmocka_unit_test(test_formats),
    };
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
