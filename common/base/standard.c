/* standard - see standard.h. */
#include "common/base/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void standard_open(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /* The lowest number that is free is this one. stdout is opened for reading only, so that
         * writing to it fails, as it should. */
        if (open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_FAILURE);
    }
}

bool standard_printed(const char *program) {
    errno = 0;
    bool lost = ferror(stdout);
    if ((fflush(stdout) == 0 && !lost) || errno == EPIPE)
        return true;
    if (errno) /* what was lost before has left no reason behind */
        fprintf(stderr, "%s: can't write to stdout: %s\n", program, strerror(errno));
    else
        fprintf(stderr, "%s: can't write to stdout\n", program);
    return false;
}
