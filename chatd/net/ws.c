/* ws - see ws.h.
 *
 * A message in several pieces gathers in the session up to the frame limit; one that comes whole is
 * used where it is. What was read while its session must wait is kept, and read on later.
 *
 * lws closes a socket of the raw role at its end, whoever is still owed an answer: then a copy of
 * the descriptor is adopted, to which the session moves. */
#include "chatd/net/ws.h"

#include "chatd/net/ws_parser.h"
#include "chatd/request/dispatch.h"
#include "chatd/session/session.h"
#include "chatd/session/wire.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/proto/validate.h"

#include <fcntl.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RX_BYTES 4096          /* lws reads of one connection in a turn */
#define TX_BYTES (1024 * 1024) /* lws hands no more to one send; the default is RX_BYTES */
#define PART_FIRST 512         /* room for a message in pieces, at first */
#define UNSIGNED_MAX 4096      /* bytes of a message before sign-in, whose names are short */
#define FRAGMENTS_MAX 4096     /* frames of one message */
#define FRAME_HEAD_MAX 14      /* bytes before a frame's payload */
#define DROPPED_MAX                                                                                \
    (1u << 18) /* bytes that are read behind the last frame, for its answer's sake */

/* A socket that is being taken over, for the callback: a new connection's or a moved session's. */
struct adoption {
    struct address *from;
    const char *answer;
    size_t len;
    struct session *moved;
};

struct ws {
    struct node *node;
    struct addresses *addresses;
    const struct chatd_settings *set;
    struct counters *count;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct adoption adoption;
    bool closing;
};

/* lws' memory for each connection. */
struct peer {
    struct session *session; /* from RAW_ADOPT to RAW_CLOSE */
    struct ws_parser parser;
    bool deaf;        /* the last frame has come: what follows is dropped … */
    uint32_t dropped; /* … so much by now */
    char *unread;     /* from behind a request at which the session was paused; NULL: nothing */
    size_t unread_len;
};

static struct ws *ws_of(struct lws *wsi) {
    return lws_context_user(lws_get_context(wsi));
}

/* --- Messages --- */

static bool ws_gather(struct session *s, const char *in, size_t len) {
    if (len == 0)
        return true;
    if (s->part_len + len > s->part_cap) {
        size_t cap = s->part_cap ? s->part_cap : PART_FIRST;
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

static void complete(struct ws *w, struct session *s, const char *text, size_t len) {
    if (utf8_valid(text, len))
        dispatch_receive(w->node, s, text, len);
    else
        session_finish(s, CLOSE_BAD_UTF8);
}

/* Long messages are rare: no idle session keeps room for one. */
static void complete_gathered(struct ws *w, struct session *s) {
    char *part = s->part;
    size_t len = s->part_len;
    s->part = NULL;
    s->part_len = s->part_cap = 0;
    complete(w, s, len ? part : "", len);
    free(part);
}

/* The limit for what comes now. Behind a request that may be the sign-in it isn't known: nothing
 * more is read before its answer. */
static size_t frame_limit(const struct ws *w, struct session *s, size_t len) {
    size_t max = w->set->max_frame;
    if (s->account || len <= UNSIGNED_MAX || len > max)
        return max;
    if (!s->op_head)
        return UNSIGNED_MAX;
    session_pause(s);
    return max;
}

static void received(struct ws *w, struct session *s, const struct ws_piece *piece) {
    size_t len = s->part_len + piece->len + piece->left;
    w->count->received_bytes += piece->len;
    s->counted_bytes += piece->len + FRAME_HEAD_MAX;
    if (s->closing || s->finishing)
        return;
    if (piece->first)
        s->fragments = 0;
    if (piece->left == 0)
        s->fragments++;
    if (piece->binary)
        session_finish(s, CLOSE_UNSUPPORTED);
    else if (piece->left > w->set->max_frame || len > frame_limit(w, s, len))
        session_finish(s, CLOSE_TOO_BIG);
    else if (s->fragments > FRAGMENTS_MAX)
        session_finish(s, CLOSE_POLICY);
    else if (piece->first && piece->last)
        complete(w, s, piece->bytes, piece->len);
    else if (!ws_gather(s, piece->bytes, piece->len))
        session_finish(s, CLOSE_SERVER_ERROR);
    else if (piece->last)
        complete_gathered(w, s);
}

/* --- Frames --- */

static void ws_take(struct ws *w, struct peer *p, enum ws_event event,
                    const struct ws_piece *piece) {
    struct session *s = p->session;
    switch (event) {
    case WS_MORE:
        break;
    case WS_DATA:
        received(w, s, piece);
        break;
    case WS_PING:
        dispatch_pinged(s, piece->bytes, piece->len);
        break;
    case WS_PONG:
        dispatch_ponged(w->node, s);
        break;
    case WS_CLOSE:
        p->deaf = true;
        session_goodbye_came(s, ws_close_answer(piece->bytes, piece->len));
        break;
    case WS_BROKEN:
        p->deaf = true;
        session_broken(s);
        break;
    }
}

static void keep_unread(struct lws *wsi, struct peer *p, const char *bytes, size_t len) {
    p->unread = malloc(len);
    p->unread_len = len;
    if (p->unread)
        memcpy(p->unread, bytes, len);
    else
        wire_kill(wsi);
}

static void feed(struct ws *w, struct lws *wsi, struct peer *p, char *bytes, size_t len) {
    for (size_t used = 0; used < len && !p->deaf;) {
        struct ws_piece piece;
        if (p->session->paused) {
            keep_unread(wsi, p, bytes + used, len - used);
            return;
        }
        enum ws_event event = ws_parser_next(&p->parser, bytes, len, &used, &piece);
        ws_take(w, p, event, &piece);
    }
}

/* --- A connection --- */

static void ws_read(struct ws *w, struct lws *wsi, struct peer *p, char *bytes, size_t len) {
    if (!p->deaf) {
        struct session *s = p->session;
        s->came_bytes += len;
        feed(w, wsi, p, bytes, len);
        bool begun = !s->account && ws_parser_is_amid(&p->parser);
        if (begun != s->begun)
            session_mark_begun(s, begun, clock_mono_ms());
        return;
    }
    p->dropped += (uint32_t)len;
    if (p->dropped > DROPPED_MAX)
        wire_kill(wsi);
}

/* Reading stops while the socket takes nothing, and while the session is paused. */
static void ws_writeable(struct ws *w, struct lws *wsi, struct peer *p) {
    struct session *s = p->session;
    char *unread = p->unread;
    session_writeable(s);
    if (unread && !s->paused && !s->choked) {
        p->unread = NULL;
        feed(w, wsi, p, unread, p->unread_len);
        free(unread);
    }
    if (!s->paused && !s->choked && !p->unread && !s->peer_ended)
        lws_rx_flow_control(wsi, 1);
}

static int ws_opened(struct ws *w, struct lws *wsi, struct peer *p) {
    struct adoption *a = &w->adoption;
    if (a->moved) {
        p->session = a->moved;
        p->deaf = true;
        lws_rx_flow_control(wsi, 0);
        session_moved(a->moved, wsi);
        a->moved = NULL;
        return 0;
    }
    wire_write(wsi, a->answer, a->len);
    p->session = dispatch_open(w->node, wsi, a->from);
    if (!p->session)
        return -1;
    a->from = NULL;
    return 0;
}

static void adopt(struct ws *w, int fd) {
    lws_sock_file_fd_type socket = {.sockfd = fd};
    lws_adopt_descriptor_vhost(w->vhost, LWS_ADOPT_SOCKET, socket, "chat", NULL);
}

/* False: out of descriptors or memory. */
static bool move_session(struct ws *w, int fd, struct session *s) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    w->adoption = (struct adoption){.moved = s};
    adopt(w, copy);
    bool moved = !w->adoption.moved;
    w->adoption.moved = NULL;
    return moved;
}

static void closed(struct ws *w, struct lws *wsi, struct peer *p) {
    struct session *s = p->session;
    int fd = lws_get_socket_fd(wsi);
    char byte;
    p->session = NULL;
    free(p->unread);
    p->unread = NULL;
    if (!s)
        return;
    bool ended = !w->closing && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    if (ended && session_ended(s) && move_session(w, fd, s))
        return;
    if (ended && !s->said_goodbye && !s->choked)
        wire_last_word(wsi, CLOSE_NORMAL);
    session_detach(s);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
    struct peer *p = user;
    struct ws *w = ws_of(wsi);
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        return ws_opened(w, wsi, p);
    case LWS_CALLBACK_RAW_RX:
        if (p->session)
            ws_read(w, wsi, p, in, len);
        return 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        if (p->session)
            ws_writeable(w, wsi, p);
        return 0;
    case LWS_CALLBACK_RAW_CLOSE:
        closed(w, wsi, p);
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
        .pt_serv_buf_size = RX_BYTES + LWS_PRE,
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

void ws_adopt(struct ws *w, int fd, struct address *from, const char *answer, size_t len) {
    w->adoption = (struct adoption){.from = from, .answer = answer, .len = len};
    adopt(w, fd);                                    /* closes fd if it fails */
    addresses_leave(w->addresses, w->adoption.from); /* NULL if there is a session */
}

void ws_close(struct ws *w) {
    if (!w)
        return;
    w->closing = true;
    if (w->context)
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
