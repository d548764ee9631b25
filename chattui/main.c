/* main - reads the settings and hands over to a face: app in a terminal, plain for pipes.
 *
 * Exit status: 0 ended by the user, 1 something failed, 2 a setting is wrong.
 */
#include "chattui/app.h"
#include "chattui/plain.h"
#include "chattui/action.h"
#include "chattui/settings.h"
#include "chattui/slash.h"

#include "common/secret.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

/* Text is UTF-8 whatever the environment says: with the C locale alone nothing but ASCII could be
 * shown. In the environment, too, since readline asks there, and the editor will. */
static void set_locale(void) {
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return;
    setenv("LC_ALL", "C.UTF-8", 1);
    setlocale(LC_ALL, "");
}

static int list_options(void) {
    struct buf b;
    buf_init(&b, 64 << 10);
    option_list(&TUI_PROGRAM, &b);
    fwrite(b.data, 1, b.len, stdout);
    buf_free(&b);
    return EXIT_SUCCESS;
}

/* An action a line: name, keys, what it does. */
static int list_keys(void) {
    for (enum action a = ACTION_NONE + 1; a < ACTIONS; a++) {
        const struct action_def *d = action_def(a);
        printf("%s\t%s\t%s\n", d->name, d->keys, d->help);
    }
    return EXIT_SUCCESS;
}

/* A command a line: name, arguments, what it does. */
static int list_commands(void) {
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        printf("/%s\t%s\t%s\n", d->name, d->args, d->help);
    return EXIT_SUCCESS;
}

static int run(const struct tui_settings *set) {
    if (set->list_options)
        return list_options();
    if (set->list_keys)
        return list_keys();
    if (set->list_commands)
        return list_commands();
    if (set->plain)
        return plain_run(set);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fputs("chattui: input and output are not a terminal: --plain works without one\n", stderr);
        return EXIT_USAGE;
    }
    return app_run(set);
}

int main(int argc, char **argv) {
    struct tui_settings set = {0};
    set_locale();
    if (!secret_init()) {
        fputs("chattui: the system gives no randomness\n", stderr);
        return EXIT_FAILURE;
    }
    enum option_outcome outcome = tui_settings_load(&set, argc, argv);
    int status = outcome == OPTION_RUN    ? run(&set)
                 : outcome == OPTION_EXIT ? EXIT_SUCCESS
                                          : EXIT_USAGE;
    tui_settings_free(&set);
    return status;
}
