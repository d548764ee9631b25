/* log - see log.h. A line leaves in one write(2), so that the lines of several processes on one
 * stderr don't mix; it is built on the stack and capped, so that logging neither allocates nor
 * fails. */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/log_json.h"
#include "common/base/sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 2048   /* with its newline */
#define DROPPED_BYTES 128 /* of the line that says how many were dropped */

static const char *const NAMES[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
static const char CUT[] = " cut=true"; /* ends a line that was too long */

static const char *const PRIORITIES[] = {
    [LOG_ERROR] = "<3>", [LOG_WARN] = "<4>", [LOG_INFO] = "<6>", [LOG_DEBUG] = "<7>"};

static enum log_level threshold = LOG_INFO;
static enum log_format form = LOG_LOGFMT;
static bool to_journal;
static char worker[24]; /* " worker=2", or nothing */

static struct sink to = {.fd = STDERR_FILENO};
static uint64_t dropped;       /* lines that `to` did not take … */
static uint64_t dropped_since; /* … and that it wasn't told of yet */

void log_never_wait(void) {
    sink_close(&to);
    sink_open(&to, STDERR_FILENO);
}

uint64_t log_dropped(void) {
    return dropped;
}

void log_set_level(enum log_level level) {
    threshold = level;
}

void log_set_worker(unsigned number) {
    worker[0] = '\0';
    if (number)
        snprintf(worker, sizeof worker, " worker=%u", number);
}

bool log_level_parse(const char *name, enum log_level *out) {
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) {
            *out = (enum log_level)i;
            return true;
        }
    return false;
}

void log_set_format(enum log_format format) {
    form = format;
}

bool log_format_parse(const char *name, enum log_format *out) {
    *out = strcmp(name, "json") == 0 ? LOG_JSON : LOG_LOGFMT;
    return *out == LOG_JSON || strcmp(name, "logfmt") == 0;
}

/* The variable is inherited by those whose stderr is something else: it names device and inode. */
void log_find_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

bool log_on(enum log_level level) {
    return level <= threshold;
}

/* Ends a line cut at `n` bytes: closes a quoted value that the cut left open, and says so. There is
 * room for it behind line + n. Returns the new length. */
static size_t end_cut(char *line, size_t n) {
    bool quoted = false, escaped = false;
    for (size_t i = 0; i < n; i++) {
        bool was_escaped = escaped;
        escaped = quoted && line[i] == '\\' && !was_escaped;
        if (line[i] == '"' && !was_escaped)
            quoted = !quoted;
    }
    if (escaped)
        n--;
    if (quoted)
        line[n++] = '"';
    memcpy(line + n, CUT, sizeof CUT - 1);
    return n + sizeof CUT - 1;
}

/* The last guard against a forged line, should a caller have forgotten log_quote. */
static void make_plain(char *line, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            line[i] = '?';
}

/* Writes a line of logfmt, which has no newline yet, to `text` in the form that is set. Returns its
 * length. */
static size_t set_form(enum log_level level, const char *line, size_t n, char *text, size_t size) {
    size_t at = 0;
    if (to_journal) {
        memcpy(text, PRIORITIES[level], 3);
        at = 3;
    }
    if (form == LOG_JSON)
        at += log_json(line, n, text + at, size - at - 1);
    else {
        memcpy(text + at, line, n);
        at += n;
    }
    text[at++] = '\n';
    return at;
}

/* How many lines are missing at this point of the log. */
static size_t set_dropped(const char *ts, char *text, size_t size) {
    char line[DROPPED_BYTES];
    int n = snprintf(line, sizeof line, "ts=%s level=warn%s event=lines_dropped lines=%llu", ts,
                     worker, (unsigned long long)dropped_since);
    return set_form(LOG_WARN, line, (size_t)n, text, size);
}

static void log_put(enum log_level level, const char *ts, const char *line, size_t n) {
    char text[32 + LOG_JSON_GROWS * (DROPPED_BYTES + LINE_BYTES)];
    _Static_assert(sizeof text <= SINK_LINE_MAX, "the rest of a line is kept");
    size_t at = dropped_since ? set_dropped(ts, text, sizeof text) : 0;
    at += set_form(level, line, n, text + at, sizeof text - at);
    if (sink_write(&to, text, at))
        dropped_since = 0;
    else {
        dropped++;
        dropped_since++;
    }
}

static void write_line(enum log_level level, const char *event, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void write_line(enum log_level level, const char *event, const char *fmt, va_list ap) {
    int saved_errno = errno;
    char line[LINE_BYTES], ts[CLOCK_TEXT + 1];
    const size_t room = sizeof line - sizeof CUT - 1; /* for a quote, CUT and the newline too */
    clock_rfc3339(clock_wall_ms(), ts);
    int head =
        snprintf(line, room, "ts=%s level=%s%s event=%.64s ", ts, NAMES[level], worker, event);
    size_t n = (size_t)head;
    int tail = vsnprintf(line + n, room - n, fmt, ap);
    if (tail > 0 && (size_t)tail >= room - n)
        n = end_cut(line, room - 1);
    else
        n += tail > 0 ? (size_t)tail : 0;
    make_plain(line, n);
    log_put(level, ts, line, n);
    errno = saved_errno;
}

void log_write(enum log_level level, const char *event, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (log_on(level))
        write_line(level, event, fmt, ap);
    va_end(ap);
}

static bool may_be_told(void) {
    static uint64_t second;
    static unsigned told, left_out;
    uint64_t now = clock_mono_ms() / 1000;
    if (now != second) {
        if (left_out)
            log_info("lines_left_out", "lines=%u", left_out);
        second = now;
        told = left_out = 0;
    }
    if (told == LOG_CLIENT_LINES) {
        left_out++;
        return false;
    }
    told++;
    return true;
}

void log_client(const char *event, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (log_on(LOG_INFO) && may_be_told())
        write_line(LOG_INFO, event, fmt, ap);
    va_end(ap);
}

static size_t sequence_length(unsigned char lead) {
    if (lead < 0x80)
        return 1;
    if (lead >> 5 == 6)
        return 2;
    if (lead >> 4 == 14)
        return 3;
    return lead >> 3 == 30 ? 4 : 0;
}

/* Decodes one character of strict UTF-8 (RFC 3629). Returns its bytes, 0 when there is none. */
static size_t log_decode(const unsigned char *s, size_t len, uint32_t *out) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = sequence_length(*s);
    if (n == 0 || n > len)
        return 0;
    uint32_t c = n == 1 ? *s : *s & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (n > 1 && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)))
        return 0;
    *out = c;
    return n;
}

/* Writes the first character of `s` as it stands in a quoted value. Returns its bytes in `s`; a
 * byte that is no UTF-8 becomes \xNN. */
static size_t escape(const char *s, size_t len, char out[16]) {
    const unsigned char *bytes = (const unsigned char *)s;
    uint32_t c = 0;
    size_t n = log_decode(bytes, len, &c);
    if (n == 0) {
        snprintf(out, 16, "\\x%02x", bytes[0]);
        return 1;
    }
    if (c == '"' || c == '\\')
        snprintf(out, 16, "\\%c", (char)c);
    else if (c >= 0x20 && c < 0x7f)
        snprintf(out, 16, "%c", (char)c);
    else
        snprintf(out, 16, "\\u{%x}", (unsigned)c);
    return n;
}

const char *log_quote(char *out, size_t size, const char *text, size_t len) {
    static const char dots[] = "...\"";
    if (size < 1 + sizeof dots) {
        snprintf(out, size, "%s", size < 3 ? "" : "\"\"");
        return out;
    }
    size_t n = 0, keep = 1; /* up to `keep` there is room for the dots behind */
    out[n++] = '"';
    for (size_t i = 0; i < len;) {
        char piece[16];
        i += escape(text + i, len - i, piece);
        size_t m = strlen(piece);
        if (n + m + sizeof "\"" > size) {
            memcpy(out + keep, dots, sizeof dots);
            return out;
        }
        memcpy(out + n, piece, m);
        n += m;
        if (n + sizeof dots <= size)
            keep = n;
    }
    memcpy(out + n, "\"", sizeof "\"");
    return out;
}
