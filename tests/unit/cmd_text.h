/* cmd_text - a command as one line, as tests compare it: its words; of a script its name in place
 * of EVALSHA, its hash and number of keys. Include it behind cmocka.h. */
#ifndef TESTS_UNIT_CMD_TEXT_H
#define TESTS_UNIT_CMD_TEXT_H

#include "common/redis/script.h"

#include <stdio.h>
#include <string.h>

static void cmd_text(char *out, size_t size, const char *const *argv, const size_t *lens,
                     size_t argc) {
    size_t n = 0, i = 0;
    out[0] = '\0';
    if (argc > 2 && strcmp(argv[0], "EVALSHA") == 0) {
        enum script s = 0;
        while (s < SCRIPTS && memcmp(argv[1], script_sha(s), SCRIPT_SHA) != 0)
            s++;
        assert_int_not_equal(s, SCRIPTS);
        n += (size_t)snprintf(out, size, "%s", script_name(s));
        i = 3;
    }
    for (; i < argc && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, n ? " %.*s" : "%.*s", (int)lens[i], argv[i]);
}

#endif
