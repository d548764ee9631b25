/* roster - a list of users on its way to a client: uuids first, then their names and who of them is
 * online. */
#ifndef CHATD_CHANNEL_ROSTER_H
#define CHATD_CHANNEL_ROSTER_H

#include "chatd/op/op.h"
#include "common/proto/response_encode.h"

struct roster {
    struct user_item *users; /* name_len 0: not known yet */
    size_t n;
};

/* Frees what it holds; fits as op_state's clear when the roster comes first in the state. */
void roster_clear(void *roster);
/* Reads an array of uuids; fails the op if there is no memory. */
void roster_take(struct op *op, struct roster *r, const struct redisReply *reply);
bool roster_add(struct op *op, struct roster *r, const struct uuid *user);
/* Issues the commands; the op goes on when they are answered. */
void roster_look_up(struct op *op, struct roster *r);
/* Puts names in, drops users without a record; `online_first` sorts. Returns how many there are. */
size_t roster_settle(struct op *op, struct roster *r, bool online_first);

#endif
