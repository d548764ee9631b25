/* desktop - see desktop.h. */
#include "chattui/io/desktop.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX 4096

static unsigned running;

static void desktop_on_closed(uv_handle_t *handle) {
    free(handle);
    running--;
}

static void desktop_on_exit(uv_process_t *process, int64_t status, int signal) {
    (void)status;
    (void)signal;
    uv_close((uv_handle_t *)process, desktop_on_closed);
}

/* libuv gives a child that has no stdio of ours /dev/null. */
static bool start(uv_loop_t *loop, char **argv) {
    uv_process_options_t options = {.file = argv[0],
                                    .args = argv,
                                    .exit_cb = desktop_on_exit,
                                    .flags = UV_PROCESS_DETACHED}; /* no key press reaches it */
    uv_process_t *process = running < DESKTOP_CHILDREN ? calloc(1, sizeof *process) : NULL;
    if (!process)
        return false;
    running++;
    int status = uv_spawn(loop, process, &options);
    uv_unref((uv_handle_t *)process);
    if (status != 0)
        uv_close((uv_handle_t *)process, desktop_on_closed);
    return status == 0;
}

/* Text as it must be for notification daemons, which read <b> and &amp; in bodies. */
static void add_escaped(struct buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '<')
            buf_str(out, "&lt;");
        else if (*text == '>')
            buf_str(out, "&gt;");
        else if (*text == '&')
            buf_str(out, "&amp;");
        else
            buf_char(out, *text);
    }
}

bool desktop_notify(uv_loop_t *loop, const char *title, const char *body) {
    struct buf escaped;
    buf_init(&escaped, BODY_MAX);
    add_escaped(&escaped, body);
    char *copy = strdup(title), *text = strdup(buf_cstr(&escaped));
    char program[] = "notify-send", name[] = "--app-name=chattui", end[] = "--";
    char *argv[] = {program, name, end, copy, text, NULL};
    bool ok = copy && text && start(loop, argv);
    free(copy);
    free(text);
    buf_free(&escaped);
    return ok;
}

bool desktop_open(uv_loop_t *loop, const char *url) {
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return false;
    char program[] = "xdg-open", *copy = strdup(url);
    char *argv[] = {program, copy, NULL};
    bool ok = copy && start(loop, argv);
    free(copy);
    return ok;
}
