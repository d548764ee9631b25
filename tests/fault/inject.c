/* inject - linked into chatd_injected, a chatd whose own allocations can be made to fail (R13).
 *
 * The linker's --wrap sends the calls of our libraries, and of nothing else, through these
 * functions. What they do is in a page of memory shared with the test, the file $CHATD_INJECT: see
 * struct inject and tests/fault/inject.py. Without that variable they do nothing. Works under the
 * sanitizers. */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The page. All numbers are 64 bits wide, so that the other side needs no compiler. */
struct inject {
    _Atomic int64_t countdown; /* the allocation that makes this 0 fails; 0 and below: none does */
    _Atomic int64_t failed;    /* how many have failed */
    _Atomic int64_t calls;     /* how many there were */
};

static struct inject nothing;
static struct inject *page = &nothing;

__attribute__((constructor)) static void open_page(void) {
    const char *path = getenv("CHATD_INJECT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        page = at;
    close(fd);
}

/* The sanitizers', if they are there: says in the log which allocation it was. */
__attribute__((weak)) void __sanitizer_print_stack_trace(void);

static int fails(void) {
    page->calls++;
    if (page->countdown <= 0 || --page->countdown > 0)
        return 0;
    page->failed++;
    if (__sanitizer_print_stack_trace)
        __sanitizer_print_stack_trace();
    return 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s) {
    return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n) {
    return fails() ? NULL : __real_strndup(s, n);
}
