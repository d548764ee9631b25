/* resolve - see resolve.h. */
#include "common/base/resolve.h"

#include "common/base/aside.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct resolve {
    struct aside *aside; /* the asker's */
    struct resolved found;
    char host[];
};

static void resolve_keep(struct resolved *out, const struct addrinfo *a) {
    char *to = out->address[out->n];
    if (getnameinfo(a->ai_addr, a->ai_addrlen, to, RESOLVE_ADDRESS, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    for (unsigned i = 0; i < out->n; i++)
        if (strcmp(out->address[i], to) == 0)
            return;
    out->n++;
}

/* As getaddrinfo sorts them: RFC 6724. */
static int resolve_ask(const char *host, int flags, struct resolved *out) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list = NULL;
    out->n = 0;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    for (const struct addrinfo *a = rc ? NULL : list; a && out->n < RESOLVE_MAX; a = a->ai_next)
        resolve_keep(out, a);
    snprintf(out->why, sizeof out->why, "%s",
             rc == EAI_NONAME || rc == EAI_NODATA ? "there is no host of this name"
             : rc                                 ? gai_strerror(rc)
                                                  : "it has no address");
    if (rc == 0)
        freeaddrinfo(list);
    return rc;
}

bool resolve_is_number(const char *host, struct resolved *out) {
    return resolve_ask(host, AI_NUMERICHOST, out) == 0 && out->n > 0;
}

static void resolve_work(void *job) {
    struct resolve *r = job;
    resolve_ask(r->host, 0, &r->found);
}

struct resolve *resolve_begin(const char *host, void (*done)(void *arg), void *arg) {
    struct resolve *r = calloc(1, sizeof *r + strlen(host) + 1);
    if (!r)
        return NULL;
    memcpy(r->host, host, strlen(host) + 1);
    const struct aside_job job = {
        .work = resolve_work, .drop = free, .done = done, .job = r, .arg = arg};
    struct aside *a = aside_begin(&job);
    if (!a) {
        free(r);
        return NULL;
    }
    r->aside = a;
    return r;
}

const char *resolve_host(const struct resolve *r) {
    return r->host;
}

bool resolve_take(struct resolve *r, unsigned wait_ms, struct resolved *out) {
    bool over = aside_wait(r->aside, wait_ms);
    if (over)
        *out = r->found;
    return over;
}

void resolve_free(struct resolve *r) {
    if (r)
        aside_free(r->aside);
}
