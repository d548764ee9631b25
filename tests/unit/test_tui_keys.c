/* test_tui_keys - what terminals send for keys, pastes, mouse and focus, whole and in pieces, and
 * what is no key at all. */
#include "chattui/base/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What came out, as text: "Ctrl+A 'x' paste(…) mouse(b,col,row,on) focus(1)". */
static void note(const struct token *t, void *arg) {
    struct buf *out = arg;
    char name[KEY_TEXT];
    if (out->len)
        buf_char(out, ' ');
    switch (t->kind) {
    case TOKEN_KEY:
        key_format(t->key, name);
        buf_str(out, t->key.code == KEYCODE_NONE ? "none" : name);
        break;
    case TOKEN_PASTE:
        buf_fmt(out, "paste%s(", t->cut ? "-cut" : "");
        buf_add(out, t->bytes, t->len);
        buf_char(out, ')');
        break;
    case TOKEN_MOUSE:
        buf_fmt(out, "mouse(%d,%d,%d,%d)", t->button, t->column, t->row, t->on);
        break;
    case TOKEN_FOCUS:
        buf_fmt(out, "focus(%d)", t->on);
        break;
    }
}

/* `in` in pieces of `step` bytes gives `want`. */
static void check_step(const char *in, size_t len, size_t step, const char *want) {
    struct tokens t;
    struct buf out;
    buf_init(&out, 1 << 20);
    tokens_init(&t, note, &out);
    for (size_t i = 0; i < len; i += step) {
        size_t n = len - i < step ? len - i : step;
        char *piece = malloc(n); /* of just its length, for ASan */
        assert_non_null(piece);
        memcpy(piece, in + i, n);
        tokens_feed(&t, piece, n);
        free(piece);
    }
    while (tokens_waiting(&t))
        tokens_timeout(&t);
    assert_string_equal(buf_cstr(&out), want);
    tokens_free(&t);
    buf_free(&out);
}

static void check(const char *in, const char *want) {
    check_step(in, strlen(in), 1, want);
    check_step(in, strlen(in), 1000, want);
}

static void test_characters(void **state) {
    (void)state;
    check("aZ~", "a Z ~");
    check(" \t\r\x7f", "Space Tab Enter Backspace");
    check("\x01\x0e\x1a\x08\n", "Ctrl+A Ctrl+N Ctrl+Z Ctrl+H Ctrl+J");
    check_step("\0", 1, 1, "Ctrl+Space");
    check("é語😀", "U+00E9 U+8A9E U+1F600");
}

static void test_bad_bytes_are_no_keys(void **state) {
    (void)state;
    check("\x80\xff\xc0"
          "a",
          "a");
    check("\xe8\xaa"
          "a",
          "a"); /* broken off */
    check("a\xf0\x9f", "a");
    check("\x1b\x80"
          "a",
          "a");
}

static void test_alt(void **state) {
    (void)state;
    check("\x1b"
          "a\x1b"
          "1\x1b\r\x1b\x7f",
          "Alt+a Alt+1 Alt+Enter Alt+Backspace");
    check("\x1b\xc3\xa9", "Alt+U+00E9");
    check("\x1b\x01", "Ctrl+Alt+A");
    check("\x1b", "Esc");
    check("\x1b\x1b", "Alt+Esc");
    check("\x1b\x1b\x1b", "Esc Alt+Esc");
    check("\x1b\x1b"
          "a",
          "Esc Alt+a");
    check("\x1b[", "Alt+[");
    check("\x1bO", "Alt+O");
}

static void test_named(void **state) {
    (void)state;
    check("\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F", "Up Down Right Left Home End");
    check("\x1bOA\x1bOH\x1bOP\x1bOM", "Up Home F1 Enter");
    check("\x1b[5~\x1b[6~\x1b[2~\x1b[3~\x1b[1~\x1b[8~", "PgUp PgDn Insert Delete Home End");
    check("\x1b[11~\x1b[15~\x1b[17~\x1b[21~\x1b[23~\x1b[24~", "F1 F5 F6 F10 F11 F12");
    check("\x1b[[A\x1b[[E", "F1 F5");
    check("\x1b[Z", "Shift+Tab");
}

static void test_modifiers(void **state) {
    (void)state;
    check("\x1b[1;3D\x1b[1;5C\x1b[1;2A\x1b[1;8B",
          "Alt+Left Ctrl+Right Shift+Up Ctrl+Alt+Shift+Down");
    check("\x1b[5;3~\x1b[1;3H\x1b[1;3F", "Alt+PgUp Alt+Home Alt+End");
    check("\x1b\x1b[A\x1b\x1bOB", "Alt+Up Alt+Down");
    check("\x1b[5^\x1b[5$\x1b[5@\x1b[a\x1bOa",
          "Ctrl+PgUp Shift+PgUp Ctrl+Shift+PgUp Shift+Up Ctrl+Up");
    check("\x1b[110;5u\x1b[97;3u\x1b[13;2u\x1b[27;5;9~", "Ctrl+N Alt+a Shift+Enter Ctrl+Tab");
    check("\x1b[27;5u", "Esc");
}

/* urxvt, and the numbers of old Konsoles and VTEs. */
static void test_other_terminals(void **state) {
    (void)state;
    check("\x1b[7~\x1b[8~\x1b[7^\x1b[8$\x1b[3^", "Home End Ctrl+Home Shift+End Ctrl+Delete");
    check("\x1bOd\x1bOc\x1b\x1b[D\x1b\x1bOd", "Ctrl+Left Ctrl+Right Alt+Left Ctrl+Alt+Left");
    check("\x1b[d\x1b\x1b[7~", "Shift+Left Alt+Home");
    check("\x1bO5C\x1bO2P", "Ctrl+Right Shift+F1");
    check("\x1bO\ra", "Alt+O Enter a");
}

static void test_learned(void **state) {
    (void)state;
    struct tokens t;
    struct buf out;
    buf_init(&out, 200);
    tokens_init(&t, note, &out);
    tokens_learn(&t, "\x1b[214z", (struct key){KEYCODE_HOME, 0}); /* sun */
    tokens_learn(&t, "\x1b[4l", (struct key){KEYCODE_INSERT, MOD_CTRL});
    tokens_learn(&t, "\x1b[I", (struct key){KEYCODE_PAGE_UP, 0}); /* cons25 */
    tokens_learn(&t,
                 "\x1b"
                 "A",
                 (struct key){KEYCODE_UP, 0}); /* vt52 */
    tokens_learn(&t, "\x0b", (struct key){KEYCODE_UP, 0});
    tokens_learn(&t, "\x1bOw", (struct key){KEYCODE_END, 0});
    static const char IN[] = "\x1b[214z\x1b\x1b[214z\x1b[4l\x1b[I\x1b"
                             "A\x0b\x1bOw\x1b[A";
    tokens_feed(&t, IN, sizeof IN - 1);
    assert_string_equal(buf_cstr(&out), "Home Alt+Home Ctrl+Insert PgUp Up Ctrl+K End Up");
    tokens_free(&t);
    buf_free(&out);
}

static void check_sequence(const char *name, const char *want) {
    struct key k;
    char text[KEY_TEXT] = "";
    assert_true(key_read(name, &k));
    assert_int_equal(key_sequence(k, text), strlen(want));
    assert_string_equal(text, want);
}

static void test_usual_sequences(void **state) {
    (void)state;
    check_sequence("Home", "\x1b[H");
    check_sequence("Ctrl+Left", "\x1b[1;5D");
    check_sequence("Delete", "\x1b[3~");
    check_sequence("Ctrl+Delete", "\x1b[3;5~");
    check_sequence("Ctrl+Alt+Shift+Up", "\x1b[1;8A");
    check_sequence("F1", "");
    check_sequence("a", "");
}

static void test_unknown_sequences(void **state) {
    (void)state;
    check("\x1b[99~a", "none a");
    check("\x1b[?1;2c", "none");
    check("\x1b[1;2;3;4;5;6;7;8;9x", "none");
    check("\x1b[9999999999999999~", "none");
    check("\x1b[1\ra", "a"); /* broken off by a control */
    char flood[300] = "\x1b[";
    memset(flood + 2, '1', 200);
    struct tokens t;
    struct buf out;
    buf_init(&out, 1000);
    tokens_init(&t, note, &out);
    tokens_feed(&t, flood, 202);
    assert_true(t.len < SEQUENCE_MAX);
    tokens_free(&t);
    buf_free(&out);
}

/* What terminals answer to the questions of a program that has ended meanwhile. */
static void test_answers_are_swallowed(void **state) {
    (void)state;
    check("a\x1b]11;rgb:1e1e/1e1e/2e2e\x07z", "a z"); /* OSC to BEL, and to ST */
    check("\x1b]10;rgb:ffff/ffff/ffff\x1b\\z", "z");
    check("\x1b]4;1;rgb:cd/00/00\x1b\\\x1b]52;c;aGk=\x07z", "z");
    check("\x1bP>|XTerm(379)\x1b\\z", "z");               /* XTVERSION */
    check("\x1bP1+r524742=38\x1b\\z", "z");               /* XTGETTCAP */
    check("\x1bP1$r0m\x1b\\\x1bP!|00000000\x1b\\z", "z"); /* DECRQSS, DA3 */
    check("\x1b_Gi=31;OK\x1b\\z", "z");                   /* APC of kitty's graphics */
    check("\x1b^pm \x1bXsos\x1b\\z", "z");                /* PM broken off by SOS */
    check("\x1b[?2026;2$yz", "none z");                   /* DECRPM */
    check("\x1b[4;1$yz", "none z");
    check("\x1b[1 qz\x1b[24;80Rz", "none z none z"); /* intermediates, the cursor's place */
    check("\x1b[?62;22;28;29;42;52;53;54;55;56;57;58;59;60;61;62;63;64;65;66;67;68;69;70;71;72c"
          "z",
          "z");
    check("\x1b[1\x1b[A", "Up");
}

/* Without an end, or with Alt and nothing behind. */
static void test_strings_that_are_none(void **state) {
    (void)state;
    check("\x1b]", "Alt+]");
    check("\x1bP", "Alt+P");
    check("\x1b\x1b_", "Esc Alt+_");
    check("\x1b]11;rgb", "");
    check("\x1b]11;rgb\x1b", "Esc");
    check("\x1b]11;rgb\ra", "Enter a"); /* no terminal sends a control in it */
    check("\x1b]11;rgb\x1b[Aa", "Up a");
    struct tokens t;
    struct buf out;
    buf_init(&out, 100);
    tokens_init(&t, note, &out);
    tokens_feed(&t, "\x1b]1", 3); /* a link where the rest takes a while */
    assert_in_range(tokens_waiting(&t), 500, 5000);
    tokens_feed(&t, "\x07", 1);
    tokens_feed(&t, "\x1b[?1", 4);
    assert_in_range(tokens_waiting(&t), 500, 5000);
    tokens_feed(&t, "c", 1);
    assert_string_equal(buf_cstr(&out), "none");
    tokens_free(&t);
    buf_free(&out);
}

static void test_mouse_and_focus(void **state) {
    (void)state;
    check("\x1b[<0;5;7M\x1b[<0;5;7m\x1b[<64;1;1M", "mouse(0,4,6,1) mouse(0,4,6,0) mouse(64,0,0,1)");
    check("\x1b[I\x1b[O", "focus(1) focus(0)");
}

static void test_paste(void **state) {
    (void)state;
    check("a\x1b[200~one\rtwo\x1b[201~b", "a paste(one\rtwo) b");
    check("\x1b[200~\x1b[201~", "paste()");
    check("\x1b[200~x\x1b[201y\x1b[20\x1b[201~", "paste(x\x1b[201y\x1b[20)");
    check("\x1b[200~\x1b\x1b[201~", "paste(\x1b)");
    check("\x1b[200~never ended\x1b[20", "paste-cut(never ended\x1b[20)");
    check("\x1b[201~a", "a"); /* the end of one that was given up */
}

/* Lines that come at once were not typed; what comes key by key was. */
static void test_paste_without_brackets(void **state) {
    (void)state;
    static const char LINES[] = "a\tb\rc\r\rd", UNIX[] = "a\n\nb\nc", DOS[] = "a\r\nb\r\n";
    check_step(LINES, strlen(LINES), 1000, "paste(a\tb\rc\r\rd)");
    check_step(LINES, strlen(LINES), 1, "a Tab b Enter c Enter Enter d");
    check_step(UNIX, strlen(UNIX), 1000, "paste(a\n\nb\nc)");
    check_step(DOS, strlen(DOS), 1000, "a Enter Ctrl+J b Enter Ctrl+J"); /* two: typed ahead */
    check("ab\r", "a b Enter");
    check("\r\r\r", "Enter Enter Enter");
    static const char KEY_BEHIND[] = "\x1b[Aone\rtwo\r3\r\x1b[B";
    check_step(KEY_BEHIND, strlen(KEY_BEHIND), 1000, "Up paste(one\rtwo\r3\r) Down");
    static const char BRACKETED[] = "\x1b[200~a\rb\r\x1b[201~c\rd\re\rf";
    check_step(BRACKETED, strlen(BRACKETED), 1000, "paste(a\rb\r) paste(c\rd\re\rf)");
}

/* … of more bytes than one read() brings. */
static void test_paste_without_brackets_goes_on(void **state) {
    (void)state;
    struct tokens t;
    struct buf out;
    buf_init(&out, 100);
    tokens_init(&t, note, &out);
    tokens_feed(&t, "1\rone\rtwo\rth", 12);
    assert_in_range(tokens_waiting(&t), 20, 250);
    tokens_feed(&t, "ree\r", 4);
    assert_string_equal(buf_cstr(&out), "");
    tokens_timeout(&t);
    assert_string_equal(buf_cstr(&out), "paste(1\rone\rtwo\rthree\r)");
    tokens_feed(&t, "x\r", 2);
    assert_string_equal(buf_cstr(&out), "paste(1\rone\rtwo\rthree\r) x Enter");
    tokens_free(&t);
    buf_free(&out);
}

static size_t pasted;
static bool was_cut;

static void measure(const struct token *t, void *arg) {
    (void)arg;
    pasted = t->len;
    was_cut = t->cut;
}

static void test_paste_is_capped(void **state) {
    (void)state;
    struct tokens t;
    static char block[4096];
    memset(block, 'x', sizeof block);
    tokens_init(&t, measure, NULL);
    tokens_feed(&t, "\x1b[200~", 6);
    for (size_t i = 0; i < PASTE_MAX / sizeof block + 3; i++)
        tokens_feed(&t, block, sizeof block);
    tokens_feed(&t, "\x1b[201~", 6);
    assert_int_equal(pasted, PASTE_MAX);
    assert_true(was_cut);
    assert_int_equal(tokens_waiting(&t), 0);
    tokens_free(&t);
}

static void test_waiting(void **state) {
    (void)state;
    struct tokens t;
    struct buf out;
    buf_init(&out, 100);
    tokens_init(&t, note, &out);
    assert_int_equal(tokens_waiting(&t), 0);
    tokens_feed(&t, "\x1b", 1);
    assert_in_range(tokens_waiting(&t), 1, 100);
    tokens_feed(&t, "[200~", 5);
    assert_in_range(tokens_waiting(&t), 500, 5000);
    tokens_timeout(&t);
    assert_int_equal(tokens_waiting(&t), 0);
    tokens_free(&t);
    buf_free(&out);
}

static void test_names(void **state) {
    (void)state;
    static const char *const BOTH_WAYS[] = {"Ctrl+N",     "Alt+a", "Alt+1",         "Shift+Tab",
                                            "F1",         "PgUp",  "Ctrl+Alt+Left", "Alt+Enter",
                                            "Ctrl+Space", "x"};
    for (size_t i = 0; i < sizeof BOTH_WAYS / sizeof *BOTH_WAYS; i++) {
        struct key k;
        char text[KEY_TEXT];
        assert_true(key_read(BOTH_WAYS[i], &k));
        key_format(k, text);
        assert_string_equal(text, BOTH_WAYS[i]);
    }
    struct key k, same;
    assert_true(key_read("ctrl-n", &k) && key_read("Ctrl+N", &same) && key_eq(k, same));
    assert_true(key_read("alt-A", &k) && key_read("alt-a", &same) && !key_eq(k, same));
    static const char *const BAD[] = {"", "Ctrl", "Ctrl+", "F13", "Hyper+x", "Shift+a", "ab"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(key_read(BAD[i], &k));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_bad_bytes_are_no_keys),
        cmocka_unit_test(test_alt),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_modifiers),
        cmocka_unit_test(test_other_terminals),
        cmocka_unit_test(test_learned),
        cmocka_unit_test(test_usual_sequences),
        cmocka_unit_test(test_unknown_sequences),
        cmocka_unit_test(test_answers_are_swallowed),
        cmocka_unit_test(test_strings_that_are_none),
        cmocka_unit_test(test_mouse_and_focus),
        cmocka_unit_test(test_paste),
        cmocka_unit_test(test_paste_without_brackets),
        cmocka_unit_test(test_paste_without_brackets_goes_on),
        cmocka_unit_test(test_paste_is_capped),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
