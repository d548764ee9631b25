/* plain - the frontend without a screen: for pipes, scripts, bots and screen readers. The same
 * client as in a terminal (client.h); only what is drawn there is printed here, a line at a time.
 *
 * stdout is data: what is said in the joined channels, in order and once, a row when it is final:
 * an own message when it is stored, nothing behind a hole that is still being filled. stderr is
 * talk: the connection, notices, what went wrong.
 *
 *     --format text     [CHANNEL] HH:MM NAME: TEXT     sanitized; CHANNEL only for private ones
 *     --format jsonl    one object a line: type message, gap, epoch or purge; texts as they are
 *
 * stdin is read once the channels are joined, or at once if the user and the channels are known
 * from before: then lines are kept while the server is away. Not faster than lines are stored: at
 * most 100 wait. Each line is a
 * message to the public channel, or to the last one named by --join; from a terminal, lines that
 * begin with / are commands. At the end of the input the program ends when all is stored, or, with
 * --stay, goes on printing.
 */
#ifndef CHATTUI_APP_PLAIN_H
#define CHATTUI_APP_PLAIN_H

struct tui_settings;

/* The exit status: 0, every line was stored; 1, one was not (those that may yet be are kept, and
 * sent the next time), or there is no way to sign in; 130 and 143, stopped by SIGINT (it dies of
 * it) or SIGTERM. */
int plain_run(const struct tui_settings *settings);

#endif
