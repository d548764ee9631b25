/* crash - a program that dies of a bug still gives the terminal back. Signals that mean a crash
 * call `rescue`, say what happened, and then go on to the handler before: the default,
 * which ends the process with a core dump, or a sanitizer.
 */
#ifndef CHATTUI_TERM_CRASH_H
#define CHATTUI_TERM_CRASH_H

/* `rescue` must be async-signal-safe. On a stack of its own, so that an overflown stack is a crash
 * like any other. Once a process. */
void crash_handle(void (*rescue)(void));

#endif
