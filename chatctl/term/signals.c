/* signals - see signals.h. */
#include "chatctl/term/signals.h"

#include <signal.h>

static volatile sig_atomic_t pressed; /* a handler reaches nothing but globals */

static void on_interrupt(int number) {
    pressed = number;
}

static void catch_both(int flags) {
    struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = flags};
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

void signals_arm(void) {
    pressed = 0;
    catch_both((int)SA_RESETHAND);
}

void signals_outlive(void) {
    catch_both(0);
}

void signals_press(void) {
    pressed = SIGINT;
}

void signals_die(void) {
    int number = pressed;
    if (!number)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

void signals_init(void) {
    signal(SIGPIPE, SIG_IGN);
    signals_arm();
}

bool interrupted(void) {
    return pressed;
}
