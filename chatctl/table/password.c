/* password - see password.h. */
#include "chatctl/table/password.h"

#include "common/proto/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define ARGON2_KIB (19u * 1024) /* chatd's defaults */
#define ARGON2_PASSES 2

struct password {
    char text[PASSWORD_MAX + 2]; /* one too many is seen */
    size_t len;
};

/* The first line, without its end, read byte by byte: what follows on stdin is somebody else's. */
static bool read_line(int fd, struct password *p) {
    char c = '\0';
    ssize_t n = 0;
    p->len = 0;
    while (p->len <= PASSWORD_MAX && (n = read(fd, &c, 1)) == 1 && c != '\n')
        p->text[p->len++] = c;
    p->len -= n == 1 && c == '\n' && p->len > 0 && p->text[p->len - 1] == '\r'; /* of Windows */
    return n >= 0;
}

static enum status read_file(const char *path, struct password *p) {
    struct stat st;
    bool from_stdin = strcmp(path, "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum status status = STATUS_USAGE;
    if (fd < 0 || fstat(fd, &st) != 0)
        complain("--password-file: %.200s: %s", path, strerror(errno));
    else if (!from_stdin && S_ISREG(st.st_mode) && (st.st_mode & 0007))
        complain("--password-file: %.200s can be read by others: chmod 600", path);
    else if (!read_line(fd, p))
        complain("--password-file: %.200s: %s", path, strerror(errno));
    else
        status = STATUS_DONE;
    if (fd > STDIN_FILENO)
        close(fd);
    return status;
}

static enum status ask_once(const char *question, struct password *p) {
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        complain("no terminal to ask at: use --password-file");
        return STATUS_USAGE;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    fputs(question, stderr);
    bool ok = read_line(STDIN_FILENO, p);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    if (interrupted())
        return STATUS_INTERRUPTED;
    return ok ? STATUS_DONE : STATUS_FAILED;
}

static enum status ask_twice(struct password *p) {
    struct password again;
    enum status status = ask_once("New password: ", p);
    if (status == STATUS_DONE)
        status = ask_once("Once more: ", &again);
    if (status == STATUS_DONE && (p->len != again.len || !secret_eq(p->text, again.text, p->len))) {
        complain("these two are not the same");
        status = STATUS_USAGE;
    }
    secret_wipe(&again, sizeof again);
    return status;
}

static enum status get(struct invocation *in, struct password *p) {
    const char *path = opt_text(in, "password-file");
    struct err e;
    enum status status;
    if (path)
        status = read_file(path, p);
    else if (in->interactive)
        status = ask_twice(p);
    else {
        complain("a password is needed: --password-file FILE, or - for stdin");
        status = STATUS_USAGE;
    }
    if (status == STATUS_DONE && password_check(p->text, p->len, &e)) {
        complain("the password must have 1 to %d bytes", PASSWORD_MAX);
        status = STATUS_USAGE;
    }
    return status;
}

enum status password_hash(struct invocation *in, char hash[SECRET_HASH_MAX]) {
    struct password p = {.len = 0};
    enum status status = get(in, &p);
    if (status == STATUS_DONE &&
        !secret_hash_password(p.text, p.len, ARGON2_PASSES, ARGON2_KIB, hash)) {
        complain("no memory for a password hash");
        status = STATUS_FAILED;
    }
    secret_wipe(&p, sizeof p);
    return status;
}
