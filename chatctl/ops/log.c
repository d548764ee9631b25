/* log - see log.h. Pages are told apart by whole ids, since an entry that is no message of ours may
 * have any. */
#include "chatctl/ops/log.h"

#include "chatctl/ops/ask.h"
#include "common/redis/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOG_PAGE 500
#define ID_SIZE 64 /* "(18446744073709551615-18446744073709551615" */

static void first_id(const struct log_range *range, char from[ID_SIZE]) {
    bool open = range->back ? range->up_to == LOG_END : range->after == 0;
    if (open)
        snprintf(from, ID_SIZE, "%s", range->back ? "+" : "-");
    else
        snprintf(from, ID_SIZE, "%" PRIu64, range->back ? range->up_to : range->after + 1);
}

/* The next page begins behind this entry. */
static bool pass_entry(const struct redisReply *entry, char from[ID_SIZE]) {
    const char *id = NULL;
    size_t len, n;
    struct err e;
    if (reply_array(entry, &n, &e) || n != 2 || reply_str(reply_item(entry, 0), &id, &len, &e) ||
        !id)
        return false;
    snprintf(from, ID_SIZE, "(%s", id);
    return true;
}

/* The XRANGE or XREVRANGE of a page; *n: how many entries came. */
static enum status read_page(struct invocation *in, const struct log_range *range, const char *from,
                             size_t count, const struct redisReply **r, size_t *n) {
    char to[ID_SIZE] = "+";
    struct err e = {0};
    struct cmd *c = redis_sync_cmd(in->redis);
    if (range->back)
        snprintf(to, sizeof to, "%" PRIu64, range->after + 1);
    else if (range->up_to != LOG_END)
        snprintf(to, sizeof to, "%" PRIu64, range->up_to);
    cmd_begin(c, range->back ? "XREVRANGE" : "XRANGE");
    cmd_channel_key(c, redis_sync_keys(in->redis), &range->channel, CHANNEL_LOG);
    cmd_copy(c, from, strlen(from));
    cmd_copy(c, to, strlen(to));
    cmd_literal(c, "COUNT");
    cmd_i64(c, (int64_t)count);
    enum status st = ask(in, r);
    return st == STATUS_DONE && reply_array(*r, n, &e) ? fail(&e) : st;
}

enum status log_each(struct invocation *in, const struct log_range *range, log_fn *fn, void *arg) {
    char from[ID_SIZE];
    uint64_t left = range->limit ? range->limit : UINT64_MAX;
    bool more = range->up_to > range->after;
    first_id(range, from);
    while (more) {
        const struct redisReply *r;
        size_t n, count = left < LOG_PAGE ? (size_t)left : LOG_PAGE;
        if (interrupted())
            return STATUS_INTERRUPTED;
        enum status st = read_page(in, range, from, count, &r, &n);
        if (st != STATUS_DONE)
            return st;
        for (size_t i = 0; i < n; i++) {
            struct log_entry entry = {.reply = reply_item(r, i)};
            entry.good = reply_entry(entry.reply, &range->channel, &entry.message);
            if (!fn(&entry, arg))
                return STATUS_DONE;
        }
        if (range->bar)
            progress_add(range->bar, n);
        left -= n;
        more = n == count && left > 0 && pass_entry(reply_item(r, n - 1), from);
    }
    return STATUS_DONE;
}
