/* reload - see reload.h. */
#include "chatd/daemon/reload.h"

#include "common/base/aside.h"
#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 10000 /* for all files */
#define WHY_MAX 1400

/* What is read aside. */
struct reading {
    int argc;
    char **argv;
    struct chatd_settings fresh;
    bool right; /* `fresh` and `keys` are */
    struct tls_keys *keys;
    char why[WHY_MAX];
};

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

static void refuse(struct reload *r, const char *why) {
    char quoted[512];
    log_error("reload_failed", "reason=%s", log_quote(quoted, sizeof quoted, why, strlen(why)));
    r->hooks.refused(r->hooks.arg);
}

/* --- Aside --- */

static _Thread_local struct reading *complaining; /* since settings_load's hook has no argument */

static void complain(const char *message) {
    if (!*complaining->why) /* the first is the cause */
        snprintf(complaining->why, WHY_MAX, "%s", message);
}

static void read_all(void *job) {
    struct reading *g = job;
    complaining = g;
    g->right = settings_load(&g->fresh, g->argc, g->argv, complain) == OPTION_RUN;
    if (!g->right || !*g->fresh.tls_cert)
        return;
    g->keys = tls_load(g->fresh.tls_cert, g->fresh.tls_key, g->why, WHY_MAX);
    if (g->keys)
        return;
    g->right = false;
    settings_free(&g->fresh);
}

static void drop_reading(void *job) {
    struct reading *g = job;
    if (g->right)
        settings_free(&g->fresh);
    tls_drop(g->keys);
    free(g);
}

/* --- On the loop --- */

static void reload_begin(struct reload *r);

/* No value is logged: it may be a password. */
static void take_over(struct chatd_settings *set, struct chatd_settings *fresh) {
    unsigned changed = 0, restart = 0;
    bool turns = !*set->tls_cert != !*fresh->tls_cert; /* TLS on or off */
    for (const struct option_def *d = CHATD_PROGRAM.options; d->name; d++) {
        if (!option_differs(d, set, fresh))
            continue;
        bool fixed = is_fixed(d->name) || (turns && strncmp(d->name, "tls-", 4) == 0);
        if (fixed)
            log_warn("restart_needed", "setting=%s", d->name);
        else
            option_swap(d, set, fresh);
        changed += !fixed;
        restart += fixed;
    }
    log_info("reloaded", "changed=%u restart_needed=%u", changed, restart);
}

static void finish(struct reload *r) {
    uv_timer_stop(&r->patience);
    aside_free(r->aside);
    r->aside = NULL;
    r->reading = NULL;
    if (r->again)
        reload_begin(r);
}

static void on_read(uv_async_t *async) {
    struct reload *r = async->data;
    struct reading *g = r->reading;
    if (!r->aside || !aside_wait(r->aside, 0))
        return;
    if (g->right) {
        struct tls_keys *keys = g->keys;
        g->keys = NULL;
        take_over(r->set, &g->fresh);
        r->hooks.taken(keys, r->hooks.arg);
    } else
        refuse(r, g->why);
    finish(r);
}

static void on_impatience(uv_timer_t *timer) {
    struct reload *r = timer->data;
    refuse(r, "the files of the settings can't be read in time");
    finish(r);
}

static void tell_read(void *async) {
    uv_async_send(async);
}

static void reload_begin(struct reload *r) {
    struct reading *g = calloc(1, sizeof *g);
    r->again = false;
    if (g) {
        const struct aside_job job = {
            .work = read_all, .drop = drop_reading, .done = tell_read, .job = g, .arg = &r->read};
        g->argc = r->argc;
        g->argv = r->argv;
        r->aside = aside_begin(&job);
    }
    if (!r->aside) {
        free(g);
        refuse(r, "no thread to read the files in");
        return;
    }
    r->reading = g;
    uv_timer_start(&r->patience, on_impatience, PATIENCE_MS, 0);
}

void reload_init(struct reload *r, uv_loop_t *loop, struct chatd_settings *set, int argc,
                 char **argv, const struct reload_hooks *hooks) {
    *r = (struct reload){.set = set, .argc = argc, .argv = argv, .hooks = *hooks};
    uv_async_init(loop, &r->read, on_read);
    uv_timer_init(loop, &r->patience);
    r->read.data = r->patience.data = r;
}

void reload_ask(struct reload *r) {
    if (r->aside)
        r->again = true;
    else
        reload_begin(r);
}

void reload_close(struct reload *r) {
    aside_free(r->aside);
    r->aside = NULL;
    uv_close((uv_handle_t *)&r->read, NULL);
    uv_close((uv_handle_t *)&r->patience, NULL);
}
