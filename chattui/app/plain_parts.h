/* plain_parts - what the files of plain share; see plain.h. */
#ifndef CHATTUI_APP_PLAIN_PARTS_H
#define CHATTUI_APP_PLAIN_PARTS_H

#include "chattui/model/model.h"
#include "common/base/buf.h"
#include "common/proto/response.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* --- plain_input.c: lines of stdin --- */

#define INPUT_LINE_MAX (64u << 10) /* bytes; the server's limit on messages is lower */

struct plain_input;

/* Reads on a thread of its own, since stdin may be anything and its flags belong to others, too;
 * `ready` is called on the loop when there is something to take. One a process. */
bool plain_input_open(uv_loop_t *loop, void (*ready)(void *arg), void *arg);
/* A line without its line feed, borrowed until the next call; NULL: none is here now. `ended`: and
 * none will come. `too_long`: it was longer than INPUT_LINE_MAX, and this is its beginning. */
const char *plain_input_take(size_t *len, bool *too_long, bool *ended);
void plain_input_close(void);

/* --- plain_output.c: rows, on stdout and stderr --- */

struct plain_output {
    bool jsonl;
    bool is_closed; /* whoever read stdout has gone */
    struct buf out;
    struct printed {
        struct recipient to;
        struct place at; /* the last row that was printed */
        bool is_open;    /* the rows that were there when it was joined are printed */
    } printed[CHANNELS_MAX];
    size_t n;
    enum net_state net;
    char status[STATUS_MAX];
};

void plain_output_init(struct plain_output *o, bool jsonl);
void plain_output_free(struct plain_output *o);
/* Prints what is new in the model. */
void plain_output_show(struct plain_output *o, const struct model *m);
/* Prints what leaves no row in the model: messages that were printed have been removed. */
void plain_output_response(struct plain_output *o, const struct model *m, const struct response *a);
/* For people, on stderr; foreign text is made safe. */
void plain_talk(const char *text, size_t len);

#endif
