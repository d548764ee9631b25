/* shapes - see load.h. What is measured is bracketed by begin and end. */
#include "load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP (2 * SECOND) /* nothing delivered for so long: the rest is lost */
#define MISSED 10            /* messages that a storm's clients have to be given */
#define PAGE 50
#define DEADLINE (120 * SECOND)

static uint64_t sent, before; /* messages; deliveries when the drive began */

/* --- The bystander: its messages go out on schedule, however late the one before came back, so
 * that a slow answer isn't counted once where it held up many --- */

static uint64_t probe_due;

static uint64_t period(void) {
    return (uint64_t)opt.probe_ms * (SECOND / 1000);
}

static void probe(void) {
    struct conn *c = &conns[total - 1];
    uint64_t t = now();
    if (!opt.probe_ms || t < probe_due)
        return;
    probe_due = probe_due && t - probe_due < SECOND ? probe_due + period() : t + period();
    chat_send(c, c);
    conn_flush(c);
}

static void turn_with_probe(uint64_t wait_ns) {
    turn(opt.probe_ms && period() / 4 < wait_ns ? period() / 4 : wait_ns);
    probe();
}

/* --- Messages --- */

static uint64_t receivers(void) {
    return opt.shape == BROADCAST ? (uint64_t)opt.connections : 2;
}

static struct conn *send_next(void) {
    struct conn *c, *to = NULL;
    int n = opt.connections;
    if (opt.shape == BROADCAST)
        c = &conns[n];
    else if (opt.shape == PAIRS) {
        c = &conns[sent % (uint64_t)n];
        to = &conns[c->index ^ 1];
    } else { /* channel after channel, but not neighbours after one another */
        int k = (int)(sent * 7919 % (uint64_t)opt.channels);
        c = &conns[k % n];
        to = &conns[(k % n + k / n + 1) % n];
    }
    chat_send(c, to);
    sent++;
    return c;
}

/* Closed loop: fills the window. Open loop: sends what is due. A publisher's frames go in one
 * write. */
static void send_due(uint64_t start) {
    uint64_t done = (tally.deliveries - before) / receivers();
    struct conn *last = NULL;
    for (;;) {
        uint64_t due = opt.rate > 0 ? (uint64_t)((double)(now() - start) / 1e9 * opt.rate) + 1
                                    : done + (uint64_t)opt.window;
        if (sent >= due)
            break;
        struct conn *c = send_next();
        if (last && last != c)
            conn_flush(last);
        last = c;
    }
    if (last)
        conn_flush(last);
}

static uint64_t wait_for_due(uint64_t start) {
    if (opt.rate <= 0)
        return SECOND / 10;
    uint64_t next = start + (uint64_t)((double)sent / opt.rate * 1e9), t = now();
    return next > t ? next - t : 0;
}

/* Sends for so long, then waits until everything has arrived. Returns the deliveries lost. */
static uint64_t drive(double seconds, uint64_t *last_delivery) {
    uint64_t start = now(), end = start + (uint64_t)(seconds * (double)SECOND);
    sent = 0;
    before = tally.deliveries;
    *last_delivery = start;
    for (;;) {
        bool sending = now() < end;
        uint64_t expected = sent * receivers(), was = tally.deliveries;
        if (sending)
            send_due(start);
        else if (was - before >= expected)
            return 0;
        turn_with_probe(sending ? wait_for_due(start) : SECOND / 100);
        if (tally.deliveries != was)
            *last_delivery = now();
        else if (now() - *last_delivery > GIVE_UP && (!sending || opt.rate <= 0))
            return sent * receivers() - (tally.deliveries - before);
    }
}

/* --- Brackets --- */

static struct usage server0, redis0;
static double own0;
static uint64_t start0;

static void begin(void) {
    latency.n = probe_times.n = 0;
    server0 = usage_of(opt.pids);
    redis0 = usage_of(opt.redis);
    own0 = usage_own();
    start0 = now();
}

static void end(struct report *r, uint64_t at) {
    struct usage server = usage_of(opt.pids), redis = usage_of(opt.redis);
    r->seconds = (double)(at - start0) / 1e9;
    r->server_us = server.cpu_us - server0.cpu_us;
    r->busiest_us = server.busiest_us - server0.busiest_us;
    r->redis_us = redis.cpu_us - redis0.cpu_us;
    r->own_us = usage_own() - own0;
}

/* --- The shapes --- */

static void run_messages(struct report *r) {
    uint64_t last;
    measuring = true;
    drive(opt.warm, &last);
    turn_for(0.05);
    begin();
    uint64_t deliveries = tally.deliveries;
    r->lost = drive(opt.seconds, &last);
    turn_for(0.2); /* what is behind a delivery, such as Redis' append-only file */
    end(r, last);
    r->units = tally.deliveries - deliveries;
    r->messages = sent;
}

/* Each connection keeps `window` requests for a page of history in flight. */
static void run_history(struct report *r) {
    struct conn *publisher = &conns[opt.connections];
    for (int i = 0; i < 4 * PAGE; i++)
        chat_send(publisher, NULL);
    conn_flush(publisher);
    settle(300);
    begin();
    uint64_t until = now() + (uint64_t)(opt.seconds * (double)SECOND), pages = tally.pages;
    uint64_t asked = 0, window = (uint64_t)opt.window * (uint64_t)opt.connections;
    while (now() < until || tally.pages - pages < asked) {
        while (now() < until && asked - (tally.pages - pages) < window)
            chat_ask_page(&conns[asked++ % (uint64_t)opt.connections], PAGE);
        turn(SECOND / 100);
        if (now() > until + 5 * SECOND)
            die("pages are missing: %llu of %llu", (unsigned long long)(tally.pages - pages),
                (unsigned long long)asked);
    }
    end(r, now());
    r->units = r->messages = asked;
}

/* Everybody gives the right password, `window` at once. */
static void run_passwords(struct report *r) {
    int next = 0, base = tally.signed_in;
    uint64_t deadline = now() + DEADLINE;
    probe();
    turn_for(0.2);
    begin();
    while (tally.signed_in - base < opt.connections && now() < deadline) {
        while (next < opt.connections && next - (tally.signed_in - base) < opt.window)
            chat_sign_in(&conns[next++]);
        turn_with_probe(SECOND / 100);
    }
    end(r, now());
    r->units = (uint64_t)(tally.signed_in - base);
    r->messages = r->units;
}

static void publish(int n) {
    for (int i = 0; i < n; i++)
        chat_send(&conns[opt.connections], NULL);
    conn_flush(&conns[opt.connections]);
    settle(300);
}

static void resume(struct conn *c) {
    if (c->index < opt.connections)
        chat_resume(c, MISSED);
}

/* The node dies; everybody comes to the other one at once and wants what was said meanwhile. */
static void run_storm(struct report *r) {
    publish(MISSED);
    kill(opt.victim, SIGKILL);
    settle(300);
    publish(MISSED);
    on_greeted = resume;
    tally.recovered = 0;
    turn_for(0);
    begin();
    uint64_t deadline = now() + DEADLINE;
    for (int i = 0; i < opt.connections; i++) {
        conn_open(&conns[i], opt.other_port);
        if (i % 64 == 63)
            turn_with_probe(0);
    }
    while (tally.recovered < opt.connections && now() < deadline)
        turn_with_probe(SECOND / 100);
    end(r, now());
    r->units = (uint64_t)tally.recovered;
    r->messages = r->units;
}

static void come_back_when_due(void) {
    uint64_t t = now();
    for (int i = 0; i < opt.connections; i++) {
        struct conn *c = &conns[i];
        if (c->state != GONE || c->return_at > t)
            continue;
        if (c->return_at == 0)
            die("connection %d was closed without being told when to return", i);
        conn_open(c, opt.other_port);
    }
}

/* The node is stopped in good order; each comes to the other one when it was told to, and resumes.
 */
static void run_drain(struct report *r) {
    publish(MISSED);
    on_greeted = resume;
    tally.recovered = 0;
    begin();
    kill(opt.victim, SIGTERM);
    uint64_t deadline = now() + DEADLINE;
    while (tally.recovered < opt.connections && now() < deadline) {
        turn_with_probe(SECOND / 500);
        come_back_when_due();
    }
    end(r, now());
    r->units = (uint64_t)tally.recovered;
    r->messages = r->units;
}

void run_shape(struct report *r) {
    switch (opt.shape) {
    case BROADCAST:
    case PAIRS:
    case MESH:
        run_messages(r);
        break;
    case HISTORY:
        run_history(r);
        break;
    case STORM:
        run_storm(r);
        break;
    case DRAIN:
        run_drain(r);
        break;
    case PASSWORDS:
        run_passwords(r);
        break;
    case IDLE:
        break;
    }
}
