/* shell - the same commands, a line each. On a terminal with history, Tab and hints (readline, used
 * only here); from a pipe it stops at the first failure and says in which line. */
#ifndef CHATCTL_CLI_SHELL_H
#define CHATCTL_CLI_SHELL_H

#include "chatctl/cli/runner.h"

enum status shell_run(struct runner *runner);

#endif
