/* terminal - the frontend in a terminal: keys, the screen, signals, an editor. A key or
 * click becomes an event for the client (client.h); and at the end of a turn of the loop the view
 * is drawn, if something has changed.
 *
 * A key is drawn at once. Under load, when many messages come, the screen is drawn some 60 times a
 * second and not more. When nothing happens nothing runs.
 *
 * The terminal is given back whatever ends the program: /quit, SIGTERM, SIGHUP, SIGINT, a terminal
 * that goes away, a crash (crash.h); and for the time of Ctrl-Z and of the editor.
 */
#ifndef CHATTUI_APP_TERMINAL_H
#define CHATTUI_APP_TERMINAL_H

struct tui_settings;

/* Runs until the user quits. Returns the exit status; messages go to stderr. */
int terminal_run(const struct tui_settings *settings);

#endif
