/* runner - what runs command lines: one for main, many for the shell, which keeps the connection
 * between them. */
#ifndef CHATCTL_CLI_RUNNER_H
#define CHATCTL_CLI_RUNNER_H

#include "chatctl/table/parse.h"
#include "chatctl/table/settings.h"

struct runner {
    struct command_line base; /* what the shell was started with: goes for its lines, too */
    struct ctl_settings used; /* what `redis` was opened with */
    struct redis_sync *redis;
    bool has_stdin; /* commands don't come from stdin, so that a command may read it or ask there */
};

void runner_free(struct runner *runner);
/* Parses and runs one command line (without the program's name). */
enum status runner_run(struct runner *runner, size_t argc, char **argv);

#endif
