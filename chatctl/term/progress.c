/* progress - see progress.h. */
#include "chatctl/term/progress.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define AFTER_MS 500 /* quick work shows nothing */
#define EVERY_MS 100
#define BAR 24

void progress_begin(struct progress *p, const char *what, uint64_t total, bool quiet) {
    *p = (struct progress){.what = what, .total = total, .started_ms = clock_mono_ms()};
    p->off = quiet || !isatty(STDERR_FILENO);
}

static void draw(const struct progress *p, uint64_t now) {
    uint64_t ms = now - p->started_ms, rate = ms ? p->done * 1000 / ms : 0;
    if (!p->total) {
        fprintf(stderr, "\r\x1b[K%s: %" PRIu64 " (%" PRIu64 "/s)", p->what, p->done, rate);
        return;
    }
    uint64_t done = p->done < p->total ? p->done : p->total;
    unsigned filled = (unsigned)(done * BAR / p->total);
    uint64_t left = rate ? (p->total - done) / rate : 0;
    fprintf(stderr, "\r\x1b[K%s: [%.*s%*s] %3u%%  %" PRIu64 "/s  %" PRIu64 ":%02u left", p->what,
            (int)filled, "########################", (int)(BAR - filled), "",
            (unsigned)(done * 100 / p->total), rate, left / 60, (unsigned)(left % 60));
}

void progress_add(struct progress *p, uint64_t n) {
    p->done += n;
    if (p->off)
        return;
    uint64_t now = clock_mono_ms();
    if (now - p->started_ms < AFTER_MS || now - p->drawn_ms < EVERY_MS)
        return;
    p->drawn_ms = now;
    if (!isatty(STDERR_FILENO)) /* a pager has begun */
        return;
    p->shown = true;
    draw(p, now);
    fflush(stderr);
}

void progress_end(struct progress *p) {
    if (p->shown && isatty(STDERR_FILENO))
        fputs("\r\x1b[K", stderr);
    p->shown = false;
}
