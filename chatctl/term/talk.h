/* talk - words for the user, to stderr: stdout is for data. */
#ifndef CHATCTL_TERM_TALK_H
#define CHATCTL_TERM_TALK_H

#include <stdarg.h>

/* A line on stderr, made safe for a terminal; cut at 4 KiB. complain() begins it with the program's
 * name. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void talk_line(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
