/* topology - see topology.h. */
#include "common/redis/topology.h"

#include "common/redis/reply.h"

#include <stdlib.h>
#include <string.h>

/* CRC-16/XMODEM: polynomial 0x1021, starts with 0. Half a byte at a time: a table of 16. */
static uint16_t crc16(const char *s, size_t len) {
    static const uint16_t STEP[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                      0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                      0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)s[i];
        crc = (uint16_t)(crc << 4 ^ STEP[(crc >> 12 ^ byte >> 4) & 15]);
        crc = (uint16_t)(crc << 4 ^ STEP[(crc >> 12 ^ byte) & 15]);
    }
    return crc;
}

uint16_t topology_slot(const char *key, size_t len) {
    const char *open = memchr(key, '{', len);
    const char *close = open ? memchr(open + 1, '}', (size_t)(key + len - open - 1)) : NULL;
    if (close && close > open + 1) {
        key = open + 1;
        len = (size_t)(close - key);
    }
    return crc16(key, len) % CLUSTER_SLOTS;
}

static enum err_code wrong(struct err *e, const char *what) {
    return err_set(e, ERR_INTERNAL, "unexpected reply: %s", what);
}

/* A node is [address, port, id, …]. */
static bool read_node(const struct redisReply *r, const struct redis_address *asked,
                      struct redis_address *out) {
    const char *host;
    size_t n, len;
    int64_t port;
    struct err e;
    if (!r || reply_array(r, &n, &e) || n < 2 || reply_str(reply_item(r, 0), &host, &len, &e) ||
        reply_i64(reply_item(r, 1), 0, &port, &e) || port < 1 || port > 65535)
        return false;
    if (!host || len == 0 || (len == 1 && *host == '?')) {
        host = asked->host;
        len = strlen(host);
    }
    if (len >= sizeof out->host)
        return false;
    *out = (struct redis_address){.port = (unsigned)port};
    memcpy(out->host, host, len);
    return true;
}

static uint16_t master_index(struct topology *t, const struct redis_address *at) {
    for (size_t i = 0; i < t->n; i++)
        if (redis_address_eq(&t->masters[i], at))
            return (uint16_t)i;
    if (t->n == CLUSTER_MASTERS_MAX)
        return NO_MASTER;
    t->masters[t->n] = *at;
    return (uint16_t)t->n++;
}

/* [first slot, last slot, master, replicas…] */
static enum err_code read_range(const struct redisReply *r, const struct redis_address *asked,
                                struct topology *t, struct err *e) {
    size_t n;
    int64_t first, last;
    struct redis_address at;
    if (!r || reply_array(r, &n, e) || n < 3 || reply_i64(reply_item(r, 0), -1, &first, e) ||
        reply_i64(reply_item(r, 1), -1, &last, e) || first < 0 || last < first ||
        last >= CLUSTER_SLOTS || !read_node(reply_item(r, 2), asked, &at))
        return wrong(e, "slots");
    uint16_t master = master_index(t, &at);
    if (master == NO_MASTER)
        return err_set(e, ERR_INTERNAL, "more than %d masters", CLUSTER_MASTERS_MAX);
    for (int64_t slot = first; slot <= last; slot++) {
        t->unowned -= t->owner[slot] == NO_MASTER;
        t->owner[slot] = master;
    }
    return ERR_OK;
}

enum err_code topology_read(const struct redisReply *r, const struct redis_address *asked,
                            struct topology *out, struct err *e) {
    size_t n;
    memset(out, 0, sizeof *out);
    memset(out->owner, 0xff, sizeof out->owner);
    out->unowned = CLUSTER_SLOTS;
    if (reply_array(r, &n, e))
        return e->code;
    for (size_t i = 0; i < n; i++)
        if (read_range(reply_item(r, i), asked, out, e))
            return e->code;
    return ERR_OK;
}

static bool take_address(const char *host, size_t len, const char *port,
                         struct redis_address *out) {
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    *out = (struct redis_address){.port = (unsigned)number};
    if (*end || end == port || number < 1 || number > 65535 || len >= sizeof out->host)
        return false;
    memcpy(out->host, host, len);
    return true;
}

enum err_code topology_master(const struct redisReply *r, struct redis_address *out,
                              struct err *e) {
    const char *host, *port;
    size_t n, len, port_len;
    if (reply_ok(r, e))
        return e->code;
    if (reply_is_nil(r))
        return err_set(e, ERR_NOT_FOUND, "the sentinel knows no such master");
    if (reply_array(r, &n, e) || n != 2 || reply_str(reply_item(r, 0), &host, &len, e) ||
        reply_str(reply_item(r, 1), &port, &port_len, e) || !host || !port || len == 0 ||
        !take_address(host, len, port, out))
        return wrong(e, "master");
    return ERR_OK;
}

bool topology_is_master(const struct redisReply *role) {
    const char *word;
    size_t n, len;
    struct err e;
    return !reply_array(role, &n, &e) && n > 0 &&
           !reply_str(reply_item(role, 0), &word, &len, &e) && word && strcmp(word, "master") == 0;
}

/* "<slot> <host>:<port>"; the host may be an IPv6 address, or be left out. */
static bool read_place(const char *s, struct redirect *out) {
    char *end;
    unsigned long slot = strtoul(s, &end, 10);
    const char *host = end + 1, *colon = strrchr(s, ':');
    if (*end != ' ' || end == s || slot >= CLUSTER_SLOTS || !colon || colon < host)
        return false;
    out->slot = (uint16_t)slot;
    return take_address(host, (size_t)(colon - host), colon + 1, &out->to);
}

bool topology_redirect(const struct redisReply *r, struct redirect *out) {
    const char *text = reply_error(r);
    *out = (struct redirect){.kind = REDIRECT_NONE};
    if (!text)
        return false;
    if (strncmp(text, "MOVED ", 6) == 0 && read_place(text + 6, out))
        out->kind = REDIRECT_MOVED;
    else if (strncmp(text, "ASK ", 4) == 0 && read_place(text + 4, out))
        out->kind = REDIRECT_ASK;
    else if (strncmp(text, "TRYAGAIN", 8) == 0)
        out->kind = REDIRECT_LATER;
    return out->kind != REDIRECT_NONE;
}
