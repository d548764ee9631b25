/* chatd - the chat daemon. Reads its settings and runs the server, see server.c for how it is put
 * together, or the supervisor of several. */
#include "chatd/daemon/metrics.h"
#include "chatd/daemon/server.h"
#include "chatd/daemon/supervisor.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/redis/grants.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define LIST_MAX ((size_t)64 * 1024)

/* The tables of PROTOCOL.md, for readers who want them from the binary. */
static void print_errors(void) {
    printf("code\tname\ttext\tclose\n");
    for (unsigned i = 0; err_at(i) != ERR_OK; i++) {
        enum err_code code = err_at(i);
        printf("%d\t%s\t%s\t%d\n", code, err_name(code), err_text(code), err_close(code));
    }
}

static void print(struct buf *b) {
    fwrite(b->data, 1, b->len, stdout);
    buf_free(b);
}

/* chatd/service/redis-users.conf is made of this. */
static void print_acl(const struct chatd_settings *set) {
    struct keyspace ks;
    struct buf b;
    buf_init(&b, LIST_MAX);
    keyspace_init(&ks, set->prefix); /* the settings were checked */
    grants_print(&b, &ks);
    print(&b);
}

static void print_man(const struct chatd_settings *set) {
    struct buf b;
    buf_init(&b, LIST_MAX);
    option_man(&CHATD_PROGRAM, strcmp(set->man_part, "settings") == 0, &b);
    print(&b);
}

static void list_options(struct buf *out) {
    option_list(&CHATD_PROGRAM, out);
}

/* For the completions of the shells and the tests of documents. */
static void print_list(void (*list)(struct buf *out)) {
    struct buf b;
    buf_init(&b, LIST_MAX);
    list(&b);
    print(&b);
}

/* False: nothing is asked for but to serve. */
static bool print_asked(const struct chatd_settings *set) {
    if (set->print_errors)
        print_errors();
    else if (set->print_acl)
        print_acl(set);
    else if (set->man_part)
        print_man(set);
    else if (set->list_options)
        print_list(list_options);
    else if (set->list_metrics)
        print_list(metrics_list);
    else if (set->check_config)
        puts("chatd: the settings are right");
    else
        return false;
    return true;
}

/* Memory - passwords, keys, messages - does not get onto a disk when chatd crashes, and
 * no other process of the user may look at it. */
static void keep_memory_private(void) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

int main(int argc, char **argv) {
    struct chatd_settings set = {0};
    standard_open();
    keep_memory_private();
    enum option_outcome outcome = settings_load(&set, argc, argv, NULL);
    if (outcome != OPTION_RUN)
        return option_status(outcome);
    log_find_journal();
    log_never_wait();
    log_set_worker((unsigned)set.worker);
    settings_apply_log(&set);
    int status;
    if (print_asked(&set))
        status = standard_printed("chatd") ? 0 : 1;
    else if (supervisor_workers(&set) > 1 && !set.worker)
        status = supervisor_run(&set, argc, argv);
    else
        status = server_run(&set, argc, argv);
    settings_free(&set);
    return status;
}
