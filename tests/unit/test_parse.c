/* test_parse - chatctl's command lines by its own table: globals anywhere, options of a command
 * behind its verb, values of each kind, and what is said about what is wrong. (The program's side
 * is in test_ctl_cli.py.) */
#include "chatctl/table/commands.h"
#include "chatctl/table/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1714564800000) /* 2024-05-01T12:00:00Z */

/* Splits `text` at spaces and feeds it; true: all well. The line must be freed. */
static bool parse(struct command_line *l, char *text) {
    char *words[32];
    size_t n = 0;
    for (char *w = strtok(text, " "); w && n < 32; w = strtok(NULL, " "))
        words[n++] = w;
    assert_true(parse_init(l, n));
    for (size_t i = 0; i < n; i++)
        if (!parse_feed(l, words[i]))
            return false;
    return parse_finish(l, NOW);
}

static void check_ok(const char *text, const char *verb, size_t nargs) {
    struct command_line l;
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    if (!parse(&l, copy))
        fail_msg("%s: %s", text, l.why);
    if (verb)
        assert_string_equal(l.command->verb, verb);
    else
        assert_null(l.command);
    assert_int_equal(l.nargs, nargs);
    parse_free(&l);
}

static void check_wrong(const char *text, const char *why) {
    struct command_line l;
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    if (parse(&l, copy))
        fail_msg("%s was taken", text);
    if (!strstr(l.why, why))
        fail_msg("%s: '%s' lacks '%s'", text, l.why, why);
    parse_free(&l);
}

static void test_lines(void **state) {
    (void)state;
    check_ok("", NULL, 0);
    check_ok("stats", "stats", 0);
    check_ok("user list --online --limit 3", "list", 0);
    check_ok("-j user -q list --dry-run", "list", 0);
    check_ok("user show alice", "show", 1);
    check_ok("user show -- --help", "show", 1);
    check_ok("user show -", "show", 1);
    check_ok("session revoke alice a b c d", "revoke", 5);
    check_ok("user --help", NULL, 0);
    check_ok("user show --help", "show", 0);
}

static void test_wrong_lines(void **state) {
    (void)state;
    check_wrong("user", "user what?");
    check_wrong("uesr list", "did you mean 'user'");
    check_wrong("user shwo", "did you mean 'user show'");
    check_wrong("user list a", "unexpected argument 'a'");
    check_wrong("user rename a", "NAME is missing");
    check_wrong("user rename", "USER is missing");
    check_wrong("user list --limt 3", "did you mean --limit");
    check_wrong("user list --limit", "needs a value");
    check_wrong("user list --limit x", "expected a number");
    check_wrong("user list --online=1", "takes no value");
    check_wrong("user show alice --online", "unknown option --online");
    check_wrong("--limit 3 user list", "goes behind its name");
    check_wrong("user list -x", "unknown option -x");
}

static void test_globals(void **state) {
    (void)state;
    struct command_line l;
    char text[] =
        "--redis unix:///r -p x: user list -yq --format=tsv --timeout 3s --no-color --dry-run";
    assert_true(parse(&l, text));
    assert_string_equal(l.redis, "unix:///r");
    assert_string_equal(l.prefix, "x:");
    assert_string_equal(l.format, "tsv");
    assert_string_equal(l.timeout, "3s");
    assert_true(l.yes && l.quiet && l.no_color && l.dry_run && !l.json && !l.help);
    parse_free(&l);
}

static void check_value(enum value kind, const char *text, bool good, int64_t want) {
    struct opt o = {.name = "x", .value = kind, .choices = "red|green"};
    char why[WHY_MAX];
    int64_t got = -1;
    if (parse_value(&o, text, NOW, &got, why) != good)
        fail_msg("'%s' was %s", text, good ? "refused" : "taken");
    if (good && got != want)
        fail_msg("'%s' gave %lld", text, (long long)got);
}

static void test_values(void **state) {
    (void)state;
    check_value(VALUE_NUMBER, "0", true, 0);
    check_value(VALUE_NUMBER, "1000000000000000", true, 1000000000000000);
    check_value(VALUE_DURATION, "90s", true, 90000);
    check_value(VALUE_DURATION, "90", false, 0);
    check_value(VALUE_DURATION, "0", true, 0);
    check_value(VALUE_DATE, "2026", false, 0);
    check_value(VALUE_DURATION, "250ms", true, 250);
    check_value(VALUE_DURATION, "4w", true, INT64_C(4) * 7 * 86400000);
    check_value(VALUE_DATE, "2024-05-01", true, INT64_C(1714521600000));
    check_value(VALUE_DATE, "2024-05-01T12:00Z", true, NOW);
    check_value(VALUE_DATE, "2024-05-01T12:00:00.250Z", true, NOW + 250);
    check_value(VALUE_DATE, "2024-05-01T12:00:00.25", true, NOW + 250);
    check_value(VALUE_DATE, "2024-02-29", true, INT64_C(1709164800000));
    check_value(VALUE_DATE, "1d", true, NOW - 86400000);
    check_value(VALUE_CHOICE, "green", true, 0);
    static const struct {
        enum value kind;
        const char *text;
    } BAD[] = {{VALUE_NUMBER, ""},
               {VALUE_NUMBER, "-1"},
               {VALUE_NUMBER, "1 "},
               {VALUE_NUMBER, "1000000000000001"},
               {VALUE_DURATION, "h"},
               {VALUE_DURATION, "1y"},
               {VALUE_DURATION, "1000000000000000w"},
               {VALUE_DATE, "2024-02-30"},
               {VALUE_DATE, "2024-13-01"},
               {VALUE_DATE, "yesterday"},
               {VALUE_DATE, "2024-05-01x"},
               {VALUE_DATE, ""},
               {VALUE_CHOICE, "gre"},
               {VALUE_CHOICE, ""},
               {VALUE_FILE, ""}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        check_value(BAD[i].kind, BAD[i].text, false, 0);
}

/* Every row of the table is usable: a name, a help, options that don't hide global ones. */
static void test_table(void **state) {
    (void)state;
    const struct command *c;
    size_t n = 0;
    for (; (c = commands_at(n)); n++) {
        assert_non_null(c->run);
        assert_true(c->help && *c->help && strlen(c->help) < 80);
        for (const struct opt *o = c->opts; o && o->name; o++) {
            assert_true(o->help && *o->help);
            assert_true((o->value == VALUE_CHOICE) == (o->choices != NULL));
            assert_true(o->value == VALUE_NONE || o->arg || o->choices);
            for (const struct opt *g = GLOBAL_OPTS; g->name; g++)
                if (strcmp(g->name, o->name) == 0 || (o->letter && g->letter == o->letter))
                    fail_msg("%s: --%s hides the global --%s", c->verb, o->name, g->name);
        }
        for (const struct param *p = c->params; p && p->name; p++)
            assert_true(!p->many || !p[1].name);
    }
    assert_true(n > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_globals), cmocka_unit_test(test_values),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
