/* ws - see ws.h.
 *
 * The handshake is strict: lws by itself takes any Origin, version, method and Upgrade (h2c
 * included). A message in several pieces gathers in the session up to the frame limit; one that
 * comes whole is used where it is.
 */
#include "chatd/net/ws.h"

#include "chatd/net/head.h"
#include "chatd/request/dispatch.h"
#include "chatd/session/session.h"
#include "common/base/log.h"
#include "common/proto/validate.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define RX_BYTES 1024          /* lws' buffer a connection; larger messages come in pieces */
#define TX_BYTES (1024 * 1024) /* lws hands no more to one send; the default is RX_BYTES */
#define KEY_BYTES 24           /* base64 of 16 bytes: RFC 6455 section 4.1 */
#define FRAGMENTS_MAX 4096     /* pieces of one message */
#define FRAME_HEAD_MAX 14      /* bytes before a frame's payload */

struct ws {
    struct node *node;
    struct addresses *addresses;
    const struct chatd_settings *set;
    struct counters *count;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct address *adopting; /* whose socket is being taken over */
};

/* lws' memory for each connection. The address a socket was counted in for is lws' opaque user data
 * until there is a session, which then gives it back. */
struct peer {
    struct session *session; /* from ESTABLISHED to CLOSED */
};

static struct ws *ws_of(struct lws *wsi) {
    return lws_context_user(lws_get_context(wsi));
}

/* --- Handshake --- */

static bool header_is(struct lws *wsi, enum lws_token_indexes token, const char *expected) {
    char value[32];
    return lws_hdr_copy(wsi, value, sizeof value, token) > 0 && strcasecmp(value, expected) == 0;
}

/* Only browsers send an Origin; it tells whose page is asking. */
static bool origin_allowed(struct lws *wsi, const char *list) {
    char origin[256], host[256];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0)
        return false;
    if (lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        *host = '\0';
    return head_origin_allowed(origin, host, list);
}

static bool path_is_ws(struct lws *wsi) {
    char uri[8];
    return lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 3 &&
           lws_hdr_copy(wsi, uri, sizeof uri, WSI_TOKEN_GET_URI) == 3 && strcmp(uri, "/ws") == 0 &&
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) <= 0;
}

/* The status that refuses this handshake, or 0. */
static unsigned refusal(struct lws *wsi) {
    if (!path_is_ws(wsi))
        return HTTP_STATUS_NOT_FOUND;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_KEY) != KEY_BYTES ||
        !header_is(wsi, WSI_TOKEN_VERSION, "13"))
        return HTTP_STATUS_BAD_REQUEST;
    if (!origin_allowed(wsi, ws_of(wsi)->set->origin))
        return HTTP_STATUS_FORBIDDEN;
    return 0;
}

static void tell_refusal(struct lws *wsi, unsigned status) {
    const struct address *from = lws_get_opaque_user_data(wsi);
    log_client("handshake_refused", "address=%s status=%u", from ? from->text : "", status);
}

static int ws_refuse(struct lws *wsi, unsigned status) {
    tell_refusal(wsi, status);
    lws_return_http_status(wsi, status, NULL);
    return -1;
}

/* --- A connection --- */

static int established(struct ws *w, struct lws *wsi, struct peer *p) {
    p->session = dispatch_open(w->node, wsi, lws_get_opaque_user_data(wsi));
    if (!p->session)
        return -1;
    lws_set_opaque_user_data(wsi, NULL);
    return 0;
}

static int refuse_frame(struct session *s, enum close_code code) {
    session_close(s, code);
    return 0;
}

static bool ws_gather(struct session *s, const char *in, size_t len, size_t max) {
    if (s->part_len + len > max)
        return false;
    if (len == 0)
        return true;
    if (s->part_len + len > s->part_cap) {
        size_t cap = s->part_cap ? s->part_cap : 2 * RX_BYTES;
        while (cap < s->part_len + len)
            cap *= 2;
        char *part = realloc(s->part, cap);
        if (!part)
            return false;
        s->part = part;
        s->part_cap = (uint32_t)cap;
    }
    memcpy(s->part + s->part_len, in, len);
    s->part_len += (uint32_t)len;
    return true;
}

static int complete(struct node *node, struct session *s, const char *text, size_t len) {
    if (!utf8_valid(text, len))
        return refuse_frame(s, CLOSE_BAD_UTF8);
    dispatch_receive(node, s, text, len);
    return 0;
}

static int received(struct ws *w, struct lws *wsi, struct session *s, const char *in, size_t len) {
    size_t max = w->set->max_frame;
    w->count->received_bytes += len;
    s->counted_bytes += (uint32_t)(len + FRAME_HEAD_MAX);
    if (s->closing)
        return 0;
    if (lws_frame_is_binary(wsi))
        return refuse_frame(s, CLOSE_UNSUPPORTED);
    bool first = lws_is_first_fragment(wsi) && s->part_len == 0;
    bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    if (first)
        s->fragments = 0;
    if (first && last)
        return len > max ? refuse_frame(s, CLOSE_TOO_BIG) : complete(w->node, s, in, len);
    if (s->part_len + len + (last ? 0 : lws_remaining_packet_payload(wsi)) > max)
        return refuse_frame(s, CLOSE_TOO_BIG);
    if (++s->fragments > FRAGMENTS_MAX)
        return refuse_frame(s, CLOSE_POLICY);
    if (!ws_gather(s, in, len, max))
        return refuse_frame(s, CLOSE_SERVER_ERROR);
    if (!last)
        return 0;
    len = s->part_len;
    s->part_len = 0;
    int result = complete(w->node, s, len ? s->part : "", len);
    free(s->part); /* long messages are rare: no idle session keeps room for one */
    s->part = NULL;
    s->part_cap = 0;
    return result;
}

/* lws echoes whatever came, which may be what no close frame may hold (RFC 6455 section 5.5.1
 * and 7.4): then there is no answer. */
static bool goodbye_is_sound(const unsigned char *in, size_t len) {
    unsigned code = len >= 2 ? (unsigned)(in[0] << 8 | in[1]) : 0;
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code <= 4999);
    return len == 0 || (known && utf8_valid((const char *)in + 2, len - 2));
}

static int goodbye_came(struct session *s, const unsigned char *in, size_t len) {
    if (!s)
        return 0;
    bool both = session_goodbye_came(s); /* lws must not say it again */
    return both || !goodbye_is_sound(in, len) ? -1 : 0;
}

static void closed(struct lws *wsi, struct peer *p) {
    struct session *s = p->session;
    p->session = NULL;
    if (!s)
        return;
    if (!s->closing &&
        lws_get_close_length(wsi) > 2) /* lws refused a frame, and said so by itself */
        log_client("client_closed", "code=1002 reason=\"broken frame\" address=%s",
                   s->address->text);
    session_detach(s);
}

/* Comes within ws_adopt, before anything else is heard of the connection. */
static void created(struct ws *w, struct lws *wsi) {
    lws_set_opaque_user_data(wsi, w->adopting);
    w->adopting = NULL;
}

static void destroyed(struct ws *w, struct lws *wsi) {
    addresses_leave(w->addresses, lws_get_opaque_user_data(wsi));
    lws_set_opaque_user_data(wsi, NULL);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
    struct peer *p = user;
    struct ws *w = ws_of(wsi);
    unsigned status;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return header_is(wsi, WSI_TOKEN_UPGRADE, "websocket") ? 0 : -1; /* as the head has been */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        status = refusal(wsi);
        return status ? ws_refuse(wsi, status) : 0;
    case LWS_CALLBACK_HTTP:
        return ws_refuse(wsi, path_is_ws(wsi) ? 426 : HTTP_STATUS_NOT_FOUND);
    case LWS_CALLBACK_ESTABLISHED:
        return established(w, wsi, p);
    case LWS_CALLBACK_RECEIVE:
        return p->session ? received(w, wsi, p->session, in, len) : 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (p->session)
            dispatch_ponged(w->node, p->session);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (p->session)
            session_writeable(p->session);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return goodbye_came(p->session, in, len);
    case LWS_CALLBACK_CLOSED:
        closed(wsi, p);
        return 0;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        created(w, wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        destroyed(w, wsi);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols PROTOCOLS[] = {
    {"chat", callback, sizeof(struct peer), RX_BYTES, 0, NULL, TX_BYTES},
    {NULL, NULL, 0, 0, 0, NULL, 0}};

/* --- The context --- */

/* lws calls much an error that is none. */
static void emit(int level, const char *line) {
    char quoted[256];
    (void)level;
    if (log_on(LOG_DEBUG))
        log_debug("libwebsockets", "line=%s",
                  log_quote(quoted, sizeof quoted, line, strcspn(line, "\n")));
}

struct ws *ws_new(uv_loop_t *loop, struct node *node, struct addresses *addresses,
                  const struct chatd_settings *set, struct counters *count) {
    static const lws_retry_bo_t no_pings = {0}; /* sessions_sweep does that: lws' timers are O(n) */
    struct ws *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->node = node;
    w->addresses = addresses;
    w->set = set;
    w->count = count;
    void *loops[] = {loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = PROTOCOLS,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .foreign_loops = loops,
        .user = w,
        .server_string = "chatd",
        .timeout_secs = (unsigned)(set->handshake_timeout / 1000),
        .max_http_header_pool = 1024,
        .retry_and_idle_policy = &no_pings,
        .pcontext = &w->context, /* NULL again when it is gone */
    };
    lws_set_log_level(LLL_ERR, emit);
    w->context = lws_create_context(&info);
    w->vhost = w->context ? lws_create_vhost(w->context, &info) : NULL;
    if (w->vhost)
        return w;
    log_error("websocket_server_failed", "hint=\"is libwebsockets' libuv plug-in installed "
                                         "(libwebsockets-evlib-uv)?\"");
    return NULL; /* chatd ends: what there was goes with it */
}

void ws_adopt(struct ws *w, int fd, struct address *from, const char *head, size_t len) {
    w->adopting = from;
    lws_adopt_socket_vhost_readbuf(w->vhost, fd, head, len); /* closes fd if it fails */
    addresses_leave(w->addresses, w->adopting);              /* NULL if there was a connection */
    w->adopting = NULL;
}

void ws_close(struct ws *w) {
    if (w && w->context)
        lws_context_destroy(w->context);
}

/* On a foreign loop the first lws_context_destroy only begins: the loop then closes lws' handles.
 */
void ws_free(struct ws *w) {
    if (w && w->context)
        lws_context_destroy(w->context);
    free(w);
}

const char *ws_library(void) {
    return lws_get_library_version();
}
