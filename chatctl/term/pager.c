/* pager - see pager.h. */
#include "chatctl/term/pager.h"

#include "chatctl/term/signals.h"
#include "chatctl/term/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_OTHER_FD 3

/* stdout and stderr belong to the process, and so does this. */
static struct {
    pid_t pid; /* 0: none runs */
    int out, err;
    bool left;
} pager;

/* A command of more than a word is the shell's to judge. */
static bool is_there(const char *command) {
    const char *path = getenv("PATH");
    char file[4096];
    if (strpbrk(command, " \t\n|&;<>()$`\\\"'*?[#~=%"))
        return true;
    if (strchr(command, '/'))
        return access(command, X_OK) == 0;
    for (size_t len; path && *path; path += len + (path[len] == ':')) {
        len = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)len, path, command);
        if (len && access(file, X_OK) == 0)
            return true;
    }
    return false;
}

/* The command, or NULL. */
static const char *pager_choose(void) {
    const char *term = getenv("TERM"), *command = getenv("CHATCTL_PAGER");
    if (!term || strcmp(term, "dumb") == 0)
        return NULL;
    if (!command)
        command = getenv("PAGER");
    if (command && (!*command || strcmp(command, "cat") == 0))
        return NULL;
    if (!command)
        return is_there("less") ? "less" : NULL;
    if (is_there(command))
        return command;
    complain("no pager '%s'; see CHATCTL_PAGER and PAGER", command);
    return NULL;
}

static void pager_run(const char *command, int in) __attribute__((noreturn));
static void pager_run(const char *command, int in) {
    dup2(in, STDIN_FILENO);
    close_range(FIRST_OTHER_FD, ~0u, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    setenv("LESS", "FRX", 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* A copy that the pager does not inherit. */
static int pager_keep(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
}

void pager_start(void) {
    const char *command = pager.pid ? NULL : pager_choose();
    int fds[2];
    pager.left = false;
    if (!command || pipe2(fds, O_CLOEXEC) != 0)
        return;
    pager.pid = fork();
    if (pager.pid == 0)
        pager_run(command, fds[0]);
    close(fds[0]);
    if (pager.pid > 0) {
        pager.out = pager_keep(STDOUT_FILENO);
        pager.err = isatty(STDERR_FILENO) ? pager_keep(STDERR_FILENO) : -1;
        dup2(fds[1], STDOUT_FILENO);
        if (pager.err >= 0)
            dup2(fds[1], STDERR_FILENO);
        signals_outlive(); /* Ctrl-C is the pager's, too: however often */
    } else
        pager.pid = 0;
    close(fds[1]);
}

static void put_back(int kept, int fd) {
    if (kept < 0)
        return;
    dup2(kept, fd);
    close(kept);
}

void pager_end(void) {
    if (!pager.pid)
        return;
    put_back(pager.out, STDOUT_FILENO);
    put_back(pager.err, STDERR_FILENO);
    while (waitpid(pager.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    pager.pid = 0;
}

bool pager_runs(void) {
    return pager.pid > 0;
}

void pager_left(void) {
    pager.left = true;
    signals_press();
}

bool pager_was_left(void) {
    return pager.left;
}
