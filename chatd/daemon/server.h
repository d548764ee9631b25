/* server - one chatd process from start to end: makes the node's parts, runs the loop, drains on
 * SIGTERM. */
#ifndef CHATD_DAEMON_SERVER_H
#define CHATD_DAEMON_SERVER_H

#include "chatd/base/settings.h"

/* Runs until it is told to stop. Returns the exit status: 0 stopped in good order, 1 something
 * failed, 2 a setting is wrong. SIGHUP reads the settings of `argv` anew, into `set`. */
int server_run(struct chatd_settings *set, int argc, char **argv);

#endif
