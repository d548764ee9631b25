/* tty - see tty.h. */
#include "chattui/term/tty.h"

#include "chattui/base/alarm.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_SIZE 4096
#define NAME_SIZE 256

static void tty_on_timer(uv_timer_t *timer);

static void wait_for_more(struct tty *t) {
    unsigned ms = tokens_waiting(&t->tokens);
    if (ms)
        alarm_in(&t->timer, tty_on_timer, ms);
    else
        uv_timer_stop(&t->timer);
}

/* Returns what read() did. */
static ssize_t read_tokens(struct tty *t) {
    char bytes[READ_SIZE];
    ssize_t n = read(t->fd, bytes, sizeof bytes);
    if (n > 0)
        tokens_feed(&t->tokens, bytes, (size_t)n);
    if (n > 0 && !uv_is_closing((uv_handle_t *)&t->poll)) /* by what a key did */
        wait_for_more(t);
    return n;
}

/* After a long turn of the loop the rest of a key may be there, unread: it came in time. */
static void tty_on_timer(uv_timer_t *timer) {
    struct tty *t = timer->data;
    if (!uv_is_active((uv_handle_t *)&t->poll) || read_tokens(t) <= 0)
        tokens_timeout(&t->tokens);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct tty *t = poll->data;
    (void)events;
    ssize_t n = status < 0 ? 0 : read_tokens(t);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    uv_poll_stop(&t->poll);
    t->hooks.gone(t->arg);
}

bool tty_open(struct tty *t, uv_loop_t *loop, const struct tty_hooks *hooks, void *arg) {
    char name[NAME_SIZE];
    *t = (struct tty){.hooks = *hooks, .arg = arg, .fd = -1};
    int error = ttyname_r(STDIN_FILENO, name, sizeof name);
    int fd = error == 0 ? open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (error)
        errno = error;
    if (fd < 0 || uv_poll_init(loop, &t->poll, fd) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    uv_timer_init(loop, &t->timer);
    t->fd = fd;
    t->poll.data = t->timer.data = t;
    tokens_init(&t->tokens, hooks->token, arg);
    tty_resume(t);
    return true;
}

void tty_pause(struct tty *t) {
    if (t->fd >= 0)
        uv_poll_stop(&t->poll);
}

void tty_resume(struct tty *t) {
    if (t->fd >= 0)
        uv_poll_start(&t->poll, UV_READABLE, on_readable);
}

static void tty_on_closed(uv_handle_t *handle) {
    struct tty *t = handle->data;
    close(t->fd);
    t->fd = -1;
}

void tty_close(struct tty *t) {
    if (t->fd < 0)
        return;
    uv_poll_stop(&t->poll);
    tokens_free(&t->tokens);
    uv_close((uv_handle_t *)&t->timer, NULL);
    uv_close((uv_handle_t *)&t->poll, tty_on_closed);
}
