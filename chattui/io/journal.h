/* journal - things that outlive the program, in files for the user alone: who was signed in with
 * which key, what was entered and isn't known to be stored, channels with their drafts and how far
 * they were read.
 *
 *     $XDG_STATE_HOME/chattui/last                     the server that was signed in to last
 *     $XDG_STATE_HOME/chattui/SERVER/last              the user who was signed in there last
 *     $XDG_STATE_HOME/chattui/SERVER/USER/key          user UUID, name, access key
 *     $XDG_STATE_HOME/chattui/SERVER/USER/outbox-N     journal of entries, of the Nth client
 *     $XDG_STATE_HOME/chattui/SERVER/USER/channels     journal of channels; the last word counts
 *
 * Journals are JSON, a record a line. A record is appended by one write, and an outbox entry is on
 * the disk before anybody is told that it is; so whenever the program or the machine stops, what
 * was told to be kept is there, and at most a torn last record isn't. Whole files are replaced by
 * rename.
 *
 * Clients of the same user may run side by side: each has an outbox of its own, and takes over
 * those that ended clients left.
 */
#ifndef CHATTUI_IO_JOURNAL_H
#define CHATTUI_IO_JOURNAL_H

#include "chattui/io/net.h"
#include "chattui/model/effect.h"
#include "chattui/model/event.h"

#include <stdbool.h>
#include <stddef.h>

struct tui_settings;
struct tui_journal;

/* For the server and user of the settings, which must live as long, or else the last ones. NULL:
 * `why` says what is wrong. */
struct tui_journal *tui_journal_open(const struct tui_settings *set, char *why, size_t size);
void tui_journal_close(struct tui_journal *s); /* NULL is fine */

/* EV_LOADED. Its pointers are valid until the next call of a function here. */
void tui_journal_load(struct tui_journal *s, struct event *e);

/* Carries out SAVE_KEY, FORGET_KEY, OUTBOX_ADD, OUTBOX_DROP, SAVE_CONVERSATION. Follows CONNECT
 * (the server may have changed), and returns false for it as for all others. OUTBOX_ADD is answered
 * by EV_PERSISTED, from within, by `fn`. */
bool tui_journal_carry_out(struct tui_journal *s, const struct effect *fx, tui_event_fn *fn,
                           void *arg);

/* The last failure that no event tells of (a key or draft that can't be written), once; NULL: none.
 */
const char *tui_journal_trouble(struct tui_journal *s);

#endif
