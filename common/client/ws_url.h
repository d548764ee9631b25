/* ws_url - the address of a chat server as people write it. Pure.
 *
 *     ws://HOST[:PORT][/PATH]     in the clear; port 80
 *     wss://HOST[:PORT][/PATH]    encrypted; port 443
 *     HOST[:PORT][/PATH]          wss, or, for this machine itself, ws at port 8080
 *
 * The path is /ws if none is given. An IPv6 address stands in brackets.
 */
#ifndef COMMON_CLIENT_WS_URL_H
#define COMMON_CLIENT_WS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_URL_HOST_MAX 100
#define WS_URL_PATH_MAX 300

struct ws_url {
    bool tls;
    bool local; /* localhost, 127.x.x.x or ::1: what goes there stays on this machine */
    bool v6;    /* host is an IPv6 address */
    uint16_t port;
    char host[WS_URL_HOST_MAX + 1]; /* without brackets */
    char path[WS_URL_PATH_MAX + 1]; /* begins with / */
};

/* False: `why` says what is wrong. Text before an @ (a name, a password) is refused, and
 * anything but printable ASCII. */
bool ws_url_parse(const char *text, struct ws_url *out, char *why, size_t size);

#define WS_URL_TEXT (WS_URL_HOST_MAX + WS_URL_PATH_MAX + 20)
/* The canonical form: scheme, host, and port, if not the scheme's own, and path. */
void ws_url_format(const struct ws_url *u, char out[WS_URL_TEXT]);

#endif
