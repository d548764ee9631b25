/* alarm - see alarm.h. */
#include "chattui/base/alarm.h"

#include "common/base/clock.h"

void alarm_in(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms) {
    uv_update_time(timer->loop);
    uv_timer_start(timer, fn, ms, 0);
}

void alarm_at(uv_timer_t *timer, uv_timer_cb fn, uint64_t at_ms) {
    uint64_t now = clock_mono_ms();
    alarm_in(timer, fn, at_ms > now ? at_ms - now : 0);
}
