/* invocation - see invocation.h. */
#include "chatctl/table/invocation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void say(const struct invocation *in, const char *fmt, ...) {
    if (in->quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    talk_line(fmt, ap);
    va_end(ap);
}

enum status confirm(struct invocation *in, const char *what) {
    char answer[16];
    if (in->yes)
        return STATUS_DONE;
    if (!in->interactive) {
        complain("%s Refused without --yes, since nobody can be asked here", what);
        return STATUS_REFUSED;
    }
    complain("%s [y/N]", what);
    if (!fgets(answer, sizeof answer, stdin))
        answer[0] = '\0';
    if (interrupted())
        return STATUS_INTERRUPTED;
    if (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0)
        return STATUS_DONE;
    say(in, "nothing was done");
    return STATUS_REFUSED;
}
