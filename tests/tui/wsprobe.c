/* wsprobe - common/wsclient by itself, for tests: opens the URL, sends the lines of its standard
 * input, and prints what happens, an event a line. The lines /open URL, /close and /end do what
 * they say; at the end of the input it ends.
 *
 *     wsprobe URL [CA-FILE [OPEN-MS [PING-MS]]]
 */
#include "common/client/wsclient.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wsclient *client;
static uv_pipe_t input;
static char line[1 << 20];
static size_t len;

static void on_open(void *arg) {
    (void)arg;
    puts("open");
}

static void on_text(const char *text, size_t n, void *arg) {
    (void)arg;
    if (n > 1000)
        printf("text of %zu bytes\n", n);
    else
        printf("text %.*s\n", (int)n, text);
}

static void on_closed(unsigned code, bool final, const char *reason, void *arg) {
    (void)arg;
    printf("closed %u %s %s\n", code, final ? "final" : "again", reason);
}

static void end(void) {
    if (!uv_is_closing((uv_handle_t *)&input)) {
        uv_close((uv_handle_t *)&input, NULL);
        wsclient_end(client);
    }
}

static void take(const char *text) {
    if (strncmp(text, "/open ", 6) == 0)
        wsclient_open(client, text + 6);
    else if (strcmp(text, "/close") == 0)
        wsclient_close(client);
    else if (strcmp(text, "/end") == 0)
        end();
    else if (!wsclient_send(client, text, strlen(text)))
        puts("not sent");
}

static void make_room(uv_handle_t *h, size_t size, uv_buf_t *b) {
    (void)h;
    (void)size;
    *b = uv_buf_init(line + len, (unsigned)(sizeof line - 1 - len));
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    (void)s;
    (void)b;
    if (n < 0) {
        end();
        return;
    }
    len += (size_t)n;
    for (char *nl; (nl = memchr(line, '\n', len));) {
        *nl = '\0';
        take(line);
        len -= (size_t)(nl + 1 - line);
        memmove(line, nl + 1, len);
    }
}

int main(int argc, char **argv) {
    const struct wsclient_hooks hooks = {on_open, on_text, on_closed};
    struct wsclient_options options = {
        .ca_file = argc > 2 ? argv[2] : NULL,
        .open_ms = argc > 3 ? (unsigned)atoi(argv[3]) : 0,
        .ping_ms = argc > 4 ? (unsigned)atoi(argv[4]) : 0,
    };
    char why[300];
    uv_loop_t loop;
    setvbuf(stdout, NULL, _IOLBF, 0);
    uv_loop_init(&loop);
    client = wsclient_new(&loop, &options, &hooks, NULL, why, sizeof why);
    if (!client) {
        printf("%s\n", why);
        return 1;
    }
    uv_pipe_init(&loop, &input, 0);
    uv_pipe_open(&input, 0);
    uv_read_start((uv_stream_t *)&input, make_room, on_input);
    if (argc > 1)
        wsclient_open(client, argv[1]);
    uv_run(&loop, UV_RUN_DEFAULT);
    wsclient_free(client);
    if (uv_loop_close(&loop) != 0) {
        puts("the loop has handles left");
        return 1;
    }
    puts("end");
    return 0;
}
