/* test_tui_theme - looks in words, themes from files with errors that say where, colours that a
 * terminal does not have. */
#include "chattui/model/theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void check(const char *text, int fg, int bg, int attrs) {
    struct look look;
    assert_true(theme_read_look(text, &look));
    assert_int_equal(look.fg, fg);
    assert_int_equal(look.bg, bg);
    assert_int_equal(look.attrs, attrs);
}

static void test_looks(void **state) {
    (void)state;
    check("", -1, -1, 0);
    check("bold red on 236", 1, 236, LOOK_BOLD);
    check("white underline reverse", 7, -1, LOOK_UNDERLINE | LOOK_REVERSE);
    check("default on default, dim italic", -1, -1, LOOK_DIM | LOOK_ITALIC);
    static const char *const BAD[] = {"256", "-1", "pink", "1x", "bolder"};
    struct look look;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(theme_read_look(BAD[i], &look));
}

/* Every built-in look can be read, and fits its terminal. */
static void test_built_in(void **state) {
    (void)state;
    static const char *const LOOKS[] = {
#define X(sym, name, dark, light, plain) dark, light, plain,
        STYLE_TABLE(X)
#undef X
    };
    struct look look;
    for (size_t i = 0; i < sizeof LOOKS / sizeof *LOOKS; i++) {
        assert_true(theme_read_look(LOOKS[i], &look));
        assert_true(i % 3 != 2 || (look.fg < 8 && look.bg < 8));
    }
    struct theme t = {0};
    theme_fit(&t, 0);
    for (size_t i = 0; i < STYLES; i++)
        assert_true(t.looks[i].fg == -1 && t.looks[i].bg == -1);
    assert_true(t.looks[STYLE_CHANNEL_MENTION].attrs != t.looks[STYLE_CHANNEL_MESSAGE].attrs);
}

/* The relative luminance (as WCAG 2, with a gamma of 2) of a colour of xterm's cube or its greys.
 */
static double luminance(int color) {
    static const double LEVELS[] = {0, 95 / 255.0, 135 / 255.0, 175 / 255.0, 215 / 255.0, 1};
    static const double SHARES[] = {0.2126, 0.7152, 0.0722};
    int cube = color - 16, parts[] = {cube / 36, cube / 6 % 6, cube % 6};
    double sum = 0;
    assert_true(color >= 16); /* what the lower ones look like is the user's */
    for (size_t i = 0; i < 3; i++) {
        double v = color >= 232 ? (8 + 10 * (color - 232)) / 255.0 : LEVELS[parts[i]];
        sum += SHARES[i] * v * v;
    }
    return sum;
}

static double contrast(int fg, int bg) {
    double a = luminance(fg) + 0.05, b = luminance(bg) + 0.05;
    return a > b ? a / b : b / a;
}

/* On its background, and, should that be taken for the other, still there. */
static void check_readable(bool light) {
    struct theme t = {.light = light};
    theme_fit(&t, 256);
    for (size_t i = 0; i < STYLES; i++) {
        const struct look *look = &t.looks[i];
        int white = 231, black = 16, bg = look->bg >= 0 ? look->bg : light ? white : black;
        if (look->fg < 0 || i == STYLE_BORDER)
            continue;
        assert_true(contrast(look->fg, bg) >= 3.5);
        assert_true(look->bg >= 0 || contrast(look->fg, light ? black : white) >= 1.2);
    }
}

static void test_readable(void **state) {
    (void)state;
    check_readable(false);
    check_readable(true);
}

static void test_background(void **state) {
    (void)state;
    assert_true(theme_is_light("light", NULL) && theme_is_light("light", "15;0"));
    assert_true(!theme_is_light("dark", "0;15") && !theme_is_light("auto", NULL));
    assert_true(theme_is_light("auto", "0;15") && theme_is_light("auto", "0;default;7"));
    assert_false(theme_is_light("auto", "15;0") || theme_is_light("auto", "7") ||
                 theme_is_light("auto", "15;default"));
}

static void test_set(void **state) {
    (void)state;
    struct theme t = {0};
    char why[200];
    assert_true(theme_set(&t, "time", "bold 200", why, sizeof why));
    theme_fit(&t, 256);
    assert_int_equal(t.looks[STYLE_TIME].fg, 200);
    theme_fit(&t, 8); /* there is no such colour: the attributes stay */
    assert_int_equal(t.looks[STYLE_TIME].fg, -1);
    assert_int_equal(t.looks[STYLE_TIME].attrs, LOOK_BOLD);
    assert_false(theme_set(&t, "tme", "bold", why, sizeof why));
    assert_non_null(strstr(why, "\"tme\""));
    assert_false(theme_set(&t, "time", "bald", why, sizeof why));
    assert_non_null(strstr(why, "\"bald\""));
}

static void test_file(void **state) {
    (void)state;
    char path[] = "/tmp/theme-XXXXXX", why[400], want[100];
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    fputs("# mine\n\n  time = bold red # always\nday=5\nnick-0 = puce\n", f);
    fclose(f);
    struct theme t = {0};
    assert_false(theme_read(&t, path, why, sizeof why));
    snprintf(want, sizeof want, "%s:5: \"puce\"", path);
    assert_memory_equal(why, want, strlen(want));
    theme_fit(&t, 8);
    assert_int_equal(t.looks[STYLE_TIME].fg, 1);
    assert_int_equal(t.looks[STYLE_DAY].fg, 5);
    unlink(path);
    assert_false(theme_read(&t, path, why, sizeof why));
    assert_non_null(strstr(why, path));
}

static void test_nicks(void **state) {
    (void)state;
    unsigned seen = 0, count = 0;
    assert_int_equal(theme_nick("alice", 5), theme_nick("alice", 5));
    for (int i = 0; i < 200; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "user%d", i);
        int style = (int)theme_nick(name, (size_t)n);
        assert_in_range(style, STYLE_NICK0, STYLE_NICK11);
        seen |= 1u << (style - STYLE_NICK0);
    }
    for (; seen; seen &= seen - 1)
        count++;
    assert_int_equal(count, THEME_NICKS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks),    cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_readable), cmocka_unit_test(test_background),
        cmocka_unit_test(test_set),      cmocka_unit_test(test_file),
        cmocka_unit_test(test_nicks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
