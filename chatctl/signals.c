/* signals - see signals.h. */
#include "chatctl/signals.h"

#include "chatctl/commands.h"

#include <signal.h>

static volatile sig_atomic_t pressed; /* a handler reaches nothing but globals */

static void on_interrupt(int number) {
    (void)number;
    pressed = 1;
}

void signals_arm(void) {
    struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&act.sa_mask);
    pressed = 0;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

void signals_init(void) {
    signal(SIGPIPE, SIG_IGN);
    signals_arm();
}

bool interrupted(void) {
    return pressed;
}
