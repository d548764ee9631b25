/* files - see files.h. */
#include "chattui/io/files.h"

#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SHOWN 200 /* longer ones are hashed */
#define PATH_SIZE 4096

/* Makes what is missing of a path. False: errno says what the first that failed did of. */
static bool make_path(int at, const char *path) {
    char part[PATH_SIZE];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(at, part, 0700) != 0 && errno != EEXIST)
            return false;
    }
    return mkdirat(at, path, 0700) == 0 || errno == EEXIST;
}

int files_dir(int at, const char *path) {
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_path(at, path))
        fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd;
}

bool files_read_fd(int fd, struct buf *out) {
    char block[16384];
    ssize_t n;
    if (lseek(fd, 0, SEEK_SET) != 0)
        errno = 0; /* a pipe */
    while ((n = read(fd, block, sizeof block)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            buf_add(out, block, (size_t)n);
    secret_wipe(block, sizeof block);
    return n == 0;
}

bool files_read(int dir, const char *name, struct buf *out) {
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = files_read_fd(fd, out);
    close(fd);
    return ok;
}

bool files_append(int fd, const char *data, size_t len, bool sync) {
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return !sync || fdatasync(fd) == 0;
}

int files_replace(int dir, const char *name, const char *data, size_t len) {
    char draft[FILES_NAME + 32];
    snprintf(draft, sizeof draft, "%s.%ld.new", name, (long)getpid());
    int fd = openat(dir, draft, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && files_append(fd, data, len, true) &&
        renameat(dir, draft, dir, name) == 0 && fsync(dir) == 0)
        return fd;
    int error = errno;
    unlinkat(dir, draft, 0);
    close(fd);
    errno = error;
    return -1;
}

/* Is what we have open still the file of this name? It may have been replaced meanwhile. */
static bool is_current(int dir, const char *name, int fd) {
    struct stat ours, theirs;
    return fstat(fd, &ours) == 0 && fstatat(dir, name, &theirs, 0) == 0 &&
           ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

int files_lock(int dir, const char *name, bool make) {
    for (;;) {
        int fd = openat(dir, name, O_RDWR | O_APPEND | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        if (fd < 0)
            return -1;
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        int error = errno;
        if (locked && is_current(dir, name, fd))
            return fd;
        close(fd);
        errno = error;
        if (!locked)
            return -1;
    }
}

void files_name(const char *text, char out[FILES_NAME]) {
    static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    for (const char *c = text; *c && n <= NAME_SHOWN; c++) {
        bool plain = strchr(PLAIN, *c) || (*c == '.' && c > text);
        n += (size_t)snprintf(out + n, 4, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    if (n > NAME_SHOWN)
        secret_hash_key(text, strlen(text), out);
}
