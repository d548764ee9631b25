/* progress - a bar on stderr for long work: only on a terminal, only after half a second, never
 * with --quiet. */
#ifndef CHATCTL_TERM_PROGRESS_H
#define CHATCTL_TERM_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;     /* "purging public" */
    uint64_t done, total; /* total 0: unknown */
    uint64_t started_ms, drawn_ms;
    bool shown, off;
};

void progress_begin(struct progress *p, const char *what, uint64_t total, bool quiet);
void progress_add(struct progress *p, uint64_t n);
void progress_end(struct progress *p); /* wipes the bar */

#endif
