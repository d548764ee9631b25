/* people - a list of users on its way to a client: uuids first, then their names and which of them
 * are online. */
#ifndef CHATD_REQUEST_PEOPLE_H
#define CHATD_REQUEST_PEOPLE_H

#include "chatd/op/op.h"
#include "common/proto/response.h"

struct people {
    struct user_item *users; /* name_len 0: not known yet */
    size_t n;
};

/* Frees what it holds; fits as op_state's clear when it comes first in the state. */
void people_clear(void *people);
/* Reads an array of uuids; fails the op if there is no memory. */
void people_take(struct op *op, struct people *p, const struct redisReply *reply);
bool people_add(struct op *op, struct people *p, const struct uuid *user);
/* Issues the commands; the op goes on when they are answered. */
void people_look_up(struct op *op, struct people *p);
/* Puts names in, drops users without a record; `online_first` sorts. Returns how many there are. */
size_t people_settle(struct people *p, bool online_first);

#endif
