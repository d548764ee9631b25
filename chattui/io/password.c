/* password - see password.h. */
#include "chattui/io/password.h"

#include "chattui/io/settings.h"
#include "common/base/aside.h"
#include "common/base/secret.h"
#include "common/proto/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_MS 60000
#define ROOM (PASSWORD_MAX + 2) /* with its line feed, and one more to see that it is too long */

/* What is read of a file, aside: it may be a pipe that somebody has yet to write to. */
struct password_file {
    char text[ROOM + 1], why[300];
    size_t len;
    char path[];
};

/* Frees itself when all its handles are closed. */
struct tui_password {
    tui_event_fn *fn;
    void *arg;
    char text[ROOM + 1], why[300];
    size_t len;
    uv_timer_t timer; /* its deadline */
    struct aside *aside;
    struct password_file *file; /* in `aside` */
    uv_async_t has_read;
    uv_process_t process;
    uv_pipe_t output;
    unsigned handles;
    bool told, has_ended, read, from_file;
};

bool tui_password_has(const struct tui_settings *set) {
    return *set->password_file || *set->password_command;
}

static void on_close(uv_handle_t *h) {
    struct tui_password *p = h->data;
    if (--p->handles > 0)
        return;
    secret_wipe(p->text, sizeof p->text);
    free(p);
}

static void shut(uv_handle_t *h) {
    if (!uv_is_closing(h))
        uv_close(h, on_close);
}

/* Tells what came of it, once, and cleans up. */
static void finish(struct tui_password *p) {
    if (p->told)
        return;
    p->told = true;
    p->text[p->len] = '\0';
    size_t len = strcspn(p->text, "\r\n");
    if (!*p->why && len == 0)
        snprintf(p->why, sizeof p->why, "there is no password in it");
    if (!*p->why && len > PASSWORD_MAX)
        snprintf(p->why, sizeof p->why, "the password is longer than %d bytes", PASSWORD_MAX);
    p->text[len] = '\0';
    bool ok = !*p->why;
    const char *text = ok ? p->text : p->why;
    struct event e = {.kind = EV_PASSWORD,
                      .u.input = {.text = text, .len = strlen(text), .yes = ok}};
    p->fn(&e, p->arg);
    secret_wipe(p->text, sizeof p->text);
    shut((uv_handle_t *)&p->timer);
    if (p->from_file) {
        aside_free(p->aside);
        shut((uv_handle_t *)&p->has_read);
        return;
    }
    if (!p->has_ended)
        uv_process_kill(&p->process, SIGTERM);
    shut((uv_handle_t *)&p->output);
    shut((uv_handle_t *)&p->process);
}

/* --- From a file --- */

static void read_file(void *job) {
    struct password_file *f = job;
    struct stat st;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        snprintf(f->why, sizeof f->why, "%s: %s", f->path, strerror(errno));
    else if (S_ISREG(st.st_mode) && (st.st_mode & 0007))
        snprintf(f->why, sizeof f->why, "%s: others can read it: chmod 600", f->path);
    else
        while (f->len < ROOM && (n = read(fd, f->text + f->len, ROOM - f->len)) > 0)
            f->len += (size_t)n;
    if (n < 0)
        snprintf(f->why, sizeof f->why, "%s: %s", f->path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void drop_file(void *job) {
    struct password_file *f = job;
    secret_wipe(f->text, sizeof f->text);
    free(f);
}

static void on_has_read(uv_async_t *async) {
    struct tui_password *p = async->data;
    if (p->told || !aside_wait(p->aside, 0))
        return;
    memcpy(p->text, p->file->text, p->file->len);
    p->len = p->file->len;
    memcpy(p->why, p->file->why, sizeof p->why);
    finish(p);
}

static void tell_has_read(void *async) {
    uv_async_send(async);
}

static void on_timer(uv_timer_t *timer) {
    struct tui_password *p = timer->data;
    if (!*p->why)
        snprintf(p->why, sizeof p->why, "the password %s takes too long",
                 p->from_file ? "file" : "command");
    finish(p);
}

static void start_file(struct tui_password *p, uv_loop_t *loop, const char *path) {
    struct password_file *f = calloc(1, sizeof *f + strlen(path) + 1);
    const struct aside_job job = {
        .work = read_file, .drop = drop_file, .done = tell_has_read, .job = f, .arg = &p->has_read};
    uv_async_init(loop, &p->has_read, on_has_read);
    p->has_read.data = p;
    p->from_file = true;
    p->handles = 2;
    if (f)
        memcpy(f->path, path, strlen(path) + 1);
    p->aside = f ? aside_begin(&job) : NULL;
    p->file = f;
    if (!p->aside) {
        free(f);
        snprintf(p->why, sizeof p->why, "out of memory");
    }
    uv_timer_start(&p->timer, on_timer, p->aside ? COMMAND_MS : 0, 0);
}

/* --- From a command --- */

static void output_room(uv_handle_t *h, size_t size, uv_buf_t *b) {
    struct tui_password *p = h->data;
    (void)size;
    *b = uv_buf_init(p->text + p->len, (unsigned)(ROOM - p->len));
}

static void finish_if_both(struct tui_password *p) {
    if (p->has_ended && p->read)
        finish(p);
}

static void on_output(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct tui_password *p = s->data;
    (void)b;
    if (n > 0)
        p->len += (size_t)n;
    if (n >= 0 && p->len < ROOM)
        return;
    uv_read_stop(s);
    p->read = true;
    finish_if_both(p);
}

static void on_exit_of_it(uv_process_t *process, int64_t status, int signal) {
    struct tui_password *p = process->data;
    p->has_ended = true;
    if (status != 0 || signal != 0)
        snprintf(p->why, sizeof p->why, "the password command failed (%s %d)",
                 signal ? "signal" : "status", signal ? signal : (int)status);
    finish_if_both(p);
}

static void start(struct tui_password *p, uv_loop_t *loop, char *command) {
    char shell[] = "/bin/sh", option[] = "-c", *argv[] = {shell, option, command, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&p->output},
        {.flags = UV_IGNORE}};
    uv_process_options_t options = {
        .exit_cb = on_exit_of_it, .file = shell, .args = argv, .stdio = stdio, .stdio_count = 3};
    uv_pipe_init(loop, &p->output, 0);
    p->output.data = p->process.data = p;
    int error = uv_spawn(loop, &p->process, &options);
    p->handles = 3;
    if (error) {
        snprintf(p->why, sizeof p->why, "%s: %s", shell, uv_strerror(error));
        p->has_ended = true;
        uv_timer_start(&p->timer, on_timer, 0, 0);
        return;
    }
    uv_read_start((uv_stream_t *)&p->output, output_room, on_output);
    uv_timer_start(&p->timer, on_timer, COMMAND_MS, 0);
}

struct tui_password *tui_password_read(uv_loop_t *loop, const struct tui_settings *set,
                                       tui_event_fn *fn, void *arg) {
    struct tui_password *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->fn = fn;
    p->arg = arg;
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    p->handles = 1;
    if (!*set->password_file)
        start(p, loop, set->password_command);
    else
        start_file(p, loop, set->password_file);
    return p;
}
