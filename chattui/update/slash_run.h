/* slash_run - the functions of the table in slash.c. False: it was not done, the user was told why,
 * and gets the line back. */
#ifndef CHATTUI_UPDATE_SLASH_RUN_H
#define CHATTUI_UPDATE_SLASH_RUN_H

#include "chattui/update/slash.h"

bool run_join(struct slash_call *call);
bool run_msg(struct slash_call *call);
bool run_part(struct slash_call *call);
bool run_me(struct slash_call *call);
bool run_buffer(struct slash_call *call);
bool run_list(struct slash_call *call);
bool run_names(struct slash_call *call);
bool run_users(struct slash_call *call);
bool run_search(struct slash_call *call);
bool run_clear(struct slash_call *call);
bool run_read(struct slash_call *call);
bool run_mute(struct slash_call *call);
bool run_pin(struct slash_call *call);
bool run_url(struct slash_call *call);
bool run_edit(struct slash_call *call);
bool run_retry(struct slash_call *call);
bool run_discard(struct slash_call *call);
bool run_connect(struct slash_call *call);
bool run_reconnect(struct slash_call *call);
bool run_signout(struct slash_call *call);
bool run_set(struct slash_call *call);
bool run_alias(struct slash_call *call);
bool run_unalias(struct slash_call *call);
bool run_help(struct slash_call *call);
bool run_quit(struct slash_call *call);

#endif
