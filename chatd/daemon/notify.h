/* notify - tells the service manager how chatd is: the protocol of sd_notify(3), which is a
 * datagram of NAME=value lines to the socket that $NOTIFY_SOCKET names. Without one, nothing is
 * sent. Loop thread only. */
#ifndef CHATD_DAEMON_NOTIFY_H
#define CHATD_DAEMON_NOTIFY_H

#include <stdint.h>

/* Not serving yet: gives the start `more_ms` more before it counts as hung. */
void notify_waiting(const char *status, uint64_t more_ms);
/* Serving; also the end of a reload. */
void notify_ready(void);
void notify_reloading(void);
/* Going down, which takes up to `within_ms`. */
void notify_stopping(uint64_t within_ms);

/* How often the manager wants to hear notify_alive, in ms; 0: it doesn't watch. Half of what it
 * would wait for. */
uint64_t notify_watchdog_ms(void);
void notify_alive(void);

#endif
