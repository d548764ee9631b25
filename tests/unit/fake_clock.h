/* fake_clock - both clocks of the program, libuv's included: they stand still until clock_pass. It
 * takes the place of the C library's clock_gettime; include it in one file of a program. */
#ifndef TESTS_UNIT_FAKE_CLOCK_H
#define TESTS_UNIT_FAKE_CLOCK_H

#include <stdint.h>
#include <time.h>

static uint64_t CLOCK_MS = 1000000000; /* any */

int clock_gettime(clockid_t id, struct timespec *t) {
    (void)id;
    t->tv_sec = (time_t)(CLOCK_MS / 1000);
    t->tv_nsec = (long)(CLOCK_MS % 1000) * 1000000;
    return 0;
}

__attribute__((unused)) static void clock_pass(uint64_t ms) {
    CLOCK_MS += ms;
}

#endif
