/* alarm - timers of the loop that count from now. libuv's own count from the loop's time, which
 * stands still in a turn: after a long one they would come early. Loop thread only.
 */
#ifndef CHATTUI_BASE_ALARM_H
#define CHATTUI_BASE_ALARM_H

#include <stdint.h>
#include <uv.h>

void alarm_in(uv_timer_t *timer, uv_timer_cb fn, uint64_t ms);
void alarm_at(uv_timer_t *timer, uv_timer_cb fn, uint64_t at_ms); /* of clock_mono_ms */

#endif
