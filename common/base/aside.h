/* aside - work that may wait for ever (a resolver, a file of a dead mount), in a thread of its own:
 * nobody needs to wait for it, not at the end of the program either.
 */
#ifndef COMMON_BASE_ASIDE_H
#define COMMON_BASE_ASIDE_H

#include <stdbool.h>

struct aside;

struct aside_job {
    void (*work)(void *job); /* in the other thread, where signals are blocked */
    /* When nobody has any use for it: in either thread. */
    void (*drop)(void *job);
    /* In the other thread, when the work is done: to wake a loop; NULL: nobody is to be told. */
    void (*done)(void *arg);
    void *job, *arg;
};

/* Begins; `job` is its from here on. NULL: there is no thread to be had, and the caller still has
 * the job. */
struct aside *aside_begin(const struct aside_job *j);
/* Waits for so long until the work is done; 0: looks only. What the work wrote is then the caller's
 * to read. */
bool aside_wait(struct aside *a, unsigned ms);
/* At any time: `done` isn't called any more, and the job is dropped, once its work has ended. NULL
 * is fine. */
void aside_free(struct aside *a);

#endif
