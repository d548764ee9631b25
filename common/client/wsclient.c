/* wsclient - see wsclient.h.
 *
 * A link is one connection, from wsclient_open to the end of its socket; it may outlive its time as
 * the client's current one while it says goodbye. Names are looked up in a thread, since lws would
 * block the loop for it; lws then gets addresses, one after the other until one answers. What ends
 * a link is noted in it where it is noticed, and told by step(), from a timer: then no function of
 * lws or of the caller is on the stack.
 */
#include "common/client/wsclient.h"

#include "common/base/resolve.h"
#include "common/base/secret.h"
#include "common/client/ws_url.h"
#include "common/proto/validate.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RX_BYTES 4096
#define FRAGMENTS_MAX 8192 /* pieces of one message: more than 4 MiB of full ones */
#define QUEUE_COUNT_MAX 10000
#define REASON_MAX 300
#define GOODBYE_SECS 3 /* for what is queued, and the server's answer */
#define END_MS 500
#define TRY_MS 2500 /* for an address when there is another: not all need lead anywhere */

struct piece {
    struct piece *next;
    size_t len;
    char room[LWS_PRE];
    char text[];
};

struct link {
    struct wsclient *c;
    struct ws_url url;
    struct resolve *lookup; /* under way */
    struct resolved found;
    unsigned next; /* of `found`, not tried yet */
    uint64_t deadline;
    struct lws *wsi;
    bool connecting; /* lws is, on the stack */
    bool open, over; /* over: nothing but to be told and freed */
    bool abandoned;  /* closed by the caller, who hears no more of it */
    bool final, has_said_goodbye;
    unsigned code;
    char reason[REASON_MAX]; /* "" = not known yet */

    struct piece *first, *last;
    size_t queued, count;
    bool wants_ping, pinged, heard;

    char *part;
    size_t part_len, part_cap;
    unsigned fragments;
};

struct wsclient {
    uv_loop_t *loop;
    struct wsclient_hooks hooks;
    void *arg;
    unsigned open_ms, ping_ms;
    SSL_CTX *tls;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct link *link;       /* the current one */
    unsigned links;          /* all there are */
    uv_timer_t clock, later; /* deadline and pings; step() */
    uv_async_t looked_up;
    bool ending;
};

/* --- The end of a link --- */

static void note(struct link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct link *l, const char *fmt, ...) {
    va_list ap;
    if (*l->reason) /* the first is the cause, the rest comes of it */
        return;
    va_start(ap, fmt);
    vsnprintf(l->reason, sizeof l->reason, fmt, ap);
    va_end(ap);
}

static void step(uv_timer_t *timer);
static void tick(uv_timer_t *timer);

static void soon(struct wsclient *c) {
    if (!c->ending)
        uv_timer_start(&c->later, step, 0, 0);
}

static void on_end(uv_timer_t *timer) {
    struct wsclient *c = timer->data;
    if (uv_is_closing((uv_handle_t *)timer))
        return;
    uv_close((uv_handle_t *)&c->clock, NULL);
    uv_close((uv_handle_t *)&c->later, NULL);
    uv_close((uv_handle_t *)&c->looked_up, NULL);
    lws_context_destroy(c->context); /* cuts what links are left */
}

static void drop_queue(struct link *l) {
    for (struct piece *p; (p = l->first);) {
        l->first = p->next;
        secret_wipe(p->text, p->len);
        free(p);
    }
    l->last = NULL;
    l->queued = l->count = 0;
}

/* Frees it, if nothing can come back to it. */
static void release(struct link *l) {
    struct wsclient *c = l->c;
    if (l->wsi)
        return;
    if (--c->links == 0 && c->ending && !uv_is_closing((uv_handle_t *)&c->later))
        uv_timer_start(&c->later, on_end, 0, 0);
    drop_queue(l);
    resolve_free(l->lookup);
    free(l->part);
    free(l);
}

/* Nobody hears of it any more, and it goes. Not from lws' callback for it. */
static void cut(struct link *l) {
    l->abandoned = true;
    if (l->wsi)
        lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    else
        release(l);
}

/* The current link is over. */
static void tell_closed(struct wsclient *c, void (*and_then)(struct link *l)) {
    struct link *l = c->link;
    bool final = l->final;
    unsigned code = l->code;
    char reason[REASON_MAX];
    memcpy(reason, l->reason, sizeof reason);
    c->link = NULL;
    uv_timer_stop(&c->clock);
    and_then(l);
    c->hooks.closed(code, final, reason, c->arg);
}

/* --- Certificates --- */

static bool name_fits(X509 *certificate, const struct ws_url *url) {
    return X509_check_ip_asc(certificate, url->host, 0) == 1 ||
           (!url->v6 && X509_check_host(certificate, url->host, 0,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1);
}

static void note_certificate(struct link *l, int error) {
    l->final = true;
    if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH)
        note(l, "the server's certificate is not for %s", l->url.host);
    else
        note(l, "the server's certificate can't be trusted: %s",
             X509_verify_cert_error_string(error));
}

/* OpenSSL has judged one certificate of the chain; 0 = go on. lws cuts a host at its first colon,
 * and so could not check IPv6 addresses: all names are checked here. */
static int verify(struct link *l, X509_STORE_CTX *store, bool good) {
    if (good && X509_STORE_CTX_get_error_depth(store) == 0 &&
        !name_fits(X509_STORE_CTX_get_current_cert(store), &l->url)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
        good = false;
    }
    if (!good)
        note_certificate(l, X509_STORE_CTX_get_error(store));
    return !good;
}

/* The same asked once more of the connection that came of it, before a word is said: lws is not
 * trusted to have asked. */
static bool is_secure(struct link *l) {
    SSL *ssl = lws_get_ssl(l->wsi);
    X509 *certificate = ssl ? SSL_get_peer_certificate(ssl) : NULL;
    bool ok =
        certificate && SSL_get_verify_result(ssl) == X509_V_OK && name_fits(certificate, &l->url);
    X509_free(certificate);
    if (!ok)
        note_certificate(l, X509_V_ERR_UNSPECIFIED);
    return ok;
}

/* --- Sending --- */

/* A close frame (RFC 6455 section 5.2), by ourselves, which LWS_WRITE_HTTP sends as it is. lws' own
 * way to say goodbye is out of reach (lws_close_reason, and its answer to the server's): while it
 * waits to have said it, 4.1.6 goes on to store what comes, without an end, behind its buffer. */
static void say_goodbye(struct link *l, unsigned code) {
    unsigned char room[LWS_PRE + 8], *frame = room + LWS_PRE;
    if (l->has_said_goodbye)
        return;
    l->has_said_goodbye = true;
    frame[0] = 0x88; /* final, close */
    frame[1] = 0x82; /* masked, two bytes */
    secret_random(frame + 2, 4);
    frame[6] = (unsigned char)(code >> 8) ^ frame[2];
    frame[7] = (unsigned char)code ^ frame[3];
    lws_write(l->wsi, frame, 8, LWS_WRITE_HTTP);
}

/* One write a call, as lws wants it. */
static int writeable(struct link *l) {
    struct piece *p = l->first;
    unsigned char ping[LWS_PRE + 1];
    if (l->wants_ping) {
        l->wants_ping = false;
        if (lws_write(l->wsi, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0)
            return -1;
    } else if (p) {
        int n = lws_write(l->wsi, (unsigned char *)p->text, p->len, LWS_WRITE_TEXT);
        l->first = p->next;
        l->last = p->next ? l->last : NULL;
        l->queued -= p->len;
        l->count--;
        secret_wipe(p->room,
                    sizeof p->room + p->len); /* masked in place, but the mask stands before */
        free(p);
        if (n < 0)
            return -1;
    } else if (l->abandoned)
        say_goodbye(l, LWS_CLOSE_STATUS_NORMAL); /* and the server hangs up, or GOODBYE_SECS pass */
    if (l->first || (l->abandoned && !l->has_said_goodbye))
        lws_callback_on_writable(l->wsi);
    return 0;
}

bool wsclient_send(struct wsclient *c, const char *text, size_t len) {
    struct link *l = c->link;
    if (!l || !l->open || l->queued + len > WSCLIENT_QUEUE_MAX || l->count >= QUEUE_COUNT_MAX)
        return false;
    struct piece *p = malloc(sizeof *p + len);
    if (!p)
        return false;
    p->next = NULL;
    p->len = len;
    memcpy(p->text, text, len);
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    l->queued += len;
    l->count++;
    lws_callback_on_writable(l->wsi);
    return true;
}

/* --- Receiving --- */

static int ws_refuse(struct link *l, enum lws_close_status code, const char *what) {
    note(l, "the server sent %s", what);
    say_goodbye(l, code);
    return -1;
}

static bool gather(struct link *l, const char *in, size_t len) {
    if (l->part_len + len > l->part_cap) {
        size_t cap = l->part_cap ? l->part_cap : 2 * RX_BYTES;
        while (cap < l->part_len + len)
            cap *= 2;
        char *part = realloc(l->part, cap);
        if (!part)
            return false;
        l->part = part;
        l->part_cap = cap;
    }
    if (len)
        memcpy(l->part + l->part_len, in, len);
    l->part_len += len;
    return true;
}

static int complete(struct link *l, const char *text, size_t len) {
    if (!utf8_valid(text, len))
        return ws_refuse(l, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "what is not UTF-8");
    l->c->hooks.text(text, len, l->c->arg);
    return 0;
}

static int received(struct link *l, const char *in, size_t len) {
    if (lws_frame_is_binary(l->wsi))
        return ws_refuse(l, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "what is not text");
    size_t rest = lws_remaining_packet_payload(l->wsi);
    bool last = lws_is_final_fragment(l->wsi) && rest == 0;
    if (l->part_len + len + rest > WSCLIENT_MESSAGE_MAX || ++l->fragments > FRAGMENTS_MAX)
        return ws_refuse(l, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "a message that is too large");
    if (last && l->part_len == 0) {
        l->fragments = 0;
        return complete(l, len ? in : "", len);
    }
    if (!gather(l, in, len))
        return ws_refuse(l, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "more than there is memory for");
    if (!last)
        return 0;
    char *text = l->part; /* taken out: the hook may close the link */
    len = l->part_len;
    l->part = NULL;
    l->part_len = l->part_cap = l->fragments = 0;
    int result = complete(l, text ? text : "", len);
    free(text);
    return result;
}

/* --- lws' callback --- */

static int established(struct link *l) {
    struct wsclient *c = l->c;
    if (l->url.tls && !is_secure(l))
        return -1;
    l->open = l->heard = true;
    uv_timer_start(&c->clock, tick, c->ping_ms, c->ping_ms);
    c->hooks.opened(c->arg);
    return 0;
}

/* Why it was not opened. The words of lws are short and about itself: these are its and ours. */
static const char *in_plain_words(const char *said, size_t len) {
    static const struct {
        const char *theirs, *ours;
    } WORDS[] = {{"closed before established", "refuses the connection, or can't be reached"},
                 {"connect failed", "refuses the connection, or can't be reached"},
                 {"conn fail", "refuses the connection, or can't be reached"},
                 {"Unable to connect", "refuses the connection, or can't be reached"},
                 {"read failed", "closes the connection before it is open"},
                 {"Peer hung up", "closes the connection before it is open"},
                 {"problems parsing header", "does not answer as a chat server would"},
                 {"connect SSL err", "does not speak TLS as it should"},
                 {"tls: ", "does not speak TLS as it should"},
                 {"Timed out waiting SSL", "does not speak TLS as it should"}};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (len >= strlen(WORDS[i].theirs) &&
            memcmp(said, WORDS[i].theirs, strlen(WORDS[i].theirs)) == 0)
            return WORDS[i].ours;
    return NULL;
}

static void not_opened(struct link *l, const char *said, size_t len) {
    unsigned status = lws_http_client_http_response(l->wsi);
    const char *words = in_plain_words(said ? said : "", said ? len : 0);
    if (status && status != 101)
        note(l, "%s:%u answers HTTP %u: no chat at %s", l->url.host, l->url.port, status,
             l->url.path);
    else if (words)
        note(l, "%s:%u %s", l->url.host, l->url.port, words);
    else
        note(l, "%s:%u can't be connected to: %.*s", l->url.host, l->url.port,
             (int)(said && len < 100 ? len : 0), said ? said : "");
}

/* Two bytes of code and a text. */
static void goodbye_came(struct link *l, const unsigned char *in, size_t len) {
    if (len < 2)
        return;
    l->code = (unsigned)in[0] << 8 | in[1];
    if (len > 2 && utf8_valid((const char *)in + 2, len - 2))
        note(l, "the server closed the connection: %.*s", (int)(len - 2), in + 2);
    else
        note(l, "the server closed the connection (%u)", l->code);
}

static void destroyed(struct link *l) {
    lws_set_opaque_user_data(l->wsi, NULL);
    l->wsi = NULL;
    l->over = true;
    if (l->abandoned)
        release(l);
    else if (!l->connecting)
        soon(l->c);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
    struct link *l = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!l)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        return verify(l, user, len);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        l->wsi = wsi;
        not_opened(l, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return l->abandoned ? -1 : established(l);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        l->heard = true;
        return l->abandoned ? 0 : received(l, in, len);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        l->heard = true;
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return l->open ? writeable(l) : 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        goodbye_came(l, in, len);
        say_goodbye(l, LWS_CLOSE_STATUS_NORMAL);
        return -1;
    case LWS_CALLBACK_CLIENT_CLOSED:
        note(l, "the connection broke");
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        l->wsi = wsi;
        destroyed(l);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols PROTOCOLS[] = {{"chat", callback, 0, RX_BYTES, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};

/* --- Opening --- */

/* What is left is shared by the addresses that are left. */
static uint64_t time_for_next(const struct link *l) {
    uint64_t now = uv_now(l->c->loop), left = l->deadline > now ? l->deadline - now : 0;
    unsigned addresses = l->found.n - l->next;
    uint64_t share = left / addresses;
    return addresses > 1 && share > TRY_MS ? TRY_MS : share;
}

/* Hands the next address to lws. False: there is none, or none that lws begins with. */
static bool try_next(struct link *l) {
    static const lws_retry_bo_t no_pings = {0}; /* tick() does that */
    char host[WS_URL_HOST_MAX + 10];
    while (l->next < l->found.n) {
        uv_timer_start(&l->c->clock, tick, time_for_next(l), 0);
        const char *address = l->found.address[l->next++];
        l->over = false;
        *l->reason = '\0';
        bool with_port = l->url.port != (l->url.tls ? 443 : 80);
        snprintf(host, sizeof host, l->url.v6 ? "[%s]" : "%s", l->url.host);
        if (with_port)
            snprintf(host + strlen(host), sizeof host - strlen(host), ":%u", l->url.port);
        struct lws_client_connect_info info = {
            .context = l->c->context,
            .vhost = l->c->vhost,
            .address = address,
            .port = l->url.port,
            .path = l->url.path,
            .host = host,
            .ssl_connection =
                LCCSCF_HTTP_NO_FOLLOW_REDIRECT |
                (l->url.tls ? LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK : 0),
            .local_protocol_name = PROTOCOLS[0].name,
            .alpn = "http/1.1",
            .opaque_user_data = l,
            .retry_and_idle_policy = &no_pings,
            .pwsi = &l->wsi,
        };
        l->connecting = true;
        struct lws *wsi = lws_client_connect_via_info(&info);
        l->connecting = false;
        l->wsi = wsi;
        if (wsi)
            return true;
    }
    l->over = true;
    return false;
}

static void on_looked_up(uv_async_t *async) {
    struct wsclient *c = async->data;
    struct link *l = c->link;
    if (!l || !l->lookup || !resolve_take(l->lookup, 0, &l->found))
        return;
    resolve_free(l->lookup);
    l->lookup = NULL;
    l->over = true; /* for step() to begin */
    if (l->found.n == 0)
        note(l, "%s: %s", l->url.host, l->found.why);
    soon(c);
}

static void tell_looked_up(void *async) {
    uv_async_send(async);
}

static void tick(uv_timer_t *timer) {
    struct wsclient *c = timer->data;
    struct link *l = c->link;
    if (!l)
        return;
    if (!l->open && l->wsi && l->next < l->found.n)
        lws_set_timeout(l->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC); /* step() goes on */
    else if (!l->open) {
        if (l->lookup)
            note(l, "%s: the name can't be looked up within %u s", l->url.host,
                 (c->open_ms + 999) / 1000);
        note(l, "no answer from %s:%u within %u s", l->url.host, l->url.port,
             (c->open_ms + 999) / 1000);
        tell_closed(c, cut);
    } else if (l->heard)
        l->heard = l->pinged = false;
    else if (!l->pinged) {
        l->pinged = l->wants_ping = true;
        lws_callback_on_writable(l->wsi);
    } else {
        note(l, "the server does not answer any more");
        tell_closed(c, cut);
    }
}

/* The current link is over: the next address, or the end. */
static void step(uv_timer_t *timer) {
    struct wsclient *c = timer->data;
    struct link *l = c->link;
    if (!l || !l->over)
        return;
    if (!l->open && !l->final && try_next(l))
        return;
    note(l, "the connection could not be opened");
    tell_closed(c, release);
}

void wsclient_open(struct wsclient *c, const char *url) {
    wsclient_close(c);
    struct link *l = calloc(1, sizeof *l);
    char why[REASON_MAX];
    if (!l)
        return; /* as if it never answered: the caller's own deadline sees to it */
    c->links++;
    c->link = l;
    l->c = c;
    uv_update_time(c->loop);
    l->deadline = uv_now(c->loop) + c->open_ms;
    uv_timer_start(&c->clock, tick, c->open_ms, 0);
    if (!ws_url_parse(url, &l->url, why, sizeof why)) {
        note(l, "%s", why);
        l->final = l->over = true;
    } else if (resolve_is_number(l->url.host, &l->found))
        l->over = true; /* for step() to begin */
    else if (!(l->lookup = resolve_begin(l->url.host, tell_looked_up, &c->looked_up))) {
        note(l, "%s: the name can't be looked up", l->url.host);
        l->over = true;
    }
    soon(c);
}

void wsclient_close(struct wsclient *c) {
    struct link *l = c->link;
    if (!l)
        return;
    c->link = NULL;
    uv_timer_stop(&c->clock);
    if (l->wsi && l->open) {
        l->abandoned = true;
        lws_set_timeout(l->wsi, PENDING_TIMEOUT_CLOSE_SEND, GOODBYE_SECS);
        lws_callback_on_writable(l->wsi);
    } else
        cut(l);
}

/* --- The client --- */

static SSL_CTX *make_tls(const char *ca_file, char *why, size_t size) {
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls || !SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION)) {
        snprintf(why, size, "TLS is not available");
        SSL_CTX_free(tls);
        return NULL;
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    if (!ca_file || !*ca_file)
        SSL_CTX_set_default_verify_paths(tls);
    else if (!SSL_CTX_load_verify_locations(tls, ca_file, NULL)) {
        snprintf(why, size, "%s: no certificates in PEM form can be read from it", ca_file);
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

static void ignore_log(int level, const char *line) {
    (void)level;
    (void)line;
}

/* http_proxy would send what is for this machine elsewhere, and lws reads it without being asked.
 */
static struct lws_context *make_context(struct lws_context_creation_info *info,
                                        struct lws_vhost **vhost) {
    char *proxy = getenv("http_proxy"), *kept = proxy ? strdup(proxy) : NULL;
    unsetenv("http_proxy");
    struct lws_context *context = lws_create_context(info);
    *vhost = context ? lws_create_vhost(context, info) : NULL;
    if (kept)
        setenv("http_proxy", kept, 1);
    free(kept);
    return context;
}

struct wsclient *wsclient_new(uv_loop_t *loop, const struct wsclient_options *options,
                              const struct wsclient_hooks *hooks, void *arg, char *why,
                              size_t size) {
    SSL_CTX *tls = make_tls(options->ca_file, why, size);
    struct wsclient *c = tls ? calloc(1, sizeof *c) : NULL;
    if (!c) {
        SSL_CTX_free(tls);
        return NULL;
    }
    void *loops[] = {loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = PROTOCOLS,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .foreign_loops = loops,
        .provided_client_ssl_ctx = tls,
        .pcontext = &c->context, /* NULL again when it is gone */
    };
    c->loop = loop;
    c->hooks = *hooks;
    c->arg = arg;
    c->open_ms = options->open_ms ? options->open_ms : WSCLIENT_OPEN_MS;
    c->ping_ms = options->ping_ms ? options->ping_ms : WSCLIENT_PING_MS;
    c->tls = tls;
    lws_set_log_level(0, ignore_log);
    c->context = make_context(&info, &c->vhost);
    if (!c->vhost) {
        snprintf(why, size,
                 "libwebsockets can't be used: is its libuv plug-in installed "
                 "(libwebsockets-evlib-uv)?");
        return NULL; /* the program ends: what there was goes with it */
    }
    uv_timer_init(loop, &c->clock);
    uv_timer_init(loop, &c->later);
    uv_async_init(loop, &c->looked_up, on_looked_up);
    c->clock.data = c->later.data = c->looked_up.data = c;
    return c;
}

void wsclient_end(struct wsclient *c) {
    wsclient_close(c);
    c->ending = true;
    uv_timer_start(&c->later, on_end, c->links ? END_MS : 0, 0);
}

/* On a foreign loop the first lws_context_destroy only begins: the loop then closes lws' handles.
 */
void wsclient_free(struct wsclient *c) {
    if (!c)
        return;
    if (c->context)
        lws_context_destroy(c->context);
    SSL_CTX_free(c->tls);
    free(c);
}
