/* supervisor - `--workers N`: one process that serves nobody and looks after N that do. Each worker
 * is a whole chatd, no different from one on another machine; they bind one port with SO_REUSEPORT,
 * and the kernel spreads the connections over them.
 *
 * The supervisor has all that they share: the port (bound, so that nobody else takes it,
 * never listened on), the embedded Redis, the line on stdout once all serve, the exit status.
 */
#ifndef CHATD_DAEMON_SUPERVISOR_H
#define CHATD_DAEMON_SUPERVISOR_H

#include "chatd/base/settings.h"

/* Runs until SIGTERM or SIGINT and returns the exit status: 0 when every worker drained in good
 * order, 1 when one had to be killed or something failed, and a worker's own status when that ended
 * with one before all of them served (it has said why). `argv` is what the workers are started
 * with, plus what they are to do differently. */
int supervisor_run(const struct chatd_settings *set, int argc, char **argv);
/* The number of workers that the settings ask for. */
unsigned supervisor_workers(const struct chatd_settings *set);
/* In a worker: ends with SIGTERM when its supervisor dies. */
void supervisor_bind_life(void);

#endif
