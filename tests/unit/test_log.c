/* test_log - the form of a line, that it leaves in one write(2), and that foreign text
 * can't forge another one. stderr is a datagram socket here, so one read gives what one write gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static int ends[2], saved_stderr;

static int open_stderr(void **state) {
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    if (saved_stderr < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
        return -1;
    log_set_level(LOG_INFO);
    return dup2(ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int close_stderr(void **state) {
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    return close(saved_stderr) || close(ends[0]) || close(ends[1]);
}

/* What the next write wrote; "" when there was none. */
static const char *next_line(void) {
    static char line[16384];
    ssize_t n = recv(ends[0], line, sizeof line - 1, MSG_DONTWAIT);
    line[n < 0 ? 0 : n] = '\0';
    return line;
}

static void assert_matches(const char *line, const char *pattern) {
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int r = regexec(&re, line, 0, NULL, 0);
    regfree(&re);
    if (r)
        fail_msg("'%s' does not match '%s'", line, pattern);
}

#define TS "^ts=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z "

static void lines(void **state) {
    (void)state;
    log_error("it_broke", "code=%d name=%s", 7, "x");
    assert_matches(next_line(), TS "level=error event=it_broke code=7 name=x\n$");
    log_warn("odd", "n=%d", 1);
    assert_matches(next_line(), TS "level=warn event=odd n=1\n$");
    log_info("listening", "addr=%s", "127.0.0.1:8080");
    assert_matches(next_line(), TS "level=info event=listening addr=127.0.0.1:8080\n$");
    assert_string_equal(next_line(), "");
}

static void errno_stays(void **state) {
    (void)state;
    close(STDERR_FILENO);
    errno = EPIPE;
    log_error("e", "k=%d", 1); /* EBADF */
    assert_int_equal(errno, EPIPE);
}

static void levels(void **state) {
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < 4; i++) {
        enum log_level level = LOG_DEBUG;
        assert_true(log_level_parse(names[i], &level));
        assert_int_equal(level, i);
        log_set_level(level);
        for (enum log_level at = LOG_ERROR; at <= LOG_DEBUG; at++) {
            assert_int_equal(log_on(at), at <= level);
            log_write(at, "e", "k=%d", 1);
            assert_int_equal(*next_line() != '\0', at <= level);
        }
    }
    enum log_level level = LOG_WARN;
    static const char *const wrong[] = {"", "INFO", "inf", "information"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(log_level_parse(wrong[i], &level));
    assert_int_equal(level, LOG_WARN);
}

/* A caller that forgets log_quote still makes one line of plain text. */
static void no_forgery(void **state) {
    (void)state;
    log_info("e", "name=%s", "x\nts=1 level=info\r\x1b[2J\x7f\xc2\x9b\xe2\x80\xae");
    assert_matches(next_line(), TS "level=info event=e name=x\\?ts=1 level=info\\?\\?\\[2J\\?+\n$");
    assert_string_equal(next_line(), "");
}

static void long_lines(void **state) {
    (void)state;
    char text[4096];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    log_info("e", "plain=%s", text);
    const char *line = next_line();
    assert_in_range(strlen(line), 2000, 2048);
    assert_matches(line, "a cut=true\n$");

    log_info("e", "quoted=\"%s\"", text);
    assert_matches(next_line(), "a\" cut=true\n$");

    memset(text, '\\', sizeof text - 1); /* the cut falls between or within pairs */
    for (int i = 0; i < 2; i++) {
        log_info("e", "quoted=\"%s%s\"", i ? "x" : "", text);
        line = next_line();
        assert_in_range(strlen(line), 2000, 2048);
        assert_matches(line, "[x\"](\\\\\\\\)+\" cut=true\n$");
    }

    /* every length around the cap */
    memset(text, 'b', sizeof text - 1);
    for (size_t len = 1900; len < 2100; len++) {
        text[len] = '\0';
        log_info("e", "k=%s", text);
        line = next_line();
        size_t n = strlen(line);
        assert_true(n <= 2048 && line[n - 1] == '\n');
        assert_true(strstr(line, " cut=true\n") || strstr(line, text));
        text[len] = 'b';
    }
}

/* The same line as an object; its values are read back in tests/integration. */
static void as_json(void **state) {
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"n=7 m=-7 k=x", "\"n\":7,\"m\":-7,\"k\":\"x\""},
        {"id=0123 big=1234567890123456 e=1e5 d=-", "\"id\":\"0123\",\"big\":\"1234567890123456\","
                                                   "\"e\":\"1e5\",\"d\":\"-\""},
        {"k=\"a b=c\" done", "\"k\":\"a b=c\",\"done\":true"},
        {"k=\"q\\\"b\\\\\"", "\"k\":\"q\\\"b\\\\\""},
        {"k=\"\\u{a}\\u{202e}\\u{1f600}\"", "\"k\":\"\\u000a\\u202e\\ud83d\\ude00\""},
        {"k=\"\\xff\\q\"", "\"k\":\"\\\\xff\\\\q\""},
        {"k=\"open", "\"k\":\"open\""},
        {"k=\"open\\", "\"k\":\"open\\\\\""},
        {"k=\"\\u{ffffffffff}\"", "\"k\":\"\\ufffd\""},
        {"k= =x a=b\"c\\", "\"k\":\"\",\"x\":true,\"a\":\"b\\\"c\\\\\""},
    };
    log_set_format(LOG_JSON);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        log_info("e", "%s", cases[i].text);
        const char *line = next_line(), *tail = strstr(line, "\"event\":\"e\",");
        assert_non_null(tail);
        assert_matches(line, "^\\{\"ts\":\"20[^\"]+\",\"level\":\"info\",");
        char expected[256];
        snprintf(expected, sizeof expected, "\"event\":\"e\",%s}\n", cases[i].json);
        assert_string_equal(tail, expected);
    }
    char text[4096]; /* the most that a line can grow to */
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = i % 2 ? ' ' : 'k';
    text[sizeof text - 1] = '\0';
    log_info("e", "%s", text);
    assert_matches(next_line(), "\"k\":true,\"cut\":true}\n$");
    log_set_format(LOG_LOGFMT);
}

static void to_the_journal(void **state) {
    (void)state;
    struct stat st;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_find_journal();
    log_error("e", "k=%d", 1);
    assert_matches(next_line(), "^<3>ts=.* level=error event=e k=1\n$");
    log_warn("e", "k=%d", 1);
    assert_matches(next_line(), "^<4>ts=");
    log_info("e", "k=%d", 1);
    assert_matches(next_line(), "^<6>ts=");
    setenv("JOURNAL_STREAM", "1:1", 1); /* inherited: stderr is something else */
    log_find_journal();
    log_error("e", "k=%d", 1);
    assert_matches(next_line(), TS);
    unsetenv("JOURNAL_STREAM");
    log_find_journal();
}

static void quoting(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *quoted;
    } cases[] = {
        {"", 0, "\"\""},
        {"al", 2, "\"al\""},
        {"a b=c", 5, "\"a b=c\""},
        {"a\"b\\", 4, "\"a\\\"b\\\\\""},
        {"a\n\t\0b", 5, "\"a\\u{a}\\u{9}\\u{0}b\""},
        {"\x1b[2J\x7f", 5, "\"\\u{1b}[2J\\u{7f}\""},
        {"\xc2\x9b", 2, "\"\\u{9b}\""},
        {"\xc3\xa9", 2, "\"\\u{e9}\""},
        {"\xe2\x80\xae", 3, "\"\\u{202e}\""},
        {"\xf0\x9f\x98\x80", 4, "\"\\u{1f600}\""},
        {"\xf4\x8f\xbf\xbf", 4, "\"\\u{10ffff}\""},
        /* not UTF-8: a byte each */
        {"\xff"
         "a",
         2, "\"\\xffa\""},
        {"\x80", 1, "\"\\x80\""},
        {"\xc0\x80", 2, "\"\\xc0\\x80\""},
        {"\xc1\xbf", 2, "\"\\xc1\\xbf\""},
        {"\xe0\x9f\xbf", 3, "\"\\xe0\\x9f\\xbf\""},
        {"\xed\xa0\x80", 3, "\"\\xed\\xa0\\x80\""},
        {"\xf0\x8f\xbf\xbf", 4, "\"\\xf0\\x8f\\xbf\\xbf\""},
        {"\xf4\x90\x80\x80", 4, "\"\\xf4\\x90\\x80\\x80\""},
        {"\xf8\x88\x80\x80\x80", 1, "\"\\xf8\""},
        {"\xe2\x80", 2, "\"\\xe2\\x80\""},     /* cut off */
        {"\xe2\x80\xae", 2, "\"\\xe2\\x80\""}, /* by len */
        {"\xc3(", 2, "\"\\xc3(\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[64];
        char *text = malloc(cases[i].len + 1); /* so that a read behind len is seen */
        memcpy(text, cases[i].text, cases[i].len);
        char *exact = realloc(text, cases[i].len ? cases[i].len : 1);
        assert_string_equal(log_quote(out, sizeof out, exact, cases[i].len), cases[i].quoted);
        free(exact);
    }
}

static void quoting_to_fit(void **state) {
    (void)state;
    static const struct {
        size_t size;
        const char *text, *quoted;
    } cases[] = {
        {1, "abcdef", ""},
        {2, "abcdef", ""},
        {3, "abcdef", "\"\""},
        {5, "abcdef", "\"\""},
        {6, "abcdef", "\"...\""},
        {8, "abcdef", "\"ab...\""},
        {9, "abcdef", "\"abcdef\""},
        {12, "ab\n\ncdef", "\"ab...\""}, /* no half of an escape */
        {13, "ab\n\ncdef", "\"ab\\u{a}...\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        memset(out, 'Z', sizeof out);
        log_quote(out, cases[i].size, cases[i].text, strlen(cases[i].text));
        assert_string_equal(out, cases[i].quoted);
        assert_int_equal(out[cases[i].size], 'Z');
    }
}

/* Of what clients can cause, so many lines a second; then how many there were besides. */
static void lines_of_clients(void **state) {
    (void)state;
    unsigned told = 0, left_out = 0, seconds = 0, n = 0;
    while (seconds < 2) {
        log_client("client_closed", "n=%u", ++n);
        for (const char *line; *(line = next_line());) {
            unsigned lines_more = 0;
            const char *at = strstr(line, "event=lines_left_out lines=");
            if (at && sscanf(at, "event=lines_left_out lines=%u", &lines_more) == 1)
                seconds++;
            else
                told++;
            left_out += lines_more;
        }
    }
    assert_in_range(told, LOG_CLIENT_LINES, 3 * LOG_CLIENT_LINES + 1);
    assert_int_equal(told + left_out, n);
    log_set_level(LOG_WARN);
    log_client("client_closed", "n=%u", 0);
    assert_string_equal(next_line(), "");
}

/* --- Nobody reads --- */

/* Once stderr is full, lines are dropped; the next one that is taken is told how many. */
static void fill_and_read(int reader, int writer) {
    int before = dup(STDERR_FILENO);
    assert_int_not_equal(dup2(writer, STDERR_FILENO), -1);
    log_never_wait();
    unsigned long long dropped = log_dropped();
    char text[1500], got[1 << 16];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    alarm(20); /* a write that waits, waits for ever */
    unsigned n = 0;
    for (; n < 5000 && (n < 10 || log_dropped() < dropped + 10); n++)
        log_info("e", "k=%s", text);
    assert_int_equal(log_dropped(), dropped + 10);
    assert_int_equal(fcntl(writer, F_GETFL) & O_NONBLOCK, 0); /* it is others', too */

    size_t lines = 0;
    ssize_t len;
    fcntl(reader, F_SETFL, O_NONBLOCK);
    while ((len = read(reader, got, sizeof got)) > 0)
        for (ssize_t i = 0; i < len; i++)
            lines += got[i] == '\n';
    assert_in_range(lines + 10, n - 1, n); /* the last may have been taken in part */
    log_info("again", "k=1");
    len = read(reader, got, sizeof got - 1);
    assert_true(len > 0);
    got[len] = '\0';
    const char *said = strstr(got, "level=warn event=lines_dropped lines=10\n");
    assert_non_null(said);
    assert_non_null(strstr(said, "event=again k=1\n"));
    log_info("again", "k=2"); /* said once */
    len = read(reader, got, sizeof got - 1);
    got[len < 0 ? 0 : len] = '\0';
    assert_non_null(strstr(got, "event=again k=2\n"));
    assert_null(strstr(got, "lines_dropped"));
    alarm(0);
    dup2(before, STDERR_FILENO);
    close(before);
    log_never_wait();
}

static void pipe_that_nobody_reads(void **state) {
    (void)state;
    int p[2];
    assert_int_equal(pipe(p), 0);
    fill_and_read(p[0], p[1]);
    close(p[0]);
    close(p[1]);
}

static void socket_that_nobody_reads(void **state) {
    (void)state;
    int p[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
    fill_and_read(p[0], p[1]);
    close(p[0]);
    close(p[1]);
}

static void terminal_that_stands_still(void **state) {
    (void)state;
    int ptm = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(ptm >= 0 && grantpt(ptm) == 0 && unlockpt(ptm) == 0);
    int pts = open(ptsname(ptm), O_RDWR | O_NOCTTY);
    struct termios raw;
    tcgetattr(pts, &raw);
    cfmakeraw(&raw);
    tcsetattr(pts, TCSANOW, &raw);
    fill_and_read(ptm, pts);
    close(pts);
    close(ptm);
}

static void reader_that_is_gone(void **state) {
    (void)state;
    int p[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(p), 0);
    dup2(p[1], STDERR_FILENO);
    log_never_wait();
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    unsigned long long dropped = log_dropped();
    log_error("e", "k=1");
    assert_int_equal(log_dropped(), dropped + 1);
    dup2(before, STDERR_FILENO);
    close(before);
    close(p[1]);
    log_never_wait();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(errno_stays, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(levels, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(no_forgery, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(long_lines, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(lines_of_clients, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(as_json, open_stderr, close_stderr),
        cmocka_unit_test_setup_teardown(to_the_journal, open_stderr, close_stderr),
        cmocka_unit_test(pipe_that_nobody_reads),
        cmocka_unit_test(socket_that_nobody_reads),
        cmocka_unit_test(terminal_that_stands_still),
        cmocka_unit_test(reader_that_is_gone),
        cmocka_unit_test(quoting),
        cmocka_unit_test(quoting_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
