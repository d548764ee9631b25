/* talk - see talk.h. */
#include "chatctl/term/talk.h"

#include "common/base/sanitize.h"

#include <stdio.h>
#include <string.h>

#define TALK_MAX 4096

/* Names and texts of others may be in it, and it may end on a terminal. */
static void talk(const char *before, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void talk(const char *before, const char *fmt, va_list ap) {
    char text[TALK_MAX];
    struct buf safe;
    buf_init(&safe, 4 * TALK_MAX);
    vsnprintf(text, sizeof text, fmt, ap);
    sanitize(&safe, text, strlen(text), true);
    fprintf(stderr, "%s%s\n", before, buf_cstr(&safe));
    buf_free(&safe);
}

void talk_line(const char *fmt, va_list ap) {
    talk("", fmt, ap);
}

void complain(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    talk("chatctl: ", fmt, ap);
    va_end(ap);
}
