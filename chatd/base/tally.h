/* tally - a line of the log about what may happen a thousand times at once: at most one a minute,
 * which says how often it was and names the first of them. Loop thread only. */
#ifndef CHATD_BASE_TALLY_H
#define CHATD_BASE_TALLY_H

#include <stdint.h>

struct tally {
    const char *event; /* of the line, which is a warning */
    uint64_t count;    /* since the last line */
    uint64_t next_ms;  /* when there may be another */
    char first[160];   /* what the line says of the first */
};

/* It happened once more. `fmt` as in log_write: pairs that are plain. */
void tally_add(struct tally *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Now and then: writes the line that is due. UINT64_MAX: there won't be a later time. */
void tally_tell(struct tally *t, uint64_t now_ms);

#endif
