/* fuzz_config - chatd's config file. */
#include "tests/fuzz/fuzz.h"

#include "chatd/base/settings.h"
#include "common/option/internal.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1; /* a file for each input costs more than the parsing */
    char path[32];
    struct chatd_settings set = {0};
    if (fd < 0)
        fd = memfd_create("config", MFD_CLOEXEC);
    MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    option_file_load(&CHATD_PROGRAM, path, true, &set);
    option_free(&CHATD_PROGRAM, &set);
    return 0;
}
