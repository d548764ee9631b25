/* sink - see sink.h. */
#include "common/base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Another description of what `fd` is, so that its flags are ours alone; -1: there can be none. */
static int reopen(int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC);
}

void sink_open(struct sink *s, int fd) {
    struct stat st;
    *s = (struct sink){.fd = fd};
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
        return; /* a write to a file waits for nobody */
    s->socket = S_ISSOCK(st.st_mode);
    int own = s->socket ? -1 : reopen(fd);
    s->asks = !s->socket && own < 0;
    s->own = own >= 0;
    if (s->own)
        s->fd = own;
}

void sink_close(struct sink *s) {
    if (s->own)
        close(s->fd);
    s->fd = -1;
}

static bool takes(const struct sink *s) {
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* The bytes that were taken; 0: none, for whatever reason. */
static size_t put(const struct sink *s, const char *bytes, size_t n) {
    ssize_t taken;
    if (s->asks && !takes(s))
        return 0;
    do
        taken =
            s->socket ? send(s->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) : write(s->fd, bytes, n);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? 0 : (size_t)taken;
}

static bool finish_last(struct sink *s) {
    size_t taken = s->rest_len ? put(s, s->rest, s->rest_len) : 0;
    s->rest_len -= taken;
    memmove(s->rest, s->rest + taken, s->rest_len);
    return s->rest_len == 0;
}

bool sink_write(struct sink *s, const char *line, size_t n) {
    if (!finish_last(s))
        return false;
    size_t taken = put(s, line, n);
    if (taken == 0)
        return false;
    if (n - taken <= sizeof s->rest) {
        s->rest_len = n - taken;
        memcpy(s->rest, line + taken, s->rest_len);
    }
    return true;
}

bool sink_say(int fd, const char *line) {
    struct sink s;
    sink_open(&s, fd);
    bool taken = sink_write(&s, line, strlen(line));
    sink_close(&s);
    return taken;
}
