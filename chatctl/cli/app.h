/* app - what runs command lines: one for main, many for the shell, which keeps the connection
 * between them. */
#ifndef CHATCTL_CLI_APP_H
#define CHATCTL_CLI_APP_H

#include "chatctl/table/parse.h"
#include "chatctl/table/settings.h"

struct app {
    struct line base;         /* what the shell was started with: goes for its lines, too */
    struct ctl_settings used; /* what `store` was opened with */
    struct redis_sync *redis;
    bool has_stdin; /* commands don't come from stdin, so that a command may read it or ask there */
};

void app_free(struct app *app);
/* Parses and runs one command line (without the program's name). */
enum status app_run(struct app *app, size_t argc, char **argv);

#endif
