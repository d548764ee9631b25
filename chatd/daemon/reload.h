/* reload - SIGHUP: all settings are read anew, and taken over if all of them are right; else those
 * that are in effect stay, and the log says what is wrong and where. A setting that can't change
 * while chatd serves stays too, and the log names it.
 *
 * The files are read aside, since a dead mount may keep its readers for ever; meanwhile, and when
 * that takes too long, chatd goes on with what it has. Loop thread only.
 */
#ifndef CHATD_DAEMON_RELOAD_H
#define CHATD_DAEMON_RELOAD_H

#include "chatd/base/settings.h"
#include "chatd/net/tls.h"

#include <uv.h>

struct aside;
struct reading;

struct reload_hooks {
    /* The settings are taken over; `keys` are those of the new certificate, the callee's; NULL:
     * none is named. */
    void (*taken)(struct tls_keys *keys, void *arg);
    void (*refused)(void *arg); /* nothing is */
    void *arg;
};

struct reload {
    struct chatd_settings *set;
    int argc;
    char **argv;
    struct reload_hooks hooks;
    uv_async_t read;
    uv_timer_t patience;
    struct aside *aside; /* reads; NULL: nothing is under way */
    struct reading *reading;
    bool again; /* asked for meanwhile */
};

void reload_init(struct reload *r, uv_loop_t *loop, struct chatd_settings *set, int argc,
                 char **argv, const struct reload_hooks *hooks);
void reload_ask(struct reload *r);
void reload_close(struct reload *r); /* its handles; the loop must run once more */

#endif
