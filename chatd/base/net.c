/* net - see net.h. */
#include "chatd/base/net.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096
#define HOST_MAX 256
#define PORT_MAX 8

/* Splits HOST:PORT. An empty host or * is every address. */
static bool split(const char *address, char *host, size_t host_size, char *port, size_t port_size) {
    const char *colon = strrchr(address, ':');
    if (!colon)
        return false;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && *address == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (n >= host_size || colon[1] < '0' || colon[1] > '9' || *end || number > 65535)
        return false;
    memcpy(host, address, n);
    host[n] = '\0';
    if (strcmp(host, "*") == 0)
        host[0] = '\0';
    snprintf(port, port_size, "%lu", number);
    return true;
}

bool net_check(const char *what, const char *address, char *why, size_t size) {
    char host[HOST_MAX], port[PORT_MAX];
    if (split(address, host, sizeof host, port, sizeof port))
        return true;
    snprintf(why, size, "%s: expected HOST:PORT with a port of 0 to 65535", what);
    return false;
}

static bool set_flag(int fd, int option) {
    int one = 1;
    return setsockopt(fd, SOL_SOCKET, option, &one, sizeof one) == 0;
}

/* What the system says of a socket, and what helps. */
static void tell(const char *what, const char *address, int error, char *why, size_t size) {
    bool taken = error == EADDRINUSE || error == EACCES || error == EADDRNOTAVAIL;
    snprintf(why, size, "%s %s: %s", what, address, strerror(error));
    size_t len = strlen(why);
    if (taken && len < size)
        snprintf(why + len, size - len, ": --%s HOST:PORT names another address", what);
}

static int bind_one(const struct addrinfo *ai, bool shared) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_flag(fd, SO_REUSEADDR);
    if ((!shared || set_flag(fd, SO_REUSEPORT)) && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* A socket bound at the first of the address' meanings that can be, or -1. */
static int bind_at(const char *what, const char *address, bool shared, char *why, size_t size) {
    char host[HOST_MAX] = "", port[PORT_MAX];
    if (!net_check(what, address, why, size))
        return -1;
    split(address, host, sizeof host, port, sizeof port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (rc != 0) {
        snprintf(why, size, "%s %s: %s", what, address, gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
        fd = bind_one(ai, shared);
    int saved = errno;
    freeaddrinfo(found);
    if (fd < 0)
        tell(what, address, saved, why, size);
    return fd;
}

/* It was bound without SO_REUSEPORT, so that another's port is an error; from here on it lets the
 * workers' sockets in beside it. */
int net_reserve(const char *what, const char *address, char *why, size_t size) {
    int fd = bind_at(what, address, false, why, size);
    if (fd >= 0)
        set_flag(fd, SO_REUSEPORT);
    return fd;
}

int net_listen(const char *what, const char *address, bool shared, char *why, size_t size) {
    int fd = bind_at(what, address, shared, why, size);
    if (fd < 0 || listen(fd, BACKLOG) == 0)
        return fd;
    tell(what, address, errno, why, size);
    close(fd);
    return -1;
}

void net_shift(const char *address, unsigned by, char *out, size_t size) {
    const char *colon = strrchr(address, ':');
    unsigned long port = strtoul(colon + 1, NULL, 10);
    snprintf(out, size, "%.*s:%lu", (int)(colon - address), address, port ? port + by : 0);
}

union any_address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

static bool is_loopback(const union any_address *a) {
    if (a->sa.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    if (a->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr) && a->v6.sin6_addr.s6_addr[12] == 127);
    return a->sa.sa_family == AF_UNIX;
}

bool net_is_local(int fd) {
    union any_address at = {.sa.sa_family = AF_UNSPEC};
    socklen_t size = sizeof at;
    return getsockname(fd, &at.sa, &size) == 0 && is_loopback(&at);
}

bool net_is_open(const char *what, const char *address) {
    char host[HOST_MAX] = "", port[PORT_MAX], why[1];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST}, *found;
    if (!net_check(what, address, why, sizeof why))
        return false;
    split(address, host, sizeof host, port, sizeof port);
    if (getaddrinfo(*host ? host : NULL, port, &hints, &found) != 0)
        return false; /* a name */
    union any_address at = {.sa.sa_family = AF_UNSPEC};
    memcpy(&at, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return !is_loopback(&at);
}

void net_name(int fd, char out[NET_NAME]) {
    union any_address at = {.sa.sa_family = AF_UNSPEC};
    socklen_t size = sizeof at;
    char host[64] = "?", port[PORT_MAX] = "?";
    bool got = getsockname(fd, &at.sa, &size) == 0;
    if (got && at.sa.sa_family == AF_UNIX) {
        snprintf(out, NET_NAME, "%.*s", NET_NAME - 1, at.un.sun_path);
        return;
    }
    if (got)
        getnameinfo(&at.sa, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out, NET_NAME, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}
