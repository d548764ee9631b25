/* notify - see notify.h. Nothing is kept: a message is rare, and a socket for each is the whole
 * cost. */
#include "chatd/daemon/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define USEC 1000u /* in a millisecond */

/* A manager that is stuck mustn't stop us, too. */
static const struct timeval PATIENCE = {.tv_usec = 100000};

/* A name that begins with @ is in the abstract namespace. Its length counts: no NUL is sent. */
static void notify_tell(const char *message) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof sa.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(sa.sun_path, path, n);
    if (*path == '@')
        sa.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &PATIENCE, sizeof PATIENCE);
    (void)sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&sa,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

void notify_waiting(const char *status, uint64_t more_ms) {
    char message[256];
    snprintf(message, sizeof message, "STATUS=%s\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\n", status,
             more_ms * USEC);
    notify_tell(message);
}

void notify_ready(void) {
    notify_tell("READY=1\nSTATUS=serving\n");
}

/* systemd takes the time to tell this reload from one before it. */
void notify_reloading(void) {
    struct timespec t;
    char message[96];
    clock_gettime(CLOCK_MONOTONIC, &t);
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
             (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u);
    notify_tell(message);
}

void notify_stopping(uint64_t within_ms) {
    char message[96];
    snprintf(message, sizeof message,
             "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\n", within_ms * USEC);
    notify_tell(message);
}

/* $WATCHDOG_PID names whom the variable is for: a child may have inherited it. */
uint64_t notify_watchdog_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
        return 0;
    unsigned long long ms = strtoull(usec, NULL, 10) / USEC;
    return ms < 2 ? ms : ms / 2;
}

void notify_alive(void) {
    notify_tell("WATCHDOG=1\n");
}
