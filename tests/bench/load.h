/* load - a load generator for chatd and for floor, the server that shows what the kernel alone
 * costs. One thread, epoll, no library, so that it takes as little as possible of the machine that
 * it shares with what it measures.
 *
 * load.c      options, the phases of a run, the line of JSON that reports it
 * conn.c      connections: sockets, WebSocket frames, one turn of epoll
 * chat.c      the protocol: handshake, signing in, joining, requests
 * shapes.c    what is done with the connections once they are there
 * usage.c     CPU and memory of the processes that are measured
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND ((uint64_t)1000000000) /* times are nanoseconds of CLOCK_MONOTONIC */
#define UUID_CHARS 36
#define KEY_CHARS 43

/* --- What is asked for --- */

enum shape { BROADCAST, PAIRS, MESH, HISTORY, STORM, DRAIN, PASSWORDS, IDLE };

struct options {
    bool floor; /* the server is floor, not chatd */
    enum shape shape;
    int port, other_port; /* other: the node that a storm, or those of a drained one, go to */
    int connections;      /* receivers; MESH: users */
    int channels;         /* PAIRS, MESH */
    int users;   /* accounts that sign in with a password; the other connections with a key */
    int window;  /* messages (requests) in flight … */
    double rate; /* … or, if not 0, messages a second on schedule */
    double seconds, warm; /* of sending, and before it is measured */
    int size;             /* bytes of a message's text; floor: of the frame */
    int at_once;          /* handshakes */
    int probe_ms;         /* 0: none. A bystander's message to itself, so often */
    int victim;           /* STORM, DRAIN: the process to kill, or to stop */
    const char *pids, *redis;
};

extern struct options opt;

/* --- A connection --- */

enum state {
    UNUSED,
    CONNECTING,
    UPGRADING,
    WAITING,
    GREETED,
    SIGNING,
    SIGNED,
    JOINING,
    READY,
    GONE
};

struct conn {
    int fd, index;
    enum state state;
    bool sampled; /* the time in its messages is read */
    bool polling_out;
    int joined;         /* how many of its joins are done */
    uint64_t return_at; /* DRAIN: when goAway said to come back; 0: it did not */
    /* the frame that is being read */
    unsigned char head[10], head_len, opcode;
    bool in_frame;
    uint64_t len, left;
    char *part; /* PART_BYTES of a frame that comes in pieces, when they matter */
    size_t part_len;
    /* what the socket didn't take */
    char *out;
    size_t out_len, out_cap;
    /* who it is */
    char user[UUID_CHARS + 1], key[KEY_CHARS + 1], session[UUID_CHARS + 1];
    /* a message ready to be sent, masked but for what changes; see chat_send */
    char *ready;
    size_t ready_len, time_at, to_at;
};

#define PART_BYTES 4096
#define OP_TEXT 1
#define OP_CLOSE 8
#define OP_PING 9
#define OP_PONG 10

extern struct conn *conns;
extern int total; /* with a publisher or a probe behind the receivers */

uint64_t now(void);
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* --- conn.c --- */

void conn_init(void);
void conn_open(struct conn *c, int port);
void conn_close(struct conn *c);
/* Room for n more bytes behind what waits; conn_flush sends. */
char *conn_room(struct conn *c, size_t n);
void conn_flush(struct conn *c);
/* Writes the header of a masked frame; returns its size. */
size_t frame_head(char *h, int opcode, size_t len);
void mask(char *p, size_t n, size_t phase);
void conn_send_frame(struct conn *c, int opcode, const char *payload, size_t len);
/* Waits for at most this long and handles what came. */
void turn(uint64_t wait_ns);
/* Turns until nothing has come for `quiet_ms`. */
void settle(unsigned quiet_ms);
void turn_for(double seconds);
extern uint64_t last_read; /* when a socket was read from */

/* --- chat.c: called by conn.c --- */

/* The socket is connected: writes the handshake. */
void chat_connected(struct conn *c);
/* The answer 101 came. */
void chat_upgraded(struct conn *c);
/* A whole frame; n bytes of its payload are at p (all, unless nobody needs them). */
void chat_frame(struct conn *c, const char *p, size_t n);
/* Whether the payload of the frame that begins is needed. */
bool chat_wants(const struct conn *c);
void chat_closed(struct conn *c);

/* For shapes.c. */
void chat_sign_in(struct conn *c);
void chat_join(struct conn *c); /* what it is to be joined to, one after the other */
void chat_use_account(struct conn *c, const struct conn *of);
void chat_resume(struct conn *c, uint64_t since); /* joins with its pair and `since` */
void chat_send(struct conn *c,
               const struct conn *to); /* to NULL: the public channel. Doesn't flush */
void chat_ask_page(struct conn *c, int limit);

/* What happened so far; the phases look at it. */
struct tally {
    int greeted, ready, gone, signed_in, recovered;
    uint64_t deliveries, pages, errors, bytes;
    char epoch[UUID_CHARS + 1]; /* of the public channel */
};
extern struct tally tally;
extern bool measuring;                     /* large frames are deliveries */
extern void (*on_greeted)(struct conn *c); /* chatd's first frame came: what is next */

/* Latencies in ns, of sampled deliveries and of the probe. */
struct samples {
    uint64_t *at;
    size_t n, cap;
};
extern struct samples latency, probe_times;
void sample(struct samples *s, uint64_t ns);
double percentile(struct samples *s, double q); /* in us; sorts */

/* --- shapes.c --- */

struct report {
    double connect_us, bytes_per_conn; /* of the server, a connection that came in with a key */
    double seconds, server_us, redis_us, own_us; /* CPU while it was measured, in all */
    double busiest_us;                           /* … of the server process that had most */
    uint64_t units, messages; /* deliveries, pages, sign-ins or clients that resumed */
    uint64_t lost;
};

void run_shape(struct report *r);

/* --- usage.c --- */

struct usage {
    double cpu_us, busiest_us; /* user and system time; busiest: of one process */
    double resident;           /* bytes */
};

struct usage usage_of(const char *pids); /* "12,13" */
double usage_own(void);                  /* us */

#endif
