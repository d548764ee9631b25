/* fake_server - a Redis for one link at a time, on the test's own loop: it listens on a Unix
 * socket, notes what it is asked, and answers the handshake well unless a row says otherwise.
 *
 * ECHO and EVALSHA are answered with their last argument, and count as carried out; EVALSHA with
 * NOSCRIPT while the scripts are forgotten. A server that holds answers nothing until
 * server_serve. Include it behind cmocka.h in one file of a program. */
#ifndef TESTS_UNIT_FAKE_SERVER_H
#define TESTS_UNIT_FAKE_SERVER_H

#include "resp_made.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define SERVER_HELD_MAX 256
#define RUN_ID "0123456789012345678901234567890123456789"

struct server {
    char dir[32], path[64];
    uv_loop_t *loop;
    uv_pipe_t listener;
    uv_pipe_t *client; /* the one that came last; NULL: gone */
    redisReader *reader;
    const char *asked_for, *answer; /* the answer (as in resp_made) to what begins with asked_for */
    bool holds, forgot;
    char *held[SERVER_HELD_MAX];
    size_t held_count;
    char asked[8192]; /* all of it, a line each, as far as there is room */
    char done[512];   /* what was carried out, by its letters */
    unsigned connections;
    uint64_t moves; /* grows with all that happens */
};

static void server_free_handle(uv_handle_t *h) {
    free(h);
}

static void server_hang_up(struct server *v) {
    if (!v->client)
        return;
    uv_close((uv_handle_t *)v->client, server_free_handle);
    v->client = NULL;
    redisReaderFree(v->reader);
    while (v->held_count > 0)
        free(v->held[--v->held_count]);
    v->moves++;
}

static void server_sent(uv_write_t *w, int status) {
    (void)status;
    free(w->data);
    free(w);
}

/* These bytes, whatever they mean. */
static void server_write(struct server *v, const char *bytes, size_t len) {
    uv_write_t *w = malloc(sizeof *w);
    char *copy = malloc(len);
    assert_non_null(w);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    w->data = copy;
    uv_buf_t b = uv_buf_init(copy, (unsigned)len);
    assert_int_equal(uv_write(w, (uv_stream_t *)v->client, &b, 1, server_sent), 0);
    v->moves++;
}

static void server_say(struct server *v, const char *answer) {
    struct buf b;
    buf_init(&b, 1u << 20);
    one_to_resp(&b, answer);
    server_write(v, b.data, b.len);
    buf_free(&b);
}

static bool server_begins(const char *text, const char *with) {
    return strncasecmp(text, with, strlen(with)) == 0;
}

/* ECHO x, EVALSHA sha 0 x, ASKING ("?"), but for what is asked in the handshake to see whether it
 * may be: that is in small letters. */
static void server_carry_out(struct server *v, const char *line) {
    char answer[8];
    const char *last = server_begins(line, "ASKING") ? "?" : strrchr(line, ' ') + 1;
    snprintf(answer, sizeof answer, "'%c'", *last);
    server_say(v, answer);
    strncat(v->done, last, 1);
}

static void server_answer(struct server *v, const char *line) {
    bool script = server_begins(line, "EVALSHA ") && !strstr(line, " 1 ");
    if (v->asked_for && server_begins(line, v->asked_for)) {
        server_say(v, v->answer);
        return;
    }
    if (script && v->forgot)
        server_say(v, "-NOSCRIPT No matching script.;");
    else if (script || server_begins(line, "ECHO ") || strcmp(line, "ASKING") == 0)
        server_carry_out(v, line);
    else if (server_begins(line, "GET chat:schema"))
        server_say(v, "'1'");
    else if (server_begins(line, "ROLE"))
        server_say(v, "[ 'master' :0 [ ] ]");
    else if (server_begins(line, "INFO server"))
        server_say(v, "'redis_version:7\r\nrun_id:" RUN_ID "'");
    else if (server_begins(line, "CONFIG"))
        server_say(v, "[ 'appendonly' 'yes' 'appendfsync' 'everysec' ]");
    else
        server_say(v, "+OK");
    if (server_begins(line, "SCRIPT LOAD -"))
        v->forgot = false;
}

/* The oldest of what is held. */
static void server_serve(struct server *v) {
    assert_true(v->held_count > 0);
    char *line = v->held[0];
    memmove(v->held, v->held + 1, --v->held_count * sizeof *v->held);
    server_answer(v, line);
    free(line);
}

static void server_take(struct server *v, const redisReply *command) {
    char line[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < command->elements && n < sizeof line; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, i ? " %.40s" : "%.40s",
                              command->element[i]->str);
    size_t len = strlen(v->asked);
    snprintf(v->asked + len, sizeof v->asked - len, "%s\n", line);
    v->moves++;
    if (!v->holds) {
        server_answer(v, line);
        return;
    }
    assert_true(v->held_count < SERVER_HELD_MAX);
    v->held[v->held_count++] = strdup(line);
}

static void server_alloc(uv_handle_t *h, size_t wish, uv_buf_t *out) {
    static char room[65536];
    (void)h;
    (void)wish;
    *out = uv_buf_init(room, sizeof room);
}

static void server_came(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    struct server *v = s->data;
    if (v->client != (uv_pipe_t *)s)
        return;
    if (n < 0) {
        server_hang_up(v);
        return;
    }
    v->moves++;
    redisReaderFeed(v->reader, b->base, (size_t)n);
    void *command = NULL;
    while (v->client && redisReaderGetReply(v->reader, &command) == REDIS_OK && command) {
        server_take(v, command);
        freeReplyObject(command);
        command = NULL;
    }
}

static void server_connected(uv_stream_t *listener, int status) {
    struct server *v = listener->data;
    assert_int_equal(status, 0);
    server_hang_up(v);
    v->client = malloc(sizeof *v->client);
    assert_non_null(v->client);
    uv_pipe_init(v->loop, v->client, 0);
    v->client->data = v;
    v->reader = redisReaderCreate();
    assert_int_equal(uv_accept(listener, (uv_stream_t *)v->client), 0);
    uv_read_start((uv_stream_t *)v->client, server_alloc, server_came);
    v->connections++;
    v->moves++;
}

static void server_listen(struct server *v) {
    uv_pipe_init(v->loop, &v->listener, 0);
    v->listener.data = v;
    assert_int_equal(uv_pipe_bind(&v->listener, v->path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&v->listener, 4, server_connected), 0);
}

/* Nobody can connect from here on. */
static void server_close(struct server *v) {
    server_hang_up(v);
    if (!uv_is_closing((uv_handle_t *)&v->listener))
        uv_close((uv_handle_t *)&v->listener, NULL); /* and unlinks the path */
}

static void server_start(struct server *v, uv_loop_t *loop) {
    *v = (struct server){.loop = loop, .dir = "/tmp/fake_server.XXXXXX"};
    assert_non_null(mkdtemp(v->dir));
    snprintf(v->path, sizeof v->path, "%s/s", v->dir);
    server_listen(v);
}

static void server_end(struct server *v) {
    server_close(v);
    uv_run(v->loop, UV_RUN_DEFAULT);
    rmdir(v->dir);
}

#endif
