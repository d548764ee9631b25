/* test_tui_input - readline without a terminal: editing, history, search, vi mode, pastes, and keys
 * that must not harm. */
#include "chattui/term/input.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/readline.h>

#include <cmocka.h>

static char lines[4096]; /* what was submitted, each ended by '|' */
static int changes;

static void on_line(const char *text, void *arg) {
    (void)arg;
    snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "%s|", text);
    input_remember(text);
}

static void on_change(void *arg) {
    (void)arg;
    changes++;
}

static int open_input(void **state) {
    (void)state;
    lines[0] = '\0';
    input_open(&(struct input_hooks){on_line, on_change}, NULL);
    input_set("", 0);
    return 0;
}

static int close_input(void **state) {
    (void)state;
    input_close();
    return 0;
}

static void type(const char *text) {
    for (size_t i = 0, n; text[i]; i += n) { /* a character a key */
        for (n = 1; ((unsigned char)text[i + n] & 0xc0) == 0x80; n++)
            ;
        input_key(text + i, n, false);
    }
}

static void press(const char *sequence) {
    input_key(sequence, strlen(sequence), true);
}

static void check(const char *text, size_t cursor) {
    struct input_look look = input_look();
    assert_string_equal(look.text, text);
    assert_int_equal(look.len, strlen(text));
    assert_int_equal(look.cursor, cursor);
}

static void test_editing(void **state) {
    (void)state;
    int before = changes;
    type("héllo wörld");
    check("héllo wörld", 13);
    assert_true(changes > before);
    type("\x17"
         "x"); /* Ctrl-W */
    check("héllo x", 8);
    press("\x1b[D");
    press("\x1b[D");
    type("é");
    check("hélloé x", 8);
    type("\x01\x0b"); /* Ctrl-A Ctrl-K */
    check("", 0);
    type("\x19"); /* Ctrl-Y */
    check("hélloé x", 10);
}

static void test_submit(void **state) {
    (void)state;
    type("one\r");
    check("", 0);
    type("two\rthr");
    assert_string_equal(lines, "one|two|");
    check("thr", 3);
}

static void test_history_and_search(void **state) {
    (void)state;
    type("alpha\rbeta\rgamma\r");
    press("\x1b[A");
    check("gamma", 5);
    press("\x1b[A");
    check("beta", 4);
    input_set("", 0); /* leaves the history where it ended */
    press("\x1b[A");
    check("gamma", 5);
    input_set("draft", 5);
    type("\x12"
         "al"); /* Ctrl-R */
    assert_non_null(strstr(input_look().prompt, "i-search"));
    input_cancel();
    assert_string_equal(input_look().prompt, "");
    check("draft", 5);
    type("\x12"
         "al\r");
    assert_string_equal(lines, "alpha|beta|gamma|alpha|");
}

static void test_keys_that_must_not_harm(void **state) {
    (void)state;
    type("\x04\x04"); /* Ctrl-D on an empty line */
    assert_string_equal(lines, "");
    type("ab");
    press("\x1b[99~");
    press("\x1b[1;7R");
    press("\x1b[24~");
    input_key("", 0, true);
    check("ab", 2);
    type("\x1b"); /* a lone Esc does not make the next key an Alt key */
    type("f");
    check("abf", 3);
    type("\t\t");
    check("abf", 3);
    type("\x16"); /* quoted insert waits for a key without blocking */
    type("\x1b");
    assert_int_equal(input_look().len, 3); /* an Esc never gets into it */
}

static void test_insert(void **state) {
    (void)state;
    assert_true(input_insert("a\r\nb\rc\n\x1b[31m\x07\tz", 17));
    check("a\nb\nc\n[31m\tz", 12);
    assert_string_equal(lines, "");
    input_set("", 0);
    assert_true(input_insert("x\xff\xc2\x9by", 5));
    check("x\xef\xbf\xbdy", 5);
    type("\r");
    assert_string_equal(lines, "x\xef\xbf\xbdy|");
}

static void test_insert_is_capped(void **state) {
    (void)state;
    size_t len = INPUT_MAX + 100;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'a', len);
    memcpy(text + INPUT_MAX - 1, "é", 2);
    assert_false(input_insert(text, len));
    assert_int_equal(input_look().len, INPUT_MAX - 1); /* no half characters */
    input_set("", 0);
    assert_true(input_insert(text, 60000));
    assert_int_equal(input_look().len, 60000);
    input_set("", 0);
    free(text);
}

static void test_set(void **state) {
    (void)state;
    input_set("draft", 2);
    check("draft", 2);
    input_set("xy", 99);
    check("xy", 2);
    type("\x1f\x1f"); /* undo brings nothing of another draft */
    check("xy", 2);
    input_cancel();
    check("", 0);
}

static void test_vi_mode(void **state) {
    (void)state;
    rl_variable_bind("editing-mode", "vi");
    input_set("", 0);
    type("abc");
    type("\x1b");
    assert_true(input_look().command);
    type("0x");
    check("bc", 0);
    type("A");
    assert_false(input_look().command);
    type("d\r");
    assert_string_equal(lines, "bcd|");
    rl_variable_bind("editing-mode", "emacs");
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    setenv("INPUTRC", "/dev/null", 1);
#define T(f) cmocka_unit_test_setup_teardown(f, open_input, close_input)
    const struct CMUnitTest tests[] = {
        T(test_editing), T(test_submit),           T(test_history_and_search),
        T(test_insert),  T(test_insert_is_capped), T(test_keys_that_must_not_harm),
        T(test_set),     T(test_vi_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
