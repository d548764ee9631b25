/* main - reads the settings and hands over to a frontend: terminal, or plain for pipes.
 *
 * Exit status: 0 ended by the user, 1 something failed, 2 a setting is wrong.
 */
#include "chattui/app/plain.h"
#include "chattui/app/terminal.h"
#include "chattui/base/action.h"
#include "chattui/io/manual.h"
#include "chattui/io/settings.h"
#include "common/base/secret.h"
#include "common/base/standard.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2
#define LIST_MAX (64u << 10)

/* Text is UTF-8 whatever the environment says: with the C locale alone nothing but ASCII could be
 * shown. In the environment, too, since readline asks there, and the editor will. */
static void set_locale(void) {
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return;
    setenv("LC_ALL", "C.UTF-8", 1);
    setlocale(LC_ALL, "");
}

/* For completions and the making of the man pages. */
static int print_list(const struct tui_settings *set) {
    struct buf b;
    buf_init(&b, LIST_MAX);
    if (set->list_options)
        option_list(&TUI_PROGRAM, &b);
    else
        manual_part(set->man_part, &b);
    fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
    return standard_printed("chattui") ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct tui_settings *set) {
    if (tui_settings_only_prints(set))
        return print_list(set);
    if (set->plain)
        return plain_run(set);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fputs("chattui: input and output are not a terminal: --plain works without one\n", stderr);
        return EXIT_USAGE;
    }
    return terminal_run(set);
}

int main(int argc, char **argv) {
    struct tui_settings set = {0};
    standard_open();
    set_locale();
    if (!secret_init()) {
        fputs("chattui: the system gives no randomness\n", stderr);
        return EXIT_FAILURE;
    }
    enum option_outcome outcome = tui_settings_load(&set, argc, argv);
    int status = option_status(outcome);
    if (outcome == OPTION_RUN)
        status = run(&set);
    tui_settings_free(&set);
    return status;
}
