/* settings - see settings.h. */
#include "chatd/base/settings.h"

#include <stddef.h>

#define AT(field) offsetof(struct chatd_settings, field)
#define KIB 1024u
#define MIB (1024u * KIB)
#define SECOND 1000u
#define MINUTE (60u * SECOND)
#define HOUR (60u * MINUTE)
#define DAY (24ull * HOUR)

/* clang-format off */
#define STR(name, letter, field, dflt, arg, help) \
    {name, letter, OPTION_STR, AT(field), dflt, 0, 0, NULL, arg, help, NULL}
#define NUM(name, field, dflt, min, max, help) \
    {name, 0, OPTION_NUM, AT(field), dflt, min, max, NULL, "N", help, NULL}
#define SIZE(name, field, dflt, min, max, help) \
    {name, 0, OPTION_SIZE, AT(field), dflt, min, max, NULL, "SIZE", help, NULL}
#define TIME(name, field, dflt, min, max, help) \
    {name, 0, OPTION_DURATION, AT(field), dflt, min, max, NULL, "TIME", help, NULL}
#define FLAG(name, field, dflt, help) \
    {name, 0, OPTION_BOOL, AT(field), dflt, 0, 0, NULL, NULL, help, NULL}
/* clang-format on */

static const struct option_def OPTIONS[] = {
    {"listen", 'l', OPTION_STR, AT(listen), "127.0.0.1:8080", 0, 0, NULL, "HOST:PORT",
     "where to serve ws://HOST:PORT/ws; port 0 picks a free one", "Serving"},
    NUM("workers", workers, "1", 0, 256,
        "processes that share the port, looked after by one more; 0 = one a core"),
    STR("tls-cert", 0, tls_cert, "", "FILE",
        "serve wss:// with this certificate chain (PEM); SIGHUP reads it anew"),
    STR("tls-key", 0, tls_key, "", "FILE", "its private key (PEM), which others must not read"),
    FLAG("insecure-plaintext", insecure_plaintext, "no",
         "serve ws:// beyond the loopback: behind a TLS proxy, or in a network one trusts"),
    STR("trusted-proxy", 0, trusted_proxy, "", "LIST",
        "networks of proxies that may say who a client is: by PROXY header or X-Forwarded-For"),
    STR("http", 0, http, "", "HOST:PORT",
        "where to serve /healthz, /readyz and /metrics; worker K does at PORT+K-1, the supervisor "
        "of N "
        "workers at PORT+N"),
    STR("origin", 0, origin, "", "LIST",
        "origins of web pages allowed besides same host and loopback, by comma; * = any"),
    TIME("handshake-timeout", handshake_timeout, "10s", 1 * SECOND, 10 * MINUTE,
         "a connection that is no WebSocket by then is closed"),
    TIME("sign-in-timeout", sign_in_timeout, "10m", 1 * SECOND, 1 * DAY,
         "a connection that isn't signed in by then is closed"),
    TIME("ping-interval", ping_interval, "50s", 1 * SECOND, 1 * DAY,
         "an idle connection is pinged, and closed when it is silent for as long again"),
    TIME("drain-timeout", drain_timeout, "4s", 0, 10 * MINUTE,
         "how long SIGTERM waits for requests in flight"),

    {"redis", 'r', OPTION_STR, AT(redis), "redis://127.0.0.1:6379", 0, 0, NULL, "URI",
     "redis://[USER:PASS@]HOST[:PORT][/DB], unix://PATH, embedded[:DIR], "
     "sentinel://[USER:PASS@]HOST[:PORT],…/NAME[/DB] or cluster://[USER:PASS@]HOST[:PORT],…",
     "Redis"},
    {"durability", 0, OPTION_CHOICE, AT(durability), "redis", 0, 0,
     "redis|everysec|always|replicated", "WORD",
     "what Redis must be set up to keep: everysec, always (on disk before the acknowledgement), "
     "replicated (on a replica as well), or redis: as it is",
     NULL},
    STR("prefix", 'p', prefix, "chat:", "P", "what all key names begin with"),
    TIME("remember", remember, "10m", 1 * SECOND, 1 * DAY,
         "how long a message UUID is known, so that a retry stores nothing twice"),

    {"sign-in-creates", 0, OPTION_BOOL, AT(sign_in_creates), "yes", 0, 0, NULL, NULL,
     "signIn with an unknown username makes the user", "Accounts"},
    TIME("key-ttl", key_ttl, "30d", 1 * MINUTE, 3650 * DAY, "how long an access key is good for"),
    NUM("max-keys", max_keys, "100", 1, 10000, "access keys a user; the oldest goes first"),
    TIME("fail-window", fail_window, "15m", 1 * SECOND, 1 * DAY,
         "failed sign-ins are counted, by name and address, for so long"),
    SIZE("argon2-memory", argon2_memory, "19M", 8 * KIB, 4096ull * MIB,
         "memory of one password hash"),
    NUM("argon2-passes", argon2_passes, "2", 1, 100, "passes of one password hash"),
    NUM("kdf-threads", kdf_threads, "0", 0, 64,
        "password hashes at once; 0 = one a core, shared by the workers"),
    NUM("kdf-queue", kdf_queue, "512", 1, 100000,
        "sign-ins that may wait for a thread, by turns of their addresses"),

    {"max-connections", 0, OPTION_NUM, AT(max_connections), "100000", 1, 10000000, NULL, "N",
     "connections in all", "Limits"},
    NUM("max-per-address", max_per_address, "1000", 1, 10000000, "connections from one address"),
    FLAG("limit-loopback", limit_loopback, "no",
         "hold the loopback, too, to the limits by address and rate"),
    SIZE("max-frame", max_frame, "64k", 1 * KIB, 16 * MIB, "bytes of a client's frame"),
    SIZE("max-outbound", max_outbound, "256k", 256 * KIB, 1024 * MIB,
         "bytes that may wait for a slow reader before it is cut off"),
    NUM("max-requests", max_requests, "64", 1, 10000,
        "requests of a connection that may wait; then it isn't read from"),
    NUM("max-joins", max_joins, "256", 1, 100000, "channels a connection may be joined to"),
    NUM("max-rate", max_rate, "100", 0, 1000000,
        "requests a second of a connection, with bursts of as many; 0 = any number"),
    NUM("max-rate-user", max_rate_user, "200", 0, 1000000,
        "the same of a user, over all connections to this node"),
    NUM("max-rate-address", max_rate_address, "1000", 0, 1000000,
        "the same from an address, over all connections to this node"),
    NUM("max-connects-address", max_connects_address, "100", 0, 1000000,
        "connections a second from an address, with bursts of as many; 0 = any number"),
    NUM("max-sign-ups-address", max_sign_ups_address, "100", 0, 1000000,
        "users who may be made from an address in an hour, over all nodes; 0 = any number"),
    TIME("presence-delay", presence_delay, "5s", 0, 10 * MINUTE,
         "who signs out and is back within that is never said to have gone; 0 = told at once"),
    NUM("event-members", event_members, "200", 0, 100000,
        "presence events go to channels of at most so many members"),

    {"log-level", 0, OPTION_CHOICE, AT(log_level), "info", 0, 0, "error|warn|info|debug", "L",
     "error, warn, info or debug", "Other"},
    {"log-format", 0, OPTION_CHOICE, AT(log_format), "logfmt", 0, 0, "logfmt|json", "F",
     "logfmt or json, a line each on stderr", NULL},
    {"worker", 0, OPTION_NUM, AT(worker), "0", 0, 256, NULL, "K", "", NULL}, /* set by supervisor */
    FLAG("list-options", list_options, "no", ""), /* for completions; see option_list */
    FLAG("list-metrics", list_metrics, "no", ""), /* for documents and tests; see metrics_list */
    {"man-part", 0, OPTION_CHOICE, AT(man_part), NULL, 0, 0, "flags|settings", NULL, "", NULL},

    {"check-config", 0, OPTION_BOOL, AT(check_config), "no", 0, 0, NULL, NULL,
     "check the settings, and exit with 0 or 2", OPTION_INSTEAD},
    FLAG("print-acl", print_acl, "no",
         "print Redis users with the least rights that do, for --prefix, and exit"),
    FLAG("print-errors", print_errors, "no",
         "print the tables of errors and close codes, and exit"),
    {NULL, 0, OPTION_STR, 0, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static void note_file(void *settings, const struct option_def *d, const char *path) {
    if (d->offset == AT(redis))
        ((struct chatd_settings *)settings)->redis_file = path;
}

const struct option_program CHATD_PROGRAM = {
    .name = "chatd",
    .env = "CHATD_",
    .synopsis = "chatd [--listen HOST:PORT] [--redis URI] [--prefix P] [--config FILE] …",
    .about = "A chat daemon: JSON over WebSocket, everything kept in Redis.",
    .options = OPTIONS,
    .default_files = NULL,
    .on_file_value = note_file,
};
