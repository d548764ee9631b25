/* clock - the two clocks. Only `createdAt`, key expiry and logs use the wall clock; every wait,
 * deadline and rate uses the monotonic one, so that a clock jump disturbs neither. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void);  /* since 1970-01-01 UTC */
uint64_t clock_mono_ms(void); /* since some fixed point; never goes back */

/* RFC 3339, UTC, milliseconds: "2024-05-01T12:00:00.123Z". Values outside the years 0..9999 are
 * clamped. */
#define CLOCK_TEXT 24
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT + 1]);
/* The way back, for UTC ("…Z") with or without a fraction, of which milliseconds are kept. False:
 * not that, or no such time; *wall_ms is as it was. */
bool clock_parse_rfc3339(const char *text, size_t len, int64_t *wall_ms);

#endif
