/* log - lines to stderr, in logfmt: ts=… level=… event=… key=value…, or the same as JSON objects.
 *
 * Every value is quoted and escaped when it holds anything but plain printable ASCII: control, bidi
 * and other non-ASCII characters become \u{…}, so that a log line can't forge another or play
 * tricks on a terminal. Never log message text, keys or passwords. Called from the loop thread
 * only.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level); /* default LOG_INFO */
bool log_level_parse(const char *name, enum log_level *out);
/* Each line names the worker, should there be several: worker=2. 0: none. */
void log_set_worker(unsigned number);
bool log_on(enum log_level level);

enum log_format { LOG_LOGFMT, LOG_JSON };
void log_set_format(enum log_format format); /* default LOG_LOGFMT */
bool log_format_parse(const char *name, enum log_format *out);
/* If stderr is the journal's ($JOURNAL_STREAM), lines begin with their priority from here on: <3>
 * to <7>; sd-daemon(3). */
void log_find_journal(void);

/* From here on no line waits for whoever reads stderr: what isn't taken at once is dropped, and how
 * much that was is said by lines_dropped, in front of the next line that is taken. Again after
 * stderr became something else. */
void log_never_wait(void);
uint64_t log_dropped(void); /* lines, since the start */

/* `fmt` makes the logfmt tail: pairs as "key=%s other=%d" where each value must be plain (a number,
 * a UUID, an address, a table's name). Foreign text goes through log_quote first. `event` is a
 * snake_case name: what happened. */
void log_write(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, at LOG_INFO, for what anybody out there can cause as often as they like: of such lines
 * at most LOG_CLIENT_LINES a second are written, and how many were not is written with the next
 * one. */
#define LOG_CLIENT_LINES 50
void log_client(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Quotes and escapes foreign text for use as a logfmt value: result is `"…"`, cut (with …) to fit
 * `size`. Returns out. */
const char *log_quote(char *out, size_t size, const char *text, size_t len);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
