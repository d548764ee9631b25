/* settings_load - see settings.h: the settings as a whole. Nothing here opens a socket or asks
 * Redis, so that --check-config can say the same while another chatd serves. */
#include "chatd/base/net.h"
#include "chatd/base/settings.h"
#include "chatd/daemon/versions.h"
#include "chatd/net/proxy.h"
#include "chatd/net/tls.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/sink.h"
#include "common/redis/durability.h"
#include "common/redis/keys.h"
#include "common/redis/redis_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_MAX 256

/* Does the URI in effect stand on the command line? A flag wins over everything else. */
static bool on_command_line(const struct chatd_settings *set, int argc, char **argv) {
    size_t len = strlen(set->redis);
    for (int i = 1; i < argc; i++) {
        size_t n = strlen(argv[i]);
        if (n >= len && strcmp(argv[i] + n - len, set->redis) == 0)
            return true;
    }
    return false;
}

/* Does it stand in a file that others can read? */
static bool is_exposed(const struct chatd_settings *set) {
    const char *env = getenv("CHATD_REDIS");
    struct stat st;
    return !(env && *env) && set->redis_file && stat(set->redis_file, &st) == 0 &&
           S_ISREG(st.st_mode) && (st.st_mode & 0007);
}

static bool check_redis(const struct chatd_settings *set, int argc, char **argv, char *why,
                        size_t size) {
    char text[WHY_MAX];
    struct redis_uri uri;
    bool ok = redis_uri_parse(set->redis, &uri, text, sizeof text);
    bool secret = ok && *uri.password, embedded = ok && uri.kind == REDIS_EMBEDDED;
    secret_wipe(&uri, sizeof uri);
    if (!ok)
        snprintf(why, size, "redis: %s", text);
    else if (secret && on_command_line(set, argc, argv))
        snprintf(why, size,
                 "redis: a password on the command line can be seen by every user of "
                 "this machine: put the URI into CHATD_REDIS or a file (--config)");
    else if (secret && is_exposed(set))
        snprintf(why, size,
                 "%s: with a password in it it must not be readable by others: "
                 "chmod o-rwx",
                 set->redis_file);
    else if (embedded && strcmp(set->durability, durability_name(DURABILITY_REPLICATED)) == 0)
        snprintf(why, size, "durability: an embedded Redis has no replicas");
    else
        return true;
    return false;
}

static bool check_prefix(const struct chatd_settings *set, char *why, size_t size) {
    struct keyspace keys;
    snprintf(why, size, "prefix: expected 1 to 32 of A-Z a-z 0-9 _ - . :");
    return keyspace_init(&keys, set->prefix);
}

static bool check_tls(const struct chatd_settings *set, char *why, size_t size) {
    bool cert = *set->tls_cert, key = *set->tls_key;
    if (cert != key)
        snprintf(why, size, "tls-cert and tls-key: either both or none of them");
    else
        return !cert || tls_check(set->tls_cert, set->tls_key, why, size);
    return false;
}

/* A start finds it out from the socket; a check, from the address. */
static bool check_exposure(const struct chatd_settings *set, char *why, size_t size) {
    if (*set->tls_cert || set->insecure_plaintext || !net_is_open("listen", set->listen))
        return true;
    snprintf(why, size, "listen %s: " SETTINGS_EXPOSED, set->listen);
    return false;
}

static bool check_proxies(const struct chatd_settings *set, char *why, size_t size) {
    struct networks n;
    return networks_parse(&n, set->trusted_proxy, why, size);
}

/* Without ever waiting for a reader. */
static void settings_say(const char *message) {
    char line[SINK_LINE_MAX];
    snprintf(line, sizeof line, "chatd: %s\n", message);
    sink_say(STDERR_FILENO, line);
}

enum option_outcome settings_load(struct chatd_settings *set, int argc, char **argv,
                                  void (*complain)(const char *message)) {
    char why[WHY_MAX * 4];
    struct option_program program = CHATD_PROGRAM;
    program.complain = complain ? complain : settings_say;
    program.again = complain != NULL;
    enum option_outcome outcome = option_load(&program, argc, argv, set, versions_text());
    if (outcome != OPTION_RUN)
        return outcome;
    if (check_prefix(set, why, sizeof why) && check_redis(set, argc, argv, why, sizeof why) &&
        net_check("listen", set->listen, why, sizeof why) && check_tls(set, why, sizeof why) &&
        check_exposure(set, why, sizeof why) && check_proxies(set, why, sizeof why) &&
        (!*set->http || net_check("http", set->http, why, sizeof why)))
        return OPTION_RUN;
    program.complain(why);
    settings_free(set);
    return OPTION_ERROR;
}

void settings_apply_log(const struct chatd_settings *set) {
    enum log_level level;
    enum log_format format;
    if (log_level_parse(set->log_level, &level)) /* the table lets no other word through */
        log_set_level(level);
    if (log_format_parse(set->log_format, &format))
        log_set_format(format);
}

void settings_free(struct chatd_settings *set) {
    if (set->redis)
        secret_wipe(set->redis, strlen(set->redis));
    option_free(&CHATD_PROGRAM, set);
}
