/* fuzz_topology - what a Redis, a Cluster's node or a sentinel says of itself and of the others:
 * CLUSTER SLOTS, the master's address, ROLE, redirections, CONFIG GET, INFO. The input is RESP, of
 * which each value is read as each of them. */
#include "tests/fuzz/fuzz.h"

#include "common/redis/durability.h"
#include "common/redis/topology.h"

#include <hiredis/hiredis.h>
#include <string.h>

#define ELEMENTS_MAX 1000 /* hiredis before 1.0 allocates as many as it is told */

static void is_address(const struct redis_address *a) {
    MUST(memchr(a->host, 0, sizeof a->host) && a->port <= 65535);
}

static void read_slots(const redisReply *r) {
    static struct topology t;
    static const struct redis_address asked = {.host = "192.0.2.1", .port = 6379};
    struct err e;
    /* Clearing the map costs more than all the rest: not for what it refuses at once. */
    if (r->type != REDIS_REPLY_ARRAY || topology_read(r, &asked, &t, &e) != ERR_OK || t.n == 0)
        return;
    unsigned unowned = 0;
    MUST(t.n <= CLUSTER_MASTERS_MAX);
    for (size_t i = 0; i < t.n; i++)
        is_address(&t.masters[i]);
    for (size_t i = 0; i < CLUSTER_SLOTS; i++) {
        MUST(t.owner[i] < t.n || t.owner[i] == NO_MASTER);
        unowned += t.owner[i] == NO_MASTER;
    }
    MUST(t.unowned == unowned);
}

static void read_rest(const redisReply *r) {
    struct redis_address master;
    struct redirect to;
    struct persistence p;
    struct err e;
    char why[128];
    if (topology_master(r, &master, &e) == ERR_OK)
        is_address(&master);
    topology_is_master(r);
    if (topology_redirect(r, &to)) {
        MUST(to.kind != REDIRECT_NONE && to.slot < CLUSTER_SLOTS);
        is_address(&to.to);
    }
    if (durability_from_config(r, &p) || durability_from_info(r, &p)) {
        MUST(memchr(p.fsync, 0, sizeof p.fsync));
        for (enum durability d = DURABILITY_REDIS; d <= DURABILITY_REPLICATED; d++)
            MUST(durability_kept(d, &p, why, sizeof why) || memchr(why, 0, sizeof why));
    }
}

static bool asks_for_much(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned long n = 0;
        if (data[i] != '*')
            continue;
        for (i++; i < size && (data[i] == '-' || data[i] == '+' || data[i] <= '9'); i++)
            if (data[i] >= '0' && (n = n * 10 + data[i] - '0') > ELEMENTS_MAX)
                return true;
        i--;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    void *reply = NULL;
    if (asks_for_much(data, size))
        return 0;
    redisReader *reader = redisReaderCreate();
    MUST(reader);
    redisReaderFeed(reader, (const char *)data, size);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        read_slots(reply);
        read_rest(reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
