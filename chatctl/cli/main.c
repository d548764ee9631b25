/* chatctl - the chat's administration tool: a command line, or without one a shell. It works
 * straight on Redis; see table/commands.h for the table that everything is made from. */
#include "chatctl/cli/complete.h"
#include "chatctl/cli/help.h"
#include "chatctl/cli/runner.h"
#include "chatctl/cli/shell.h"
#include "chatctl/term/signals.h"
#include "chatctl/term/talk.h"
#include "common/base/secret.h"
#include "common/base/standard.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define SYNOPSIS_MAX ((size_t)64 * 1024)

/* Names are UTF-8 whatever the environment says: in the C locale they would be taken for rubbish.
 */
static void use_utf8(void) {
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static enum status print_synopsis(void) {
    struct buf text;
    buf_init(&text, SYNOPSIS_MAX);
    help_man_synopsis(&text);
    fwrite(text.data, 1, text.len, stdout);
    buf_free(&text);
    return standard_printed("chatctl") ? STATUS_DONE : STATUS_FAILED;
}

/* Options without a command are the shell's. */
static bool is_shell(size_t argc, char **argv, struct command_line *cl) {
    if (!parse_init(cl, argc))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < argc; i++)
        ok = parse_feed(cl, argv[i]);
    return ok && !cl->pending && !cl->noun && !cl->command && !cl->help && !cl->version;
}

int main(int argc, char **argv) {
    struct runner runner = {.has_stdin = true};
    size_t n = argc > 1 ? (size_t)argc - 1 : 0;
    enum status status;
    standard_open();
    use_utf8();
    signals_init();
    if (!secret_init()) {
        complain("no randomness");
        return STATUS_FAILED;
    }
    if (n && strcmp(argv[1], "__complete") == 0)
        return complete_main(n - 1, argv + 2);
    if (n && strcmp(argv[1], "__man-synopsis") == 0)
        return print_synopsis();
    if (is_shell(n, argv + 1, &runner.base))
        status = shell_run(&runner);
    else {
        parse_free(&runner.base);
        status = runner_run(&runner, n, argv + 1);
    }
    parse_free(&runner.base);
    runner_free(&runner);
    if (status == STATUS_INTERRUPTED) {
        fflush(NULL);
        signals_die();
    }
    return status;
}
