/* limits - see limits.h. */
#include "chatd/session/limits.h"

#include "common/base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 4000000u /* the thousandths of a bucket hold no more */

static uint64_t clamp(uint64_t rate) {
    return rate > RATE_MAX ? RATE_MAX : rate;
}

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now_ms) {
    b->tokens_milli = (uint32_t)(clamp(rate) * 1000);
    b->last_ms = (uint32_t)now_ms;
}

uint32_t bucket_take(struct bucket *b, uint64_t rate, uint64_t now_ms) {
    if (rate == 0)
        return 0;
    rate = clamp(rate);
    uint32_t passed = (uint32_t)now_ms - b->last_ms;
    uint64_t tokens = b->tokens_milli + (uint64_t)passed * rate;
    b->last_ms = (uint32_t)now_ms;
    b->tokens_milli = (uint32_t)(tokens > rate * 1000 ? rate * 1000 : tokens);
    if (b->tokens_milli >= 1000) {
        b->tokens_milli -= 1000;
        return 0;
    }
    return (uint32_t)((1000 - b->tokens_milli + rate - 1) / rate);
}

bool addresses_init(struct addresses *a) {
    return table_init(&a->table) && keeper_init(&a->keeper);
}

static void free_node(struct table_node *n, void *arg) {
    (void)arg;
    free(container_of(n, struct address, node));
}

void addresses_free(struct addresses *a) {
    if (a->table.slots)
        table_each(&a->table, free_node, NULL);
    table_free(&a->table);
    keeper_free(&a->keeper);
}

/* Fills ip, loopback and text. A peer that is neither IPv4 nor IPv6 (a Unix socket) counts as
 * loopback. */
static void describe(struct address *out, const struct sockaddr *sa) {
    memset(out, 0, sizeof *out);
    out->loopback = true;
    memcpy(out->text, "local", sizeof "local");
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;
        out->ip[10] = out->ip[11] = 0xff;
        memcpy(out->ip + 12, &v4->sin_addr, 4);
        out->loopback = out->ip[12] == 127;
        inet_ntop(AF_INET, &v4->sin_addr, out->text, sizeof out->text);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sa;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        memcpy(out->ip, &v6->sin6_addr, 16);
        out->loopback = mapped ? out->ip[12] == 127 : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        if (!mapped && !out->loopback)
            memset(out->ip + 8, 0, 8);
        inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? out->ip + 12 : out->ip, out->text,
                  sizeof out->text);
        size_t n = strlen(out->text);
        if (!mapped && !out->loopback)
            snprintf(out->text + n, sizeof out->text - n, "/64");
    }
}

static struct address *address_new(struct addresses *a, const struct address *seen) {
    struct address *addr = malloc(sizeof *addr);
    if (!addr)
        return NULL;
    *addr = *seen;
    keeper_take(&a->keeper, addr->ip, addr->rate, KEEPER_BUCKETS);
    table_add(&a->table, &addr->node, addr->ip, sizeof addr->ip);
    return addr;
}

struct address *addresses_enter(struct addresses *a, const struct sockaddr *sa, uint64_t max,
                                bool count_loopback) {
    struct address seen;
    describe(&seen, sa);
    struct table_node *n = table_find(&a->table, seen.ip, sizeof seen.ip);
    struct address *addr = n ? container_of(n, struct address, node) : NULL;
    if (!addr)
        addr = address_new(a, &seen);
    if (!addr)
        return NULL;
    bool counts = !addr->loopback || count_loopback;
    addr->connections++;
    a->connections++;
    if (counts && (addr->connections > max || bucket_take(&addr->rate[ADDRESS_CONNECTS],
                                                          a->connect_rate, clock_mono_ms()) > 0)) {
        addresses_leave(a, addr);
        return NULL;
    }
    return addr;
}

void addresses_leave(struct addresses *a, struct address *addr) {
    if (!addr)
        return;
    a->connections--;
    if (--addr->connections > 0)
        return;
    table_remove(&a->table, &addr->node);
    keeper_put(&a->keeper, addr->ip, addr->rate, KEEPER_BUCKETS, clock_mono_ms());
    free(addr);
}
