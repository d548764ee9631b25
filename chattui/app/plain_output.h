/* plain_output - what is new in the model as lines, for plain.h: rows on stdout, talk on stderr. */
#ifndef CHATTUI_APP_PLAIN_OUTPUT_H
#define CHATTUI_APP_PLAIN_OUTPUT_H

#include "chattui/model/model.h"
#include "common/base/buf.h"
#include "common/proto/response.h"

#include <stdbool.h>
#include <stddef.h>

struct plain_output {
    bool jsonl;
    bool closed; /* nobody reads stdout any more */
    struct buf out;
    struct printed {
        struct recipient to;
        struct place at; /* the last row that was printed */
        bool open;       /* the rows that were there when it was joined are printed */
    } printed[CONVERSATIONS_MAX];
    size_t n;
    enum conn_state conn;
    char status[STATUS_MAX];
};

void plain_output_init(struct plain_output *o, bool jsonl);
void plain_output_free(struct plain_output *o);
/* A line on stderr, for people; foreign text is made safe. */
void plain_output_talk(const char *text, size_t len);
/* Prints what is new in the model. */
void plain_output_show(struct plain_output *o, const struct model *m);
/* Prints what leaves no row in the model: messages that were printed have been removed. */
void plain_output_response(struct plain_output *o, const struct model *m, const struct response *a);

#endif
