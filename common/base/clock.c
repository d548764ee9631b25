/* clock - see clock.h. */
#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t clock_mono_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void digits(char *out, int n, int64_t v) {
    while (n-- > 0) {
        out[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* Civil date from a day count: Howard Hinnant's algorithm, here for years 0 to 9999 only. It costs
 * a tenth of gmtime_r + strftime, and every message has a time in it. */
static void civil(int64_t days, int64_t *y, int64_t *m, int64_t *d) {
    days +=
        719468 + 146097; /* from 400 years, an era, before 0000-03-01: so it is never negative */
    int64_t era = days / 146097 - 1, doe = days % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = yoe + era * 400 + (*m <= 2);
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT + 1]) {
    const int64_t first = -62167219200000, last = 253402300799999; /* 0000-01-01 … 9999-12-31 */
    if (wall_ms < first)
        wall_ms = first;
    if (wall_ms > last)
        wall_ms = last;
    const int64_t day_ms = 86400000;
    int64_t days = wall_ms / day_ms, ms = wall_ms % day_ms;
    if (ms < 0) {
        ms += day_ms;
        days--;
    }
    int64_t y, m, d;
    civil(days, &y, &m, &d);
    digits(out, 4, y);
    out[4] = '-';
    digits(out + 5, 2, m);
    out[7] = '-';
    digits(out + 8, 2, d);
    out[10] = 'T';
    digits(out + 11, 2, ms / 3600000);
    out[13] = ':';
    digits(out + 14, 2, ms / 60000 % 60);
    out[16] = ':';
    digits(out + 17, 2, ms / 1000 % 60);
    out[19] = '.';
    digits(out + 20, 3, ms % 1000);
    out[23] = 'Z';
    out[24] = '\0';
}

/* -1: not n digits. */
static int64_t clock_number(const char *s, int n) {
    int64_t v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

/* Days since 1970-01-01: the inverse of civil(). */
static int64_t days_of(int64_t y, int64_t m, int64_t d) {
    y += 400 - (m <= 2);
    int64_t era = y / 400 - 1, yoe = y % 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool clock_parse_rfc3339(const char *text, size_t len, int64_t *wall_ms) {
    char form[CLOCK_TEXT + 1]; /* in milliseconds, whatever the fraction's length */
    if (len < 20 || text[len - 1] != 'Z' || (len > 20 && (text[19] != '.' || len < 22)))
        return false;
    memcpy(form, text, 19);
    memcpy(form + 19, ".000Z", 6);
    for (size_t i = 20; i + 1 < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (i < 23)
            form[i] = text[i];
    }
    int64_t y = clock_number(form, 4), m = clock_number(form + 5, 2), d = clock_number(form + 8, 2);
    int64_t seconds = clock_number(form + 17, 2);
    int64_t minutes = clock_number(form + 11, 2) * 60 + clock_number(form + 14, 2);
    int64_t ms =
        days_of(y, m, d) * 86400000 + minutes * 60000 + seconds * 1000 + clock_number(form + 20, 3);
    char again[CLOCK_TEXT + 1];
    clock_rfc3339(ms, again);
    if (memcmp(form, again, sizeof form) != 0) /* out of range somewhere */
        return false;
    *wall_ms = ms;
    return true;
}
