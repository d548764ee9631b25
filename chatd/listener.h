/* listener - accepts connections on the loop and hands them over. Accepting is ours rather than
 * lws', so that the caps on connections come first, and a node that drains can stop accepting. */
#ifndef CHATD_LISTENER_H
#define CHATD_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#define LISTENER_TEXT 80 /* bytes of an address as text, with its NUL */

struct listener;
struct node;
struct ws;

/* Binds and listens at "HOST:PORT" ("[::1]:8080", "*:8080"; port 0: a free one), doesn't accept
 * yet. A worker shares the address with the others of its supervisor. NULL: `why` says what went wrong. */
struct listener *listener_open(struct node *node, const char *address, char *why, size_t size);
/* For a supervisor: binds the address, doesn't listen, and says in `shown` what it has become (a name
 * as a number, a free port for 0). It is refused if anybody has it, but lets the listeners of workers
 * in beside it. Returns the socket, to be closed by the caller; -1: `why` says what went wrong. */
int listener_reserve(const char *address, char shown[LISTENER_TEXT], char *why, size_t size);
/* Where it listens, for people: "127.0.0.1:8080". */
const char *listener_address(const struct listener *l);
void listener_start(struct listener *l, struct ws *to);
/* Stops accepting and closes the socket; the memory goes when the loop has closed the handles. */
void listener_close(struct listener *l);

#endif
