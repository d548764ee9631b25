/* tally - see tally.h. */
#include "chatd/base/tally.h"

#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define PAUSE_MS 60000

void tally_add(struct tally *t, const char *fmt, ...) {
    va_list ap;
    if (t->count++)
        return;
    va_start(ap, fmt);
    vsnprintf(t->first, sizeof t->first, fmt, ap);
    va_end(ap);
}

void tally_tell(struct tally *t, uint64_t now_ms) {
    if (t->count == 0 || now_ms < t->next_ms)
        return;
    log_warn(t->event, "count=%llu %s", (unsigned long long)t->count, t->first);
    t->count = 0;
    t->next_ms = now_ms == UINT64_MAX ? 0 : now_ms + PAUSE_MS;
}
