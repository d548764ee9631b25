/* plain_input - see plain_input.h.
 *
 * The thread reads a block, hands it over, and reads the next when that was taken. It may well be
 * waiting in read() when the program ends: so what it touches lives as long as the process.
 */
#include "chattui/app/plain_input.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define REST_READS 64 /* of input that may never end */

static struct {
    uv_thread_t thread;
    uv_mutex_t lock; /* of open: the handle may only be woken while it is */
    bool open;
    uv_async_t async;
    uv_sem_t more;
    char block[1u << 16];
    ssize_t n; /* of the block handed over; 0 = the input has ended */
    int error; /* of the read that failed; 0 = none did */

    /* The loop's. */
    void (*ready)(void *arg);
    void *arg;
    bool has_block, has_ended;
    size_t at;
    char line[INPUT_LINE_MAX + 1];
    size_t len;
    bool too_long;
} in;

static void hand_over(void) {
    uv_mutex_lock(&in.lock);
    if (in.open)
        uv_async_send(&in.async);
    uv_mutex_unlock(&in.lock);
}

static void read_blocks(void *arg) {
    (void)arg;
    do {
        do
            in.n = read(STDIN_FILENO, in.block, sizeof in.block);
        while (in.n < 0 && errno == EINTR);
        in.error = in.n < 0 ? errno : 0;
        hand_over();
        uv_sem_wait(&in.more);
    } while (in.n > 0);
}

static void on_block(uv_async_t *async) {
    (void)async;
    in.has_block = true;
    in.at = 0;
    in.ready(in.arg);
}

bool plain_input_open(uv_loop_t *loop, void (*ready)(void *arg), void *arg) {
    in.ready = ready;
    in.arg = arg;
    if (uv_mutex_init(&in.lock) != 0 || uv_sem_init(&in.more, 0) != 0 ||
        uv_async_init(loop, &in.async, on_block) != 0)
        return false;
    in.open = true;
    return uv_thread_create(&in.thread, read_blocks, NULL) == 0;
}

static void put(const char *s, size_t len) {
    size_t room = INPUT_LINE_MAX - in.len;
    in.too_long = in.too_long || len > room;
    len = len < room ? len : room;
    memcpy(in.line + in.len, s, len);
    in.len += len;
}

static const char *finish_line(size_t *len, bool *too_long) {
    *len = in.len;
    *too_long = in.too_long;
    in.line[in.len] = '\0';
    in.len = 0;
    in.too_long = false;
    return in.line;
}

/* The line that ends in the block; NULL: none does, and what began there is kept. */
static const char *take_from_block(size_t *len, bool *too_long) {
    const char *from = in.block + in.at;
    size_t left = (size_t)in.n - in.at;
    const char *end = memchr(from, '\n', left);
    put(from, end ? (size_t)(end - from) : left);
    in.at += end ? (size_t)(end - from) + 1 : left;
    return end ? finish_line(len, too_long) : NULL;
}

const char *plain_input_take(size_t *len, bool *too_long, bool *ended) {
    const char *line = NULL;
    if (in.has_block && in.n > 0 && (line = take_from_block(len, too_long)))
        return line;
    if (in.has_block) {
        in.has_block = false;
        in.has_ended = in.n <= 0;
        if (!in.has_ended)
            uv_sem_post(&in.more);
    }
    *ended = in.has_ended && in.len == 0;
    return in.has_ended && in.len > 0 ? finish_line(len, too_long) : NULL;
}

int plain_input_error(void) {
    return in.has_ended ? in.error : 0;
}

/* --- At the end --- */

static size_t count_input_lines(const char *bytes, size_t n, bool *open) {
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += bytes[i] == '\n';
    *open = n ? bytes[n - 1] != '\n' : *open;
    return lines;
}

/* A thread that waits in read() has found nothing: then there is nothing. Typed lines are not
 * counted: who ends the program sees them. */
static bool is_ours_to_read(void) {
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    return (!in.open || in.has_block) && !isatty(STDIN_FILENO) && poll(&fd, 1, 0) > 0 &&
           (fd.revents & POLLIN);
}

size_t plain_input_rest(void) {
    bool open = in.len > 0;
    size_t lines = 0;
    ssize_t n = 1;
    if (in.has_block && in.n > 0)
        lines += count_input_lines(in.block + in.at, (size_t)in.n - in.at, &open);
    for (size_t reads = 0; n > 0 && reads < REST_READS && is_ours_to_read(); reads++) {
        n = read(STDIN_FILENO, in.block, sizeof in.block);
        lines += n > 0 ? count_input_lines(in.block, (size_t)n, &open) : 0;
    }
    return lines + open;
}

void plain_input_close(void) {
    uv_mutex_lock(&in.lock);
    in.open = false;
    uv_mutex_unlock(&in.lock);
    uv_close((uv_handle_t *)&in.async, NULL);
}
