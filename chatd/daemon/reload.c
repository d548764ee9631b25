/* reload - see reload.h. */
#include "chatd/daemon/reload.h"

#include "common/base/log.h"

#include <string.h>

/* Settings that need a restart: they were used up at the start. All others are read where they are
 * needed, or brought there by server.c. */
static const char *const FIXED[] = {"listen",     "workers", "redis",       "prefix",   "http",
                                    "durability", "worker",  "kdf-threads", "kdf-queue"};

static bool is_fixed(const char *name) {
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        if (strcmp(FIXED[i], name) == 0)
            return true;
    return false;
}

static void complain(const char *message) {
    char quoted[512];
    log_error("reload_failed", "reason=%s",
              log_quote(quoted, sizeof quoted, message, strlen(message)));
}

/* No value is logged: it may be a password. */
bool reload_settings(struct chatd_settings *set, int argc, char **argv) {
    struct chatd_settings fresh = {0};
    unsigned changed = 0, restart = 0;
    if (settings_load(&fresh, argc, argv, complain) != OPTION_RUN)
        return false;
    bool turns = !*set->tls_cert != !*fresh.tls_cert; /* TLS on or off */
    for (const struct option_def *d = CHATD_PROGRAM.options; d->name; d++) {
        if (!option_differs(d, set, &fresh))
            continue;
        bool fixed = is_fixed(d->name) || (turns && strncmp(d->name, "tls-", 4) == 0);
        if (fixed)
            log_warn("restart_needed", "setting=%s", d->name);
        else
            option_swap(d, set, &fresh);
        changed += !fixed;
        restart += fixed;
    }
    settings_free(&fresh);
    log_info("reloaded", "changed=%u restart_needed=%u", changed, restart);
    return true;
}
