/* redis_link - see redis_link.h.
 *
 * States: DOWN -> LOOKING (for the addresses of a name) -> CONNECTING -> GREETING (see greeting.h)
 * -> UP, and from anywhere back to DOWN, which sets the timer for the next try: at the name's next
 * address, and behind the last one the name is looked up again. NOSCRIPT in the middle of a
 * pipeline (somebody flushed the scripts): everything from there on is kept, in order, until what
 * is in flight has been answered; then the scripts are loaded and the kept commands sent again, so
 * that appends never overtake one another.
 */
#include "chatd/redis/redis_link.h"

#include "chatd/base/reply_arena.h"
#include "chatd/redis/greeting.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/resolve.h"
#include "common/base/secret.h"
#include "common/redis/reply.h"
#include "common/redis/resp.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 2000   /* a command not answered by then: the link is dead */
#define GREETING_MS 1500 /* the same for looking up, connecting and the handshake */
#define RETRY_MIN_MS 20  /* back-off: doubled up to the maximum, with jitter */
#define RETRY_MAX_MS 1000
#define LOUD_AFTER                                                                                 \
    5               /* failed tries until it is logged: an embedded Redis takes a moment to start */
#define TICK_MS 250 /* how often deadlines are looked at */
#define LOCATE_MS 50 /* between two looks whether it is known where to connect to */
#define IN_FLIGHT_MAX 200000
#define REFUSAL_MS 60000 /* without one: Redis takes writes again */
#define BUS_IDLE_MS 500  /* a bus that was silent for so long is pinged */

enum state { DOWN, LOOKING, CONNECTING, GREETING, UP, CLOSED };

struct pending {
    link_reply_fn fn;
    void *arg;
    link_aux aux;
    uint64_t deadline_ms;
    const char *text; /* the formatted command, kept for scripts only */
    size_t len;
    bool owned; /* `text` is ours to free */
};

/* A queue that grows; head moves on, and the space is used again when it is empty. */
struct queue {
    struct pending *items;
    size_t head, tail, cap;
};

struct redis_link {
    uv_loop_t *loop;
    const struct redis_uri *uri;
    char name[64];
    struct redis_link_hooks hooks;
    enum state state;
    redisContext *ctx;
    struct reply_arena *arena; /* memory of its answers */
    uv_poll_t *poll;           /* its own allocation: closes after the link went down */
    uv_timer_t tick, retry;
    uv_async_t looked_up;
    int handles;            /* of these three, to be closed yet */
    struct resolve *lookup; /* under way, perhaps for a name that isn't asked for any more */
    struct resolved found;
    unsigned next;                 /* of `found`, to be tried */
    char reached[RESOLVE_ADDRESS]; /* what worked last, which is tried first */
    unsigned tries;
    bool want_write, reloading, refused;
    bool starved; /* out of memory for what must not be left out: begins anew at the next tick */
    struct greeting greeting;
    uint64_t heard_ms;
    const char *refusal; /* of writes, by its word; NULL: there was none */
    uint64_t refusal_ms; /* the last one */
    struct queue sent;
    struct queue again, kept; /* what NOSCRIPT answered, and what came since: it goes behind that */
    struct cmd cmd;
};

static void go_down(struct redis_link *l, const char *why);
static void update_poll(struct redis_link *l);
static void on_retry(uv_timer_t *timer);

/* --- Queues --- */

static bool queue_push(struct queue *q, const struct pending *p) {
    if (q->head == q->tail)
        q->head = q->tail = 0;
    if (q->tail == q->cap && q->head > q->cap / 2) {
        memmove(q->items, q->items + q->head, (q->tail - q->head) * sizeof *q->items);
        q->tail -= q->head;
        q->head = 0;
    }
    if (q->tail == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        struct pending *items = realloc(q->items, cap * sizeof *items);
        if (!items)
            return false;
        q->items = items;
        q->cap = cap;
    }
    q->items[q->tail++] = *p;
    return true;
}

static bool queue_pop(struct queue *q, struct pending *out) {
    if (q->head == q->tail)
        return false;
    *out = q->items[q->head++];
    return true;
}

static size_t queue_length(const struct queue *q) {
    return q->tail - q->head;
}

static void pending_end(struct pending *p, const redisReply *reply) {
    if (p->owned)
        free((char *)p->text);
    if (p->fn)
        p->fn(reply, p->arg, p->aux);
}

/* --- Sending --- */

static void put(struct redis_link *l, struct pending *p, const char *text, size_t len) {
    p->deadline_ms = clock_mono_ms() + (l->state == UP ? ANSWER_MS : GREETING_MS);
    bool bus = l->hooks.role == LINK_BUS && l->state == UP;
    if (redisAppendFormattedCommand(l->ctx, text, len) != REDIS_OK ||
        (!bus && !queue_push(&l->sent, p))) {
        pending_end(p, NULL);
        go_down(l, "out of memory");
    }
}

static bool accepts(const struct redis_link *l) {
    return l && l->state >= GREETING && l->state <= UP && redis_link_in_flight(l) < IN_FLIGHT_MAX;
}

/* True: `text` is kept with p. */
static bool submit(struct redis_link *l, struct pending *p, const char *text, size_t len,
                   bool script) {
    bool keep = script || l->reloading;
    p->text = keep ? text : NULL;
    p->len = len;
    if (!l->reloading || l->state != UP)
        put(l, p, text, len);
    else if (!queue_push(&l->kept, p))
        pending_end(p, NULL);
    return keep;
}

/* During the handshake, too. */
static void link_call(struct redis_link *l, const struct cmd *c, link_reply_fn fn, void *arg,
                      link_aux aux) {
    bool bus = l && l->hooks.role == LINK_BUS && l->state == UP;
    bool script = c->script != SCRIPT_NONE;
    struct pending p = {.fn = bus ? NULL : fn, .arg = arg, .aux = aux};
    size_t len;
    char *text = accepts(l) ? resp_format(c, &len) : NULL;
    if (!text) {
        /* Nobody else would ever miss a greeting, or a subscription. */
        if (l && (l->state == GREETING || bus))
            l->starved = true;
        pending_end(&p, NULL);
        return;
    }
    p.owned = script || l->reloading;
    if (!submit(l, &p, text, len, script))
        free(text);
}

/* Nobody overtakes the handshake: a command that is asked before it has told which server this is,
 * and that its data are ours, must not be carried out. */
void redis_link_call(struct redis_link *l, const struct cmd *c, link_reply_fn fn, void *arg,
                     link_aux aux) {
    link_call(redis_link_up(l) ? l : NULL, c, fn, arg, aux);
}

void redis_link_send(struct redis_link *l, const struct link_text *t, link_reply_fn fn, void *arg,
                     link_aux aux) {
    struct pending p = {.fn = fn, .arg = arg, .aux = aux};
    if (t->asking) {
        cmd_asking(&l->cmd);
        redis_link_call(l, &l->cmd, NULL, NULL, NULL);
    }
    if (redis_link_up(l) && accepts(l))
        submit(l, &p, t->text, t->len, t->script);
    else
        pending_end(&p, NULL);
}

size_t redis_link_in_flight(const struct redis_link *l) {
    return queue_length(&l->sent) + queue_length(&l->again) + queue_length(&l->kept);
}

void redis_link_flush(struct redis_link *l) {
    if (l->state != GREETING && l->state != UP)
        return;
    int done = 0;
    if (redisBufferWrite(l->ctx, &done) == REDIS_ERR) {
        go_down(l, l->ctx->errstr);
        return;
    }
    if (l->want_write == !done)
        return;
    l->want_write = !done;
    update_poll(l);
}

/* --- NOSCRIPT --- */

/* Scripts that can't be loaded would be missed, and loaded, again and again: whether they can be is
 * for the next handshake to find out. */
static void on_script_loaded(const redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct redis_link *l = arg;
    if (!reply_error(reply))
        return;
    log_error("script_refused", "link=%s", l->name);
    go_down(l, reply_error(reply));
}

static void load_scripts(struct redis_link *l) {
    for (enum script s = 0; s < SCRIPTS; s++) {
        cmd_script_load(&l->cmd, s);
        link_call(l, &l->cmd, on_script_loaded, l, NULL);
    }
}

static void resend(struct redis_link *l, struct queue *q) {
    struct pending p;
    while (queue_pop(q, &p)) {
        if (l->state != UP)
            pending_end(&p, NULL);
        else
            put(l, &p, p.text, p.len);
    }
    free(q->items);
}

/* Everything that was in flight is answered: now the scripts, then what was kept, in its order. */
static void resend_kept(struct redis_link *l) {
    struct queue again = l->again, kept = l->kept;
    l->again = l->kept = (struct queue){0};
    l->reloading = false;
    log_warn("scripts_reloaded", "link=%s commands=%zu", l->name,
             queue_length(&again) + queue_length(&kept));
    load_scripts(l);
    resend(l, &again);
    resend(l, &kept);
}

/* --- Receiving --- */

static bool is_demoted(const redisReply *reply) {
    return reply_is_error(reply, "READONLY") || reply_is_error(reply, "MASTERDOWN") ||
           reply_is_error(reply, "LOADING");
}

/* Redis takes no writes for now. It is said whole, and once for as long as it lasts: each beat of
 * the node, and each message, is refused. */
static void note_refusal(struct redis_link *l, const redisReply *reply) {
    static const char *const WORDS[] = {"MISCONF", "OOM", "NOREPLICAS"};
    const char *word = NULL;
    char quoted[400];
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (reply_is_error(reply, WORDS[i]))
            word = WORDS[i];
    if (!word)
        return;
    uint64_t now = clock_mono_ms();
    if (word != l->refusal || now - l->refusal_ms > REFUSAL_MS)
        log_warn("redis_refuses", "link=%s reason=%s", l->name,
                 log_quote(quoted, sizeof quoted, reply->str, (size_t)reply->len));
    l->refusal = word;
    l->refusal_ms = now;
}

static void on_reply(struct redis_link *l, const redisReply *reply) {
    struct pending p;
    if (l->state == UP && l->hooks.role == LINK_BUS) {
        l->hooks.push(reply, l->hooks.arg);
        return;
    }
    if (!queue_pop(&l->sent, &p)) {
        go_down(l, "answer without a question");
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR)
        note_refusal(l, reply);
    if (p.text && l->state == UP && reply_is_noscript(reply)) {
        l->reloading = true;
        if (!queue_push(&l->again, &p))
            pending_end(&p, NULL);
    } else
        pending_end(&p, reply);
    if (l->reloading && l->sent.head == l->sent.tail)
        resend_kept(l);
    if (l->hooks.master && l->state == UP && is_demoted(reply))
        go_down(l, "it is no master any more");
}

static void readable(struct redis_link *l) {
    if (redisBufferRead(l->ctx) == REDIS_ERR) {
        go_down(l, l->ctx->errstr);
        return;
    }
    l->heard_ms = clock_mono_ms();
    while (l->state == GREETING || l->state == UP) {
        void *reply = NULL;
        if (redisGetReplyFromReader(l->ctx, &reply) == REDIS_ERR) {
            go_down(l, "malformed answer");
            return;
        }
        if (!reply)
            return;
        on_reply(l, reply);
        reply_arena_reset(l->arena);
    }
}

/* --- The end of the handshake --- */

static void link_refuse(struct redis_link *l, const char *why) {
    if (!l->refused) {
        l->refused = true;
        l->hooks.refused(why, l->hooks.arg);
    }
    go_down(l, why);
}

static void on_greeted(struct redis_link *l, enum greeting_end how, const char *why) {
    switch (how) {
    case GREETING_DONE:
        l->state = UP;
        if (l->found.n > 0)
            memcpy(l->reached, l->found.address[l->next - 1], sizeof l->reached);
        l->found.n = l->next = 0; /* a name may mean something else when it is needed again */
        l->tries = 0;
        l->refused = false;
        l->hooks.up(l->hooks.arg);
        break;
    case GREETING_LATER:
        go_down(l, why);
        break;
    case GREETING_REFUSED:
        link_refuse(l, why);
        break;
    }
}

/* --- Connecting --- */

static void connected(struct redis_link *l) {
    int err = 0;
    socklen_t size = sizeof err;
    if (getsockopt(l->ctx->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err) {
        go_down(l, strerror(err ? err : errno));
        return;
    }
    l->state = GREETING;
    greeting_begin(&l->greeting);
    if (l->state == GREETING)
        update_poll(l); /* no longer for writing: that is how a connection announces itself */
    redis_link_flush(l);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    struct redis_link *l = handle->data;
    if (!l || l->poll != handle)
        return;
    if (status < 0) /* refused, reset: the read says why */
        events = UV_READABLE | UV_WRITABLE;
    if (l->state == CONNECTING) {
        connected(l);
        return;
    }
    if (events & UV_READABLE)
        readable(l);
    if ((events & UV_WRITABLE) && l->poll == handle)
        redis_link_flush(l);
}

static void update_poll(struct redis_link *l) {
    bool writable = l->want_write || l->state == CONNECTING;
    uv_poll_start(l->poll, UV_READABLE | (writable ? UV_WRITABLE : 0), on_poll);
}

static bool start_poll(struct redis_link *l) {
    l->poll = calloc(1, sizeof *l->poll);
    if (!l->poll)
        return false;
    if (uv_poll_init(l->loop, l->poll, l->ctx->fd) != 0) {
        free(l->poll);
        l->poll = NULL;
        return false;
    }
    l->poll->data = l;
    l->want_write = false;
    update_poll(l);
    return true;
}

/* To the next address. hiredis would look a name up on the loop, and try one address of it. */
static void dial(struct redis_link *l) {
    const struct redis_uri *u = l->uri;
    l->ctx = u->kind == REDIS_TCP ? redisConnectNonBlock(l->found.address[l->next++], (int)u->port)
                                  : redisConnectUnixNonBlock(u->path);
    l->state = CONNECTING;
    l->heard_ms = clock_mono_ms();
    if (!l->ctx || l->ctx->err)
        go_down(l, l->ctx ? l->ctx->errstr : "out of memory");
    else {
        reply_arena_attach(l->arena, l->ctx->reader);
        if (!start_poll(l))
            go_down(l, "can't poll the socket");
    }
}

static void begin_with_reached(struct redis_link *l) {
    char first[RESOLVE_ADDRESS];
    for (unsigned i = 1; i < l->found.n; i++) {
        if (strcmp(l->found.address[i], l->reached) != 0)
            continue;
        memcpy(first, l->found.address[i], sizeof first);
        memmove(l->found.address[1], l->found.address[0], i * sizeof first);
        memcpy(l->found.address[0], first, sizeof first);
        return;
    }
}

static void on_looked_up(uv_async_t *async) {
    struct redis_link *l = async->data;
    struct resolved found;
    if (!l->lookup || !resolve_take(l->lookup, 0, &found))
        return;
    bool wanted = l->state == LOOKING && strcmp(resolve_host(l->lookup), l->uri->host) == 0;
    resolve_free(l->lookup);
    l->lookup = NULL;
    if (!wanted)
        return;
    l->found = found;
    l->next = 0;
    begin_with_reached(l);
    if (found.n > 0)
        dial(l);
    else
        go_down(l, found.why);
}

static void tell_looked_up(void *async) {
    uv_async_send(async);
}

/* One at a time: a resolver that hangs must not gather threads. */
static void look_up(struct redis_link *l) {
    l->state = LOOKING;
    l->heard_ms = clock_mono_ms();
    if (!l->lookup)
        l->lookup = resolve_begin(l->uri->host, tell_looked_up, &l->looked_up);
    if (!l->lookup)
        go_down(l, "no thread to look a name up");
    else if (strcmp(resolve_host(l->lookup), l->uri->host) != 0)
        go_down(l, "another name is still being looked up");
}

static void connect_now(uv_timer_t *timer) {
    struct redis_link *l = timer->data;
    if (l->next < l->found.n) {
        dial(l);
        return;
    }
    l->found.n = l->next = 0;
    if (l->hooks.locate && !l->hooks.locate(l->hooks.arg)) {
        uv_timer_start(&l->retry, on_retry, LOCATE_MS, 0);
        return;
    }
    if (l->uri->kind != REDIS_TCP || resolve_is_number(l->uri->host, &l->found))
        dial(l);
    else
        look_up(l);
}

/* --- Going down --- */

static void free_handle(uv_handle_t *h) {
    free(h);
}

static void close_socket(struct redis_link *l) {
    if (l->poll) {
        uv_poll_stop(l->poll);
        l->poll->data = NULL;
        uv_close((uv_handle_t *)l->poll, free_handle);
        l->poll = NULL;
    }
    redisFree(l->ctx);
    l->ctx = NULL;
}

static void queue_lose(struct queue *q) {
    struct queue lost = *q;
    *q = (struct queue){0};
    struct pending p;
    while (queue_pop(&lost, &p))
        pending_end(&p, NULL);
    free(lost.items);
}

/* The next try: at once after a link that worked, and at another address of a name; then with a
 * growing, jittered delay. */
static uint64_t retry_delay(struct redis_link *l) {
    if (l->next < l->found.n)
        return 0;
    unsigned tries = l->tries++;
    if (tries == 0)
        return 0;
    uint64_t max = RETRY_MIN_MS << (tries < 7 ? tries : 7);
    if (max > RETRY_MAX_MS)
        max = RETRY_MAX_MS;
    return max / 2 + secret_uniform((uint32_t)(max / 2));
}

/* A context that is being read from stays allocated until the read loop is out of it: closing is
 * put off to the retry timer by moving it aside. */
static void go_down(struct redis_link *l, const char *why) {
    if (l->state == DOWN || l->state == CLOSED)
        return;
    bool was_up = l->state == UP;
    if (was_up || l->tries == LOUD_AFTER) {
        char quoted[160];
        log_warn("redis_down", "link=%s reason=%s", l->name,
                 log_quote(quoted, sizeof quoted, why, strlen(why)));
    }
    l->state = DOWN;
    l->reloading = l->starved = false;
    uv_poll_t *poll = l->poll;
    if (poll)
        uv_poll_stop(poll);
    queue_lose(&l->sent);
    queue_lose(&l->again);
    queue_lose(&l->kept);
    uv_timer_start(&l->retry, on_retry, retry_delay(l), 0);
    if (was_up)
        l->hooks.down(l->hooks.arg);
}

static void on_retry(uv_timer_t *timer) {
    struct redis_link *l = timer->data;
    close_socket(l);
    connect_now(timer);
}

static void on_tick(uv_timer_t *timer) {
    struct redis_link *l = timer->data;
    uint64_t now = clock_mono_ms();
    if (l->state == CONNECTING && now - l->heard_ms > GREETING_MS)
        go_down(l, "no connection in time");
    else if (l->state == LOOKING && now - l->heard_ms > GREETING_MS)
        go_down(l, "its name can't be looked up in time");
    else if (l->starved)
        go_down(l, "out of memory");
    else if (l->sent.head != l->sent.tail && l->sent.items[l->sent.head].deadline_ms < now)
        go_down(l, "no answer in time");
    else if (l->state == UP && l->hooks.role == LINK_BUS && now - l->heard_ms > ANSWER_MS)
        go_down(l, "no answer in time");
    else if (l->state == UP && l->hooks.role == LINK_BUS && now - l->heard_ms > BUS_IDLE_MS) {
        cmd_ping(&l->cmd);
        redis_link_call(l, &l->cmd, NULL, NULL, NULL);
    }
}

/* --- Life --- */

struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_uri *uri,
                                  const struct keyspace *ks, const char *name,
                                  const struct redis_link_hooks *hooks) {
    struct redis_link *l = calloc(1, sizeof *l);
    if (!l || !(l->arena = reply_arena_new())) {
        free(l);
        return NULL;
    }
    l->loop = loop;
    l->uri = uri;
    l->hooks = *hooks;
    snprintf(l->name, sizeof l->name, "%s", name);
    cmd_init(&l->cmd);
    l->greeting = (struct greeting){.uri = uri,
                                    .ks = ks,
                                    .name = l->name,
                                    .link = &l->hooks,
                                    .cmd = &l->cmd,
                                    .send = link_call,
                                    .end = on_greeted,
                                    .arg = l};
    uv_timer_init(loop, &l->tick);
    uv_timer_init(loop, &l->retry);
    uv_async_init(loop, &l->looked_up, on_looked_up);
    l->tick.data = l->retry.data = l->looked_up.data = l;
    l->handles = 3;
    return l;
}

void redis_link_start(struct redis_link *l) {
    uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_start(&l->retry, on_retry, 0, 0);
}

void redis_link_move(struct redis_link *l, const char *why) {
    l->found.n = l->next = 0;
    go_down(l, why);
    l->tries = 0;
    if (l->state == DOWN)
        uv_timer_start(&l->retry, on_retry, 0, 0);
}

bool redis_link_up(const struct redis_link *l) {
    return l && l->state == UP;
}

const char *redis_link_history(const struct redis_link *l) {
    return l->greeting.run;
}

static void on_handle_closed(uv_handle_t *h) {
    struct redis_link *l = h->data;
    if (--l->handles > 0)
        return;
    cmd_free(&l->cmd);
    reply_arena_free(l->arena);
    free(l);
}

void redis_link_free(struct redis_link *l) {
    if (!l)
        return;
    l->state = CLOSED;
    queue_lose(&l->sent);
    queue_lose(&l->again);
    queue_lose(&l->kept);
    close_socket(l);
    resolve_free(l->lookup);
    l->lookup = NULL;
    uv_close((uv_handle_t *)&l->looked_up, on_handle_closed);
    uv_close((uv_handle_t *)&l->tick, on_handle_closed);
    uv_close((uv_handle_t *)&l->retry, on_handle_closed);
}

#define TEXT(n) #n
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *redis_link_library(void) {
    return VERSION(HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
}
