/* settings - chatd's options: one table makes flags, CHATD_… variables, config keys and --help. */
#ifndef CHATD_BASE_SETTINGS_H
#define CHATD_BASE_SETTINGS_H

#include "common/option/option.h"

#include <stdbool.h>
#include <stdint.h>

struct chatd_settings {
    char *listen, *redis, *prefix, *durability, *log_level, *log_format, *origin, *http, *tls_cert,
        *tls_key, *trusted_proxy;
    /* Everything below has a cap that this table enforces. Sizes in bytes, times in ms. */
    uint64_t max_connections, max_per_address, max_frame, max_outbound, max_requests, max_joins;
    uint64_t max_rate, max_rate_user, max_rate_address, max_connects_address, max_sign_ups_address,
        max_keys, event_members;
    uint64_t handshake_timeout, sign_in_timeout, ping_interval, drain_timeout, presence_delay;
    uint64_t key_ttl, remember, fail_window;
    uint64_t workers; /* 0: one a core */
    uint64_t worker;  /* which one this process is, from 1; 0: none */
    uint64_t kdf_threads, kdf_queue, argon2_memory, argon2_passes;
    bool sign_in_creates, insecure_plaintext, limit_loopback;
    bool print_errors, print_acl, list_options, list_metrics, check_config;
    char *man_part;         /* print this part of a man page, which is made of the table */
    const char *redis_file; /* the file that last named a Redis, or NULL; not ours */
};

extern const struct option_program CHATD_PROGRAM;

#define SETTINGS_EXPOSED                                                                           \
    "others can reach it, and there is no TLS: give tls-cert and tls-key, or say "                 \
    "insecure-plaintext = yes"

/* Fills `set` (zeroed) and checks what the table can't: values that must fit together, or that name
 * something which must be there. OPTION_ERROR: told `complain`, or on stderr if that is NULL;
 * nothing is held then. */
enum option_outcome settings_load(struct chatd_settings *set, int argc, char **argv,
                                  void (*complain)(const char *message));
/* Logs as they say from here on. */
void settings_apply_log(const struct chatd_settings *set);
void settings_free(struct chatd_settings *set);

#endif
