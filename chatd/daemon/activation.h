/* activation - listening sockets that the service manager opened for us: the protocol of
 * sd_listen_fds(3). They are found by name (FileDescriptorName= in the unit of the socket): the one
 * called "http" is for --http, the first other one for --listen. */
#ifndef CHATD_DAEMON_ACTIVATION_H
#define CHATD_DAEMON_ACTIVATION_H

#include <stdbool.h>

#define ACTIVATION_FIRST 3 /* SD_LISTEN_FDS_START: the number of the first socket */

enum activation { ACTIVATION_LISTEN, ACTIVATION_HTTP };

/* The socket, non-blocking and closed on exec, or -1: none was handed over, to this process or, if
 * it is a worker, to its supervisor. The caller owns it. */
int activation_socket(enum activation which, bool worker);
/* In a supervisor that gives its workers one socket for --listen as ACTIVATION_FIRST. */
void activation_hand_on(void);

#endif
