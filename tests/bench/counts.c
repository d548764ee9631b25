/* counts - preloaded into chatd (LD_PRELOAD): counts allocations, and system calls but for the
 * waiting of epoll, in the file that $BENCH_COUNTS names, where baseline reads them while chatd
 * runs. Counted at libc's door, so that it needs no right to trace. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CALLS, ALLOCATIONS, COUNTERS };

static uint64_t before[COUNTERS], *counters = before;

static void count(int which) {
    __atomic_fetch_add(&counters[which], 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void open_file(void) {
    const char *path = getenv("BENCH_COUNTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof before, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        counters = p;
    close(fd);
}

/* --- Allocations: glibc has the real ones under these names too --- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

void *malloc(size_t n) {
    count(ALLOCATIONS);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
    count(ALLOCATIONS);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
    count(ALLOCATIONS);
    return __libc_realloc(p, n);
}

/* --- System calls: the wrapper counts and calls the next one of its name --- */

#define COUNTED(type, name, parameters, arguments)                                                 \
    type name parameters {                                                                         \
        static type(*next) parameters;                                                             \
        if (!next)                                                                                 \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
        count(CALLS);                                                                              \
        return next arguments;                                                                     \
    }

COUNTED(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
COUNTED(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
COUNTED(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
COUNTED(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
COUNTED(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
COUNTED(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
COUNTED(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
COUNTED(int, close, (int fd), (fd))
COUNTED(int, epoll_ctl, (int fd, int op, int on, struct epoll_event *e), (fd, op, on, e))
COUNTED(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags))
