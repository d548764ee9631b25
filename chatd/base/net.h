/* net - addresses to listen on, and the sockets there.
 *
 * `what`, the name of the setting, begins the messages in `why`. Sockets are the caller's,
 * non-blocking and closed on exec. */
#ifndef CHATD_BASE_NET_H
#define CHATD_BASE_NET_H

#include <stdbool.h>
#include <stddef.h>

#define NET_NAME 80 /* bytes of an address as text, with its NUL */

/* Is it HOST:PORT ("[::1]:8080", "*:8080"; port 0: a free one)? Looks nothing up. */
bool net_check(const char *what, const char *address, char *why, size_t size);
/* Binds and listens there; `shared`: beside other processes that do the same. -1: see `why`. */
int net_listen(const char *what, const char *address, bool shared, char *why, size_t size);
/* For a supervisor: binds the address and doesn't listen. It is refused if anybody has it, but lets
 * the shared listeners of workers in beside it. -1: see `why`. */
int net_reserve(const char *what, const char *address, char *why, size_t size);
/* "127.0.0.1:9090" and 2 make "127.0.0.1:9092"; port 0 stays 0. The address is one that net_check
 * took. */
void net_shift(const char *address, unsigned by, char *out, size_t size);
/* Is it an address, as a number, that more than this machine can reach? */
bool net_is_open(const char *what, const char *address);
/* Can only this machine reach the socket? */
bool net_is_local(int fd);
/* Where a socket listens, for people: a name as a number, a free port for 0. */
void net_name(int fd, char out[NET_NAME]);

#endif
