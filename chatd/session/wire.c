/* wire - see wire.h. */
#include "chatd/session/wire.h"

#include <libwebsockets.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* How much of it the socket takes at once. lws_write costs as much again as the system call below
 * it, so it is left for what the socket doesn't take: that lws buffers. */
static size_t send_directly(struct lws *wsi, const void *bytes, size_t len) {
    if (lws_partial_buffered(wsi) || lws_is_ssl(wsi))
        return 0;
    ssize_t n = send(lws_get_socket_fd(wsi), bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

enum wire_result wire_write(struct lws *wsi, const void *bytes, size_t len) {
    size_t sent = send_directly(wsi, bytes, len);
    if (sent == len)
        return WIRE_SENT;
    /* LWS_WRITE_HTTP on a WebSocket sends the bytes untouched, so several frames go out in one
     * call. lws takes a non-const pointer for the modes that write a header in front; this one
     * doesn't. */
    union {
        const void *in;
        unsigned char *out;
    } p = {.in = (const char *)bytes + sent};
    len -= sent;
    if (lws_write(wsi, p.out, len, LWS_WRITE_HTTP) < 0) {
        wire_kill(wsi);
        return WIRE_DEAD;
    }
    return lws_partial_buffered(wsi) ? WIRE_CHOKED : WIRE_SENT;
}

void wire_want_writeable(struct lws *wsi) {
    lws_callback_on_writable(wsi);
}

uint64_t wire_received(struct lws *wsi) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int fd = lws_get_socket_fd(wsi), unread = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        ioctl(fd, FIONREAD, &unread) != 0 || unread < 0)
        return 0;
    uint64_t came = info.tcpi_bytes_received, waiting = (uint64_t)unread;
    return came > waiting ? came - waiting : 0;
}

void wire_pause(struct lws *wsi, bool pause) {
    lws_rx_flow_control(wsi, pause ? 0 : 1);
}

/* lws looks at its timers only when something happened on its sockets: something must. */
static void set_timeout(struct lws *wsi, int seconds) {
    lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, seconds);
    lws_cancel_service(lws_get_context(wsi));
}

void wire_kill(struct lws *wsi) {
    set_timeout(wsi, LWS_TO_KILL_ASYNC);
}

void wire_close_within(struct lws *wsi, int seconds) {
    set_timeout(wsi, seconds);
}

enum wire_result wire_say_goodbye(struct lws *wsi, enum close_code code) {
    const char *text = err_close_text(code);
    unsigned char bytes[4 + 123] = {0x88}; /* FIN, close; RFC 6455 section 5.5.1 */
    size_t len = strlen(text);
    bytes[1] = (unsigned char)(2 + len);
    bytes[2] = (unsigned char)(code >> 8);
    bytes[3] = (unsigned char)code;
    memcpy(bytes + 4, text, len);
    return wire_write(wsi, bytes, 4 + len);
}
