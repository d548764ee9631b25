/* test_option - what each type of value takes, which source wins, and that every mistake
 * is refused with the place where it was made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/option/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    char *listen, *level;
    bool open;
    uint64_t port, frame, wait, secret_knob;
};

#define AT(field) offsetof(struct settings, field)

static const struct option_def OPTIONS[] = {
    {"listen", 'l', OPTION_STR, AT(listen), "127.0.0.1:8080", 0, 0, NULL, "HOST:PORT",
     "where to listen", "Network"},
    {"port", 'p', OPTION_NUM, AT(port), "8080", 1, 65535, NULL, NULL, "a port", NULL},
    {"secret-knob", 0, OPTION_NUM, AT(secret_knob), NULL, 0, 9, NULL, NULL, "", "Hidden"},
    {"max-frame", 0, OPTION_SIZE, AT(frame), "64k", 1024, 16 << 20, NULL, NULL, "a frame's bytes",
     "Limits"},
    {"wait", 'w', OPTION_DURATION, AT(wait), "10s", 500, 30 * 86400000ull, NULL, NULL,
     "how long to wait", NULL},
    {"log-level", 0, OPTION_CHOICE, AT(level), "info", 0, 0, "error|warn|info", NULL, "how much",
     "Other"},
    {"open-door", 'o', OPTION_BOOL, AT(open), NULL, 0, 0, NULL, NULL, "let everybody in", NULL},
    {.name = NULL}};

static const struct option_program PROGRAM = {.name = "chatd",
                                              .env = "TESTD_",
                                              .synopsis = "chatd [option ...]",
                                              .about = "About it.",
                                              .options = OPTIONS};

static const struct option_def *row(const char *name) {
    for (const struct option_def *d = OPTIONS; d->name; d++)
        if (!strcmp(d->name, name))
            return d;
    fail();
    return NULL;
}

/* --- a run of option_load, with what it printed --- */

struct run {
    enum option_outcome outcome;
    struct settings s;
    char out[8192], err[2048];
};

static char file_path[] = "/tmp/test_option_XXXXXX";

static int redirect(int fd, FILE *to) {
    int saved = dup(fd);
    assert_true(saved >= 0);
    dup2(fileno(to), fd);
    return saved;
}

static void restore(int fd, int saved, FILE *from, char *text, size_t size) {
    dup2(saved, fd);
    close(saved);
    rewind(from);
    text[fread(text, 1, size - 1, from)] = '\0';
    fclose(from);
}

/* `args` is split at spaces; %F in it stands for the config file. */
static void load(struct run *r, const struct option_program *p, const char *args) {
    char text[512], *argv[16] = {"chatd"}, *save = NULL;
    int argc = 1;
    snprintf(text, sizeof text, "%s", args);
    for (char *a = strtok_r(text, " ", &save); a; a = strtok_r(NULL, " ", &save))
        argv[argc++] = !strcmp(a, "%F") ? file_path : a;
    memset(r, 0, sizeof *r);
    FILE *out = tmpfile(), *err = tmpfile();
    fflush(stdout);
    int saved_out = redirect(STDOUT_FILENO, out), saved_err = redirect(STDERR_FILENO, err);
    r->outcome = option_load(p, argc, argv, &r->s, "1.2.3");
    fflush(stdout);
    restore(STDOUT_FILENO, saved_out, out, r->out, sizeof r->out);
    restore(STDERR_FILENO, saved_err, err, r->err, sizeof r->err);
}

static void write_file(const char *text, size_t len) {
    FILE *f = fopen(file_path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void assert_refused(const struct run *r, const char *message, const char *what) {
    if (r->outcome != OPTION_ERROR || !strstr(r->err, message))
        fail_msg("%s: expected an error with '%s', got outcome %d, '%s'", what, message,
                 (int)r->outcome, r->err);
    assert_memory_equal(r->err, "chatd: ", 7);
    assert_ptr_equal(strchr(r->err, '\n'), r->err + strlen(r->err) - 1); /* one line */
    assert_null(r->s.listen);                                            /* nothing stays behind */
}

/* --- values --- */

static void amounts(void **state) {
    (void)state;
    static const struct {
        const char *option, *text;
        bool ok;
        uint64_t value;
    } cases[] = {
        {"port", "1", true, 1},
        {"port", "65535", true, 65535},
        {"port", "007", true, 7},
        {"port", "0", false, 0},
        {"port", "70000", false, 0},
        {"port", "", false, 0},
        {"port", "-1", false, 0},
        {"port", "+1", false, 0},
        {"port", " 1", false, 0},
        {"port", "1 ", false, 0},
        {"port", "0x10", false, 0},
        {"port", "8k", false, 0},
        {"port", "18446744073709551617", false, 0}, /* 2^64 + 1 */
        {"port", "36893488147419103240", false, 0}, /* 2^65 + 8 */
        {"max-frame", "4096", true, 4096},
        {"max-frame", "64k", true, 65536},
        {"max-frame", "64K", true, 65536},
        {"max-frame", "16M", true, 16 << 20},
        {"max-frame", "16777217", false, 0},
        {"max-frame", "1G", false, 0},
        {"max-frame", "1023", false, 0},
        {"max-frame", "k", false, 0},
        {"max-frame", "1.5k", false, 0},
        {"max-frame", "4kb", false, 0},
        {"max-frame", "18014398509481985k", false, 0}, /* overflows to 1k */
        {"wait", "1", true, 1000},
        {"wait", "500ms", true, 500},
        {"wait", "10s", true, 10000},
        {"wait", "5m", true, 300000},
        {"wait", "2h", true, 7200000},
        {"wait", "30d", true, 2592000000},
        {"wait", "31d", false, 0},
        {"wait", "499ms", false, 0},
        {"wait", "1w", false, 0},
        {"wait", "10 s", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings s = {0};
        char why[128] = "";
        const struct option_def *d = row(cases[i].option);
        bool ok = option_set(d, &s, cases[i].text, why, sizeof why);
        uint64_t got = *(uint64_t *)(void *)((char *)&s + d->offset);
        if (ok != cases[i].ok || got != cases[i].value || ok == (*why != '\0'))
            fail_msg("%s '%s': %d, %llu, '%s'", cases[i].option, cases[i].text, ok,
                     (unsigned long long)got, why);
    }
}

static void words(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok, value;
    } bools[] = {{"yes", true, true}, {"no", true, false},    {"true", true, true},
                 {"on", true, true},  {"FALSE", true, false}, {"Off", true, false},
                 {"1", true, true},   {"0", true, false},     {"", false, false},
                 {"2", false, false}, {"yess", false, false}};
    char why[128];
    for (size_t i = 0; i < sizeof bools / sizeof *bools; i++) {
        struct settings s = {0};
        bool ok = option_set(row("open-door"), &s, bools[i].text, why, sizeof why);
        if (ok != bools[i].ok || s.open != bools[i].value)
            fail_msg("'%s'", bools[i].text);
    }
    static const char *const no_choices[] = {"", "inf", "infoo", "INFO", "error|warn", "|", "none"};
    struct settings s = {0};
    for (size_t i = 0; i < sizeof no_choices / sizeof *no_choices; i++)
        assert_false(option_set(row("log-level"), &s, no_choices[i], why, sizeof why));
    assert_string_equal(why, "expected one of error|warn|info");
    assert_true(option_set(row("log-level"), &s, "error", why, sizeof why));
    assert_true(option_set(row("log-level"), &s, "info", why, sizeof why)); /* frees the old one */
    assert_string_equal(s.level, "info");
    assert_true(option_set(row("listen"), &s, "", why, sizeof why));
    assert_string_equal(s.listen, "");
    option_free(&PROGRAM, &s);
    assert_null(s.level);
    option_free(&PROGRAM, &s);
}

static void why_it_was_refused(void **state) {
    (void)state;
    static const struct {
        const char *option, *why;
    } cases[] = {
        {"port", "expected a number from 1 to 65535"},
        {"max-frame", "expected a size such as 4096, 64k or 16M, from 1k to 16M"},
        {"wait", "expected a time such as 500ms, 10s or 5m, from 500ms to 30d"},
        {"open-door", "expected yes or no"},
    };
    struct settings s = {0};
    char why[128];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_false(option_set(row(cases[i].option), &s, "?", why, sizeof why));
        assert_string_equal(why, cases[i].why);
    }
    assert_false(option_set(row("port"), &s, "?", why, 9));
    assert_string_equal(why, "expected");
}

/* --- sources --- */

static void defaults(void **state) {
    (void)state;
    struct run r;
    load(&r, &PROGRAM, "");
    assert_int_equal(r.outcome, OPTION_RUN);
    assert_string_equal(r.s.listen, "127.0.0.1:8080");
    assert_string_equal(r.s.level, "info");
    assert_int_equal(r.s.port, 8080);
    assert_int_equal(r.s.frame, 65536);
    assert_int_equal(r.s.wait, 10000);
    assert_false(r.s.open);
    option_free(&PROGRAM, &r.s);
}

/* Each source sets one option more than the one that beats it. */
static void precedence(void **state) {
    (void)state;
    static const char text[] = "listen = file\nlog-level = warn\nport = 3\n";
    struct run r;
    write_file(text, strlen(text));
    setenv("TESTD_LISTEN", "env", 1);
    setenv("TESTD_LOG_LEVEL", "error", 1);
    setenv("TESTD_MAX_FRAME", "", 1); /* empty: as if unset */
    load(&r, &PROGRAM, "--config %F --listen first --listen flag");
    assert_int_equal(r.outcome, OPTION_RUN);
    assert_string_equal(r.s.listen, "flag");
    assert_string_equal(r.s.level, "error");
    assert_int_equal(r.s.port, 3);
    assert_int_equal(r.s.frame, 65536);
    option_free(&PROGRAM, &r.s);

    setenv("TESTD_CONFIG", file_path, 1);
    unsetenv("TESTD_LISTEN");
    load(&r, &PROGRAM, "");
    assert_string_equal(r.s.listen, "file");
    option_free(&PROGRAM, &r.s);
    load(&r, &PROGRAM, "--config /nonexistent/x");
    assert_refused(&r, "chatd: /nonexistent/x: No such file", "the flag's file wins");

    setenv("TESTD_PORT", "70000", 1);
    load(&r, &PROGRAM, "");
    assert_refused(&r, "chatd: TESTD_PORT: expected a number", "environment");
    unsetenv("TESTD_PORT");
    unsetenv("TESTD_CONFIG");
    unsetenv("TESTD_LOG_LEVEL");
    unsetenv("TESTD_MAX_FRAME");
}

static void default_files(void **state) {
    (void)state;
    struct option_program p = PROGRAM;
    struct run r;
    const char *files[] = {"/nonexistent/file", file_path, NULL, NULL};
    p.default_files = files;
    write_file("port = 4", 8);
    load(&r, &p, "");
    assert_int_equal(r.s.port, 4);
    option_free(&p, &r.s);
    write_file("port = x", 8);
    load(&r, &p, "");
    assert_refused(&r, ":1: port: expected", "a default file counts when it is there");
    files[1] = NULL;
    load(&r, &p, "");
    assert_int_equal(r.outcome, OPTION_RUN);
    option_free(&p, &r.s);
}

/* What the later file does not say is taken from the earlier one. */
static void default_files_are_laid_over_each_other(void **state) {
    (void)state;
    char first[] = "/tmp/test_option_XXXXXX";
    const char *files[] = {first, file_path, NULL};
    struct option_program p = PROGRAM;
    struct run r;
    int fd = mkstemp(first);
    assert_true(fd >= 0 && write(fd, "port = 3\nwait = 7s\n", 19) == 19);
    close(fd);
    p.default_files = files;
    write_file("port = 4\nlisten = x", 19);
    load(&r, &p, "");
    assert_int_equal(r.s.port, 4);
    assert_int_equal(r.s.wait, 7000);
    assert_string_equal(r.s.listen, "x");
    option_free(&p, &r.s);
    load(&r, &p, "--config %F");
    assert_int_equal(r.s.wait, 10000); /* a named file is the only one */
    option_free(&p, &r.s);
    unlink(first);
}

/* --- flags --- */

static void flags(void **state) {
    (void)state;
    static const struct {
        const char *args, *listen;
        uint64_t port;
        bool open;
    } cases[] = {
        {"--listen=a:1 --port 2", "a:1", 2, false},
        {"-l b -p 3 -o", "b", 3, true},
        {"--open-door --listen --port", "--port", 8080, true},
        {"-o --no-open-door", "127.0.0.1:8080", 8080, false},
        {"--open-door=yes", "127.0.0.1:8080", 8080, true},
        {"-o --open-door=off", "127.0.0.1:8080", 8080, false},
        {"--listen=", "", 8080, false},
        {"--listen=a=b", "a=b", 8080, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        load(&r, &PROGRAM, cases[i].args);
        if (r.outcome != OPTION_RUN || strcmp(r.s.listen, cases[i].listen) ||
            r.s.port != cases[i].port || r.s.open != cases[i].open)
            fail_msg("%s: %s", cases[i].args, r.err);
        assert_string_equal(r.err, "");
        option_free(&PROGRAM, &r.s);
    }
}

static void wrong_flags(void **state) {
    (void)state;
    static const struct {
        const char *args, *message;
    } cases[] = {
        {"--port 0", "chatd: --port: expected a number from 1 to 65535"},
        {"-p 70000", "chatd: -p: expected a number"},
        {"--port", "chatd: --port needs a value"},
        {"--config", "chatd: --config needs a value"},
        {"--open-door yes", "chatd: unexpected argument 'yes'"},
        {"positional", "chatd: unexpected argument 'positional'"},
        {"-", "unexpected argument '-'"},
        {"--", "unknown option --"},
        {"--lsten x", "unknown option --lsten; did you mean --listen?"},
        {"--log-levle=info", "unknown option --log-levle; did you mean --log-level?"},
        {"--hlep", "did you mean --help?"},
        {"--secret-knobb 3", "unknown option --secret-knobb (chatd"}, /* hidden: not suggested */
        {"--zzzzzzzz", "unknown option --zzzzzzzz (chatd"},
        {"--liste", "did you mean --listen?"}, /* no abbreviations */
        {"--no-listen", "unknown option --no-listen"},
        {"--no-help", "unknown option --no-help"},
        {"--no-open-door=yes", "--no-open-door takes no value"},
        {"-x", "unknown option -x"},
        {"-p3", "unknown option -p3"},
        {"--open-door=maybe", "--open-door: expected yes or no"},
        {"--config /", "chatd: /: Is a directory"},
        {"--config /dev/zero", "chatd: /dev/zero: not a text file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        load(&r, &PROGRAM, cases[i].args);
        assert_refused(&r, cases[i].message, cases[i].args);
    }
    struct run r;
    char longest[300];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "--", 2);
    longest[sizeof longest - 1] = '\0';
    load(&r, &PROGRAM, longest);
    assert_refused(&r, "unknown option --xxx", "a long flag");
}

/* --- file --- */

static void good_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *listen;
        uint64_t port;
    } cases[] = {
        {"", "127.0.0.1:8080", 8080},
        {"\n# a comment\n  // another * { \"\nport=5 # and here\n", "127.0.0.1:8080", 5},
        {"listen = 'a b' port = \"6\"", "a b", 6},
        {"listen = redis://127.0.0.1:6379/0\r\nport = 7\r\n", "redis://127.0.0.1:6379/0", 7},
        {"listen = 'unix:///run/x.sock?db=2'", "unix:///run/x.sock?db=2", 8080},
        {"listen = [::1]:80", "[::1]:80", 8080},
        {"listen = \"*:80\"", "*:80", 8080},
        {"listen = \"u:p\\\"#+w@h\"", "u:p\"#+w@h", 8080},
        {"listen = 'a${HOME}\\'b'", "a${HOME}'b", 8080},
        {"listen = \"${TESTD_X}/y\"", "/x/y", 8080},
        {"port = 1\nport = 2", "127.0.0.1:8080", 2},
        {"log-level = 'warn'\nmax-frame = 1M\nwait = 1d\nopen-door = on", "127.0.0.1:8080", 8080},
        {"listen = \"\"", "", 8080},
    };
    setenv("TESTD_X", "/x", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        write_file(cases[i].text, strlen(cases[i].text));
        load(&r, &PROGRAM, "--config %F");
        if (r.outcome != OPTION_RUN || strcmp(r.s.listen, cases[i].listen) ||
            r.s.port != cases[i].port)
            fail_msg("<%s>: %s", cases[i].text, r.err);
        option_free(&PROGRAM, &r.s);
    }
}

static void wrong_files(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *message;
    } cases[] = {
        {"port = 70000", 1, "port: expected a number from 1 to 65535"},
        {"# one\n\n// three\nport = 0\n", 4, "port: expected a number"},
        {"port = 5\n\nlisen = x\nport = 6", 3, "'lisen'"},
        {"log_level = info", 1, "'log_level'"},
        {"config = x", 1, "'config'"},
        {"port =", 1, ""},
        {"port", 1, ""},
        {"port 5", 1, ""},
        {"a\nport = 1", 1, "'a'"},
        {"= 5", 1, ""},
        {"\nlisten = unix:///run/x?db=2", 2, ""}, /* the second = must be quoted */
        {"port = 5\nlisten = *:80", 2, "'*' must stand in quotes"},
        {"listen = a#b", 1, "'#' must stand in quotes"},
        {"port = 5 /* c\n */ listen = x", 1, "'*' must stand in quotes"},
        {"listen = redis://:p+w@h", 1, "'+' must stand in quotes"},
        {"port = {1}", 1, "'{' must stand in quotes"},
        {"server {\nport = 1\n", 1, "'{' must stand in quotes"},
        {"port = 5\n}", 2, "'}' must stand in quotes"},
        {"include(\"/etc/passwd\")", 1, "'(' must stand in quotes"},
        {"port = 5\nlisten = \"abc\nport = 6", 2, "a quote is opened and not closed"},
        {"listen = 'abc", 1, "a quote is opened and not closed"},
        {"listen = abc\"", 1, "a quote is opened and not closed"},
        {"listen = \"abc\\", 1, "a quote is opened and not closed"},
        {"listen = \"a\\\nb\"", 1, "a quote is opened and not closed"},
        {"listen = \"\\400\"", 1, ""},
        {"\xef\xbb\xbfport = 5", 1, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        char place[128];
        write_file(cases[i].text, strlen(cases[i].text));
        load(&r, &PROGRAM, "--config %F");
        snprintf(place, sizeof place, "chatd: %s:%d: ", file_path, cases[i].line);
        assert_refused(&r, place, cases[i].text);
        assert_refused(&r, cases[i].message, cases[i].text);
        write_file("port = 9", 8); /* the lexer has forgotten what went wrong */
        load(&r, &PROGRAM, "--config %F");
        assert_int_equal(r.s.port, 9);
        option_free(&PROGRAM, &r.s);
    }
    struct run r;
    write_file("port = 5\0port = x", 17);
    load(&r, &PROGRAM, "--config %F");
    assert_refused(&r, "not a text file", "NUL");
}

/* A password in a refused value must not come back in the message. */
static void values_are_not_repeated(void **state) {
    (void)state;
    struct run r;
    write_file("port = hunter2", 14);
    load(&r, &PROGRAM, "--config %F");
    assert_null(strstr(r.err, "hunter2"));
    load(&r, &PROGRAM, "--port=hunter2");
    assert_int_equal(r.outcome, OPTION_ERROR);
    assert_null(strstr(r.err, "hunter2"));
}

/* --- help and listing --- */

static void help(void **state) {
    (void)state;
    static const char expected[] = "usage: chatd [option ...]\n"
                                   "\n"
                                   "About it.\n"
                                   "\n"
                                   "Network:\n"
                                   "  -l, --listen HOST:PORT  where to listen [127.0.0.1:8080]\n"
                                   "  -p, --port N            a port [8080]\n"
                                   "\n"
                                   "Limits:\n"
                                   "      --max-frame SIZE    a frame's bytes [64k]\n"
                                   "  -w, --wait TIME         how long to wait [10s]\n"
                                   "\n"
                                   "Other:\n"
                                   "      --log-level error|warn|info\n"
                                   "                          how much [info]\n"
                                   "  -o, --[no-]open-door    let everybody in\n"
                                   "\n"
                                   "General:\n"
                                   "      --config FILE       read settings from FILE\n"
                                   "  -h, --help              print this and exit\n"
                                   "      --version           print the version and exit\n"
                                   "\n";
    struct run r;
    load(&r, &PROGRAM, "--help");
    assert_int_equal(r.outcome, OPTION_EXIT);
    r.out[sizeof expected - 1] = '\0';
    assert_string_equal(r.out, expected);
    load(&r, &PROGRAM, "-p 5 -h --bogus");
    assert_int_equal(r.outcome, OPTION_EXIT);
    load(&r, &PROGRAM, "--config /nonexistent --version");
    assert_int_equal(r.outcome, OPTION_EXIT);
    assert_string_equal(r.out, "chatd 1.2.3\n");
    assert_string_equal(r.err, "");
}

static void listing(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    option_list(&PROGRAM, &b);
    assert_string_equal(buf_cstr(&b), "listen\tl\tstr\tHOST:PORT\t127.0.0.1:8080\twhere to listen\n"
                                      "port\tp\tnum\tN\t8080\ta port\n"
                                      "secret-knob\t\tnum\tN\t\t\n"
                                      "max-frame\t\tsize\tSIZE\t64k\ta frame's bytes\n"
                                      "wait\tw\tduration\tTIME\t10s\thow long to wait\n"
                                      "log-level\t\tchoice\terror|warn|info\tinfo\thow much\n"
                                      "open-door\to\tbool\t\t\tlet everybody in\n"
                                      "config\t\tstr\tFILE\t\tread settings from FILE\n"
                                      "help\th\tbool\t\t\tprint this and exit\n"
                                      "version\t\tbool\t\t\tprint the version and exit\n");
    buf_free(&b);
}

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(file_path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts),
        cmocka_unit_test(words),
        cmocka_unit_test(defaults),
        cmocka_unit_test(why_it_was_refused),
        cmocka_unit_test(precedence),
        cmocka_unit_test(default_files),
        cmocka_unit_test(default_files_are_laid_over_each_other),
        cmocka_unit_test(flags),
        cmocka_unit_test(wrong_flags),
        cmocka_unit_test(good_files),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(help),
        cmocka_unit_test(values_are_not_repeated),
        cmocka_unit_test(listing),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
