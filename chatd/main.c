/* chatd - the chat daemon. Reads its settings and runs the server, see server.c for how it is put
 * together, or the supervisor of several. */
#include "chatd/server.h"
#include "chatd/supervisor.h"
#include "common/err.h"
#include "common/grants.h"
#include "common/log.h"

#include <stdio.h>

#define OPTIONS_MAX ((size_t)64 * 1024)

/* The tables of PROTOCOL.md, for whoever wants them from the binary. */
static void print_errors(void) {
    printf("code\tname\ttext\tclose\n");
    for (unsigned i = 0; err_at(i) != ERR_OK; i++) {
        enum err_code code = err_at(i);
        printf("%d\t%s\t%s\t%d\n", code, err_name(code), err_text(code), err_close(code));
    }
}

/* What service/redis-users.conf is made of. */
static int print_acl(const struct settings *set) {
    struct keyspace ks;
    struct buf b;
    if (!keyspace_init(&ks, set->prefix)) {
        fprintf(stderr, "chatd: --prefix: expected 1 to %d letters, digits and _ - . :\n",
                PREFIX_MAX);
        return 2;
    }
    buf_init(&b, OPTIONS_MAX);
    grants_print(&b, &ks);
    fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
    return 0;
}

/* What the completions of the shells ask for. */
static void print_options(void) {
    struct buf b;
    buf_init(&b, OPTIONS_MAX);
    option_list(&CHATD_PROGRAM, &b);
    fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
}

int main(int argc, char **argv) {
    struct settings set = {0};
    enum option_outcome outcome = settings_load(&set, argc, argv, NULL);
    if (outcome != OPTION_RUN)
        return outcome == OPTION_EXIT ? 0 : 2;
    log_find_journal();
    log_set_worker((unsigned)set.worker);
    settings_apply_log(&set);
    int status = 0;
    if (set.print_errors)
        print_errors();
    else if (set.print_acl)
        status = print_acl(&set);
    else if (set.list_options)
        print_options();
    else if (set.check_config)
        puts("chatd: the settings are right");
    else if (supervisor_workers(&set) > 1 && !set.worker)
        status = supervisor_run(&set, argc, argv);
    else
        status = server_run(&set, argc, argv);
    settings_free(&set);
    return status;
}
