/* wire - see wire.h. */
#include "chatd/session/wire.h"

#include <libwebsockets.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define GOODBYE_MAX (4 + 123) /* bytes of a close frame */

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
    /* lws takes a non-const pointer for the modes that write a header in front; this one doesn't.
     */
    union {
        const void *in;
        unsigned char *out;
    } p = {.in = (const char *)bytes + sent};
    len -= sent;
    if (lws_write(wsi, p.out, len, LWS_WRITE_RAW) < 0) {
        wire_kill(wsi);
        return WIRE_DEAD;
    }
    if (!lws_partial_buffered(wsi))
        return WIRE_SENT;
    lws_rx_flow_control(wsi, 0); /* else lws would be woken by what it doesn't read before */
    return WIRE_CHOKED;
}

void wire_want_writeable(struct lws *wsi) {
    lws_callback_on_writable(wsi);
}

size_t wire_kernel_bytes(struct lws *wsi) {
    int bytes = 0;
    return ioctl(lws_get_socket_fd(wsi), SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

void wire_pause(struct lws *wsi, bool pause) {
    if (pause)
        lws_rx_flow_control(wsi, 0);
    else
        lws_callback_on_writable(wsi); /* ws.c first goes on with what it has */
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

void wire_leave(struct lws *wsi) {
    shutdown(lws_get_socket_fd(wsi), SHUT_WR);
    lws_rx_flow_control(wsi, 1);
}

/* RFC 6455 section 5.5.1. */
static size_t close_frame(unsigned char out[GOODBYE_MAX], unsigned code, const char *reason) {
    size_t len = strlen(reason);
    out[0] = 0x88; /* FIN, close */
    out[1] = code ? (unsigned char)(2 + len) : 0;
    if (code == 0)
        return 2;
    out[2] = (unsigned char)(code >> 8);
    out[3] = (unsigned char)code;
    memcpy(out + 4, reason, len);
    return 4 + len;
}

enum wire_result wire_say_goodbye(struct lws *wsi, unsigned code, const char *reason) {
    unsigned char bytes[GOODBYE_MAX];
    return wire_write(wsi, bytes, close_frame(bytes, code, reason));
}

void wire_last_word(struct lws *wsi, enum close_code code) {
    unsigned char bytes[GOODBYE_MAX];
    size_t len = close_frame(bytes, code, err_close_text(code));
    send(lws_get_socket_fd(wsi), bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}
