/* crash - see crash.h. */
#include "chattui/term/crash.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)

static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};

#define N_SIGNALS (sizeof SIGNALS / sizeof *SIGNALS)

/* A handler reaches nothing but globals. */
static void (*rescue_terminal)(void);
static struct sigaction before[N_SIGNALS];

static void on_crash(int number) {
    static const char WORDS[] = "chattui crashed. What was sent and not yet stored is kept.\n";
    rescue_terminal();
    ssize_t done = write(STDERR_FILENO, WORDS, sizeof WORDS - 1);
    (void)done;
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (SIGNALS[i] == number)
            sigaction(number, &before[i], NULL);
    raise(number); /* stays pending until this handler returns */
}

void crash_handle(void (*rescue)(void)) {
    static char stack[STACK_SIZE];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    rescue_terminal = rescue;
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < N_SIGNALS; i++)
        sigaction(SIGNALS[i], &action, &before[i]);
}
