/* internal - what update's files have in common. */
#ifndef CHATTUI_UPDATE_INTERNAL_H
#define CHATTUI_UPDATE_INTERNAL_H

#include "chattui/update/update.h"
#include "common/proto/response.h"

/* --- conn.c: the connection, and who we are on it --- */

void conn_loaded(struct model *m, const struct event *e, struct effects *fx);
void conn_connect(struct model *m, struct effects *fx); /* now; closes a connection there is */
/* Closes the connection and stays offline. `why` becomes the trouble. */
void conn_stop(struct model *m, struct effects *fx, const char *why);
void conn_opened(struct model *m);
void conn_closed(struct model *m, const struct event *e);
void conn_password(struct model *m, const struct event *e, struct effects *fx);
void conn_tick(struct model *m, struct effects *fx);
/* The server does not take our key (or us) any more. */
void conn_key_refused(struct model *m, struct effects *fx, const char *why);
/* A request that carried the key was answered: we are in. */
void conn_signed_in(struct model *m);
/* Sends signIn or signUp with the password at hand. */
void conn_sign_in(struct model *m, struct effects *fx);
/* The answer to whether the name that nobody has is to be an account. */
void conn_new_account(struct model *m, struct effects *fx, bool yes);

/* --- dialog.c --- */

void dialog_open(struct model *m, const char *why); /* --plain: ends the program instead */
void dialog_close(struct model *m);
void dialog_offer_account(struct model *m);            /* nobody has the name */
void dialog_edited(struct dialog *d);                  /* the field that has the focus */
enum field dialog_first_empty(const struct dialog *d); /* PASSWORD, if none is */
/* Into the field in focus, UTF-8 that fits; and out of it its last character. */
void dialog_append(struct dialog *d, const char *s, size_t len);
void dialog_erase(struct dialog *d);

/* --- update_dialog.c --- */

void update_field(struct model *m, const struct event *e, struct effects *fx);

/* --- What the server says, handed out by update_response.c --- */

void update_response(struct model *m, const struct response *a, struct effects *fx);

/* Takes one kind of response. `ask` is a copy of what it answers, and over; of kind ASK_NONE if
 * nobody asked. */
typedef void take_fn(struct model *m, const struct response *a, const struct ask *ask,
                     struct effects *fx);

/* take_CODEC for each row of RESPONSE_TABLE, take_sys_CODEC for those of SYS_TABLE,
 * ask_refused_REFUSED for those of ASK_TABLE: each in the file of its subject. */
#define X(sym, type, body, codec) take_fn take_##codec;
RESPONSE_TABLE(X)
#undef X
#define X(sym, type, codec) take_fn take_sys_##codec;
SYS_TABLE(X)
#undef X
#define X(sym, request, refused) take_fn ask_refused_##refused;
ASK_TABLE(X)
#undef X

#define HOLE_PAGES 10 /* of a hole are loaded unasked; the rest when somebody scrolls there */

/* --- outbox_send.c: entries on their way --- */

/* Enters a message to be sent. False: it can't be; the user was told. */
bool outbox_enter(struct model *m, struct effects *fx, struct conversation *c,
                  const struct uuid *uuid, const char *text, size_t len);
void outbox_loaded(struct model *m, const struct saved_entry *entries, size_t n);
void outbox_persisted(struct model *m, const struct event *e);
/* A message of ours is stored: if it was in the outbox, it isn't any more. */
void outbox_stored(struct model *m, const struct uuid *uuid, struct effects *fx);
void outbox_lost_connection(struct model *m);
/* Sends what is due in a channel. */
void outbox_pump(struct model *m, struct conversation *c, struct effects *fx);
/* The failed entries of a channel (NULL: of all): again, or gone. Return how many. */
size_t outbox_retry(struct model *m, const struct conversation *c);
size_t outbox_discard(struct model *m, struct effects *fx, const struct conversation *c);

/* --- ask.c: requests under way --- */

/* A request under way, and the frame for it to be filled in; NULL: too many are. */
struct ask *ask_begin(struct model *m, struct effects *fx, enum ask_kind kind,
                      const struct recipient *to, struct request **out);
struct ask *ask_find(struct model *m, uint64_t id);
bool ask_pending(const struct model *m, enum ask_kind kind, const struct recipient *to);
void ask_end(struct ask *ask);
bool ask_users(struct model *m, struct effects *fx, enum ask_kind kind, uint32_t offset);
/* How long to wait before the `n`th try, with jitter, ms. */
uint32_t ask_back_off(struct model *m, unsigned n);
/* The same after an error, or as long as it says; 0: trying again does not help. */
uint32_t ask_retry_delay(struct model *m, const struct response *a, unsigned n);

/* --- update_pump.c --- */

/* Sends what is due: joins, entries of the outbox, history. */
void update_pump(struct model *m, struct effects *fx);

/* --- conversation.c --- */

void conversation_select(struct model *m, struct effects *fx, size_t index);
void conversation_seen(struct model *m, struct conversation *c); /* all of it is read */
void conversation_recount(struct model *m, struct conversation *c);
bool conversation_is_seen(const struct model *m,
                          const struct conversation *c); /* by the user, now */
void conversation_set_draft(struct model *m, struct conversation *c, const char *text, size_t len,
                            size_t cursor);
void conversation_changed(struct model *m, struct conversation *c); /* to be saved, soon */
void conversation_save(struct model *m, struct effects *fx);        /* those that changed */
void conversation_loaded(struct model *m, const struct saved_conversation *channels, size_t n);
void conversation_jump(struct model *m, struct conversation *c,
                       struct place at); /* scrolls there */
/* Opens a conversation with somebody and goes there. NULL: the user was told why not. */
struct conversation *conversation_talk_to(struct model *m, struct effects *fx,
                                          const struct recipient *to, const char *name);

void conversation_leave(struct model *m, struct effects *fx, struct conversation *c); /* frees it */

/* --- update_ui.c --- */

void update_enter(struct model *m, const struct event *e, struct effects *fx);
void update_action(struct model *m, enum action action, struct effects *fx);
void update_scroll(struct model *m, const struct scroll *s);
void update_reply(struct model *m, const struct event *e, struct effects *fx);

/* --- slash_talk.c --- */

void slash_list_users(struct model *m, const struct response *a);

/* --- link.c --- */

void link_open(struct model *m, struct effects *fx, const char *link, size_t len);
void link_open_newest(struct model *m, struct effects *fx); /* of the current channel */

/* --- search.c: in the current channel --- */

void search_begin(struct model *m, const char *text);
void search_step(struct model *m, bool older);
void search_more(struct model *m, struct conversation *c); /* a page has come */
void search_mention(struct model *m, bool older);

/* --- lookup.c: a user by name --- */

/* `text`: a message for that user; NULL: only the conversation is opened. */
void lookup_begin(struct model *m, struct effects *fx, const char *name, const char *text,
                  const struct uuid *uuid);
void lookup_users(struct model *m, const struct response *a, struct effects *fx);
void lookup_end(struct model *m);

#endif
