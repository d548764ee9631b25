/* activation - see activation.h. */
#include "chatd/daemon/activation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 64

/* How many were handed over: to this process, not to a parent whose environment it has. */
static int handed_over(bool worker) {
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    bool ours = worker ? !pid : pid && strtol(pid, NULL, 10) == getpid();
    long n = ours && fds ? strtol(fds, NULL, 10) : 0;
    return n > 0 && n <= FDS_MAX ? (int)n : 0;
}

static bool is_listening(int fd) {
    int on = 0;
    socklen_t size = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

/* $LISTEN_FDNAMES: the names in the order of the sockets, by colon. */
int activation_socket(enum activation which, bool worker) {
    const char *name = getenv("LISTEN_FDNAMES");
    int n = handed_over(worker);
    for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + n; fd++) {
        size_t len = name ? strcspn(name, ":") : 0;
        bool http = len == 4 && memcmp(name, "http", 4) == 0;
        if (http == (which == ACTIVATION_HTTP) && is_listening(fd)) {
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            return fd;
        }
        if (name)
            name = name[len] ? name + len + 1 : NULL;
    }
    return -1;
}

void activation_hand_on(void) {
    setenv("LISTEN_FDS", "1", 1);
    unsetenv("LISTEN_FDNAMES");
    unsetenv("LISTEN_PID");
}
