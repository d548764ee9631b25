/* probe - see probe.h. */
#include "chatd/channel/probe.h"

#include "chatd/base/frame.h"

#include <string.h>
#include <uv.h>

#define EVERY_NS 400000000u /* at each sweep, that is: twice a second … */
#define LOST_NS 2000000000u /* … but not while one is under way, unless it won't come any more */
#define NS_PER_MS 1000000u

void probe_tick(struct probe *p) {
    uint64_t now = uv_hrtime();
    uint64_t pause = p->heard == p->number ? EVERY_NS : LOST_NS;
    bool due = !p->number || now - p->sent_ns >= pause;
    if (!p->on || !due || !redis_pool_up(p->redis->pool))
        return;
    struct buf *b = frame_scratch();
    p->number++;
    p->sent_ns = now;
    event_write_probe(b, p->redis->node_id, p->number);
    cmd_publish_all(&p->redis->cmd, &p->redis->keys, b->data, b->len);
    redis_tell(p->redis);
    buf_reset(b);
}

void probe_heard(struct probe *p, const struct event *ev) {
    if (ev->seq != p->number || p->heard == p->number || strcmp(ev->node, p->redis->node_id) != 0)
        return; /* another node's, or too late */
    p->heard = p->number;
    p->heard_ns = uv_hrtime();
    p->last_ns = p->heard_ns - p->sent_ns;
    p->sum_ns += p->last_ns;
    p->count++;
}

uint64_t probe_age_ms(const struct probe *p) {
    return p->heard_ns ? (uv_hrtime() - p->heard_ns) / NS_PER_MS : UINT64_MAX;
}
