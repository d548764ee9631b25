/* editor - see editor.h. */
#include "chattui/io/editor.h"

#include "common/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16
#define PATH_SIZE 512
#define WHY_SIZE 256
#define DEFAULT_EDITOR "vi"
#define SHELL_CHARS "|&;<>()$`\\\"'*?[#~=%" /* only a shell knows what they mean */

struct editor {
    uv_process_t process;
    char path[PATH_SIZE];
    editor_fn *fn; /* NULL: abandoned */
    void *arg;
    char why[WHY_SIZE]; /* "": it ended well */
};

/* --- The file --- */

static bool write_all(int fd, const char *text, size_t len) {
    for (ssize_t n; len; text += n, len -= (size_t)n)
        if ((n = write(fd, text, len)) <= 0)
            return false;
    return true;
}

/* $XDG_RUNTIME_DIR is in memory and the user's own; else the usual place. */
static bool make_file(struct editor *e, const char *text) {
    static const char *const NAMES[] = {"XDG_RUNTIME_DIR", "TMPDIR"};
    const char *dir = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && !dir; i++) {
        const char *value = getenv(NAMES[i]);
        dir = value && *value == '/' && access(value, W_OK) == 0 ? value : NULL;
    }
    snprintf(e->path, sizeof e->path, "%s/chattui-XXXXXX.txt", dir ? dir : "/tmp");
    int fd = mkostemps(e->path, 4, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text, strlen(text)) && (!*text || write_all(fd, "\n", 1));
    if (close(fd) != 0 || !ok) {
        unlink(e->path);
        return false;
    }
    return true;
}

static bool read_back(const char *path, struct buf *out) {
    char block[4096];
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        buf_add(out, block, n);
    bool ok = !ferror(f) && !out->failed;
    fclose(f);
    while (out->len && out->data[out->len - 1] == '\n')
        out->len--;
    return ok;
}

/* --- The process --- */

static void editor_on_closed(uv_handle_t *handle) {
    struct editor *e = handle->data;
    struct buf text;
    buf_init(&text, EDITOR_TEXT_MAX + 1);
    if (!*e->why && !read_back(e->path, &text))
        snprintf(e->why, sizeof e->why, "what the editor wrote can't be read: %s",
                 text.failed ? "it is too long" : strerror(errno));
    unlink(e->path);
    if (e->fn)
        e->fn(*e->why ? NULL : buf_cstr(&text), e->why, e->arg);
    buf_free(&text);
    free(e);
}

static void editor_on_exit(uv_process_t *process, int64_t status, int signal) {
    struct editor *e = process->data;
    if (signal)
        snprintf(e->why, sizeof e->why, "the editor was ended by signal %d; nothing is changed",
                 signal);
    else if (status)
        snprintf(e->why, sizeof e->why, "the editor ended with status %d; nothing is changed",
                 (int)status);
    uv_close((uv_handle_t *)process, editor_on_closed);
}

/* The words of the variable and, behind them, the file. */
static bool split_words(char *command, char *path, char **argv) {
    char *save, *word;
    int n = 0;
    for (word = strtok_r(command, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        if (n == WORDS_MAX)
            return false;
        argv[n++] = word;
    }
    argv[n] = path;
    argv[n + 1] = NULL;
    return n > 0;
}

/* As git has it: quotes, ~ and variables mean what they mean in a shell. */
static void use_shell(char *script, char *path, char **argv) {
    static char shell[] = "/bin/sh", option[] = "-c", name[] = "sh";
    char *const words[] = {shell, option, script, name, path, NULL};
    memcpy(argv, words, sizeof words);
}

static const char *command_name(void) {
    const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
    if (visual && *visual)
        return visual;
    return editor && *editor ? editor : DEFAULT_EDITOR;
}

/* 0, or libuv's error; on an error the handle is closed, too, and on_closed frees. */
static int spawn(struct editor *e, uv_loop_t *loop) {
    char command[PATH_SIZE], shell[PATH_SIZE + 16], *argv[WORDS_MAX + 2];
    uv_stdio_container_t stdio[3];
    for (int i = 0; i < 3; i++)
        stdio[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = i};
    uv_process_options_t options = {
        .args = argv, .stdio = stdio, .stdio_count = 3, .exit_cb = editor_on_exit};
    snprintf(command, sizeof command, "%s", command_name());
    snprintf(shell, sizeof shell, "%s \"$@\"", command);
    if (!split_words(command, e->path, argv))
        return UV_E2BIG;
    if (strpbrk(command_name(), SHELL_CHARS))
        use_shell(shell, e->path, argv);
    options.file = argv[0];
    return uv_spawn(loop, &e->process, &options);
}

struct editor *editor_start(uv_loop_t *loop, const char *text, editor_fn *fn, void *arg, char *why,
                            size_t size) {
    struct editor *e = calloc(1, sizeof *e);
    if (!e || !make_file(e, text)) {
        snprintf(why, size, "no file for the editor: %s", strerror(errno));
        free(e);
        return NULL;
    }
    e->arg = arg;
    e->process.data = e;
    int status = spawn(e, loop);
    if (status == 0) {
        e->fn = fn;
        return e;
    }
    snprintf(why, size, "\"%s\": %s", command_name(), uv_strerror(status));
    snprintf(e->why, sizeof e->why, "not started");
    if (e->process.loop) /* libuv knows the handle */
        uv_close((uv_handle_t *)&e->process, editor_on_closed);
    else {
        unlink(e->path);
        free(e);
    }
    return NULL;
}

void editor_abandon(struct editor *e) {
    e->fn = NULL;
    unlink(e->path);
    if (!uv_is_closing((uv_handle_t *)&e->process))
        uv_close((uv_handle_t *)&e->process, editor_on_closed);
}
