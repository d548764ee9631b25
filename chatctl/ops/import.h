/* import - the parts of cmd_import.c: lines of an export (see transfer.h) become commands that
 * travel in batches. */
#ifndef CHATCTL_OPS_IMPORT_H
#define CHATCTL_OPS_IMPORT_H

#include "chatctl/ops/ask.h"
#include "chatctl/ops/import_check.h"
#include "chatctl/term/progress.h"
#include "common/proto/json.h"

#include <stdio.h>
#include <sys/types.h>

#define IMPORT_BATCH 200                          /* commands sent together */
#define IMPORT_MS_MAX ((uint64_t)253402300799999) /* the end of the year 9999 */
#define IMPORT_VALUE_MAX 65536

enum owed { OWED_ANY, OWED_NAME, OWED_ENTRY };

/* A command that was sent, and the meaning of its answer. */
struct sent {
    enum owed owed;
    uint64_t line;    /* of the file: for complaints */
    struct uuid user; /* OWED_NAME */
};

/* A user that waits until its name is known to be free. */
struct held {
    char *text; /* the item; owned */
    size_t len;
    uint64_t line;
    struct uuid uuid;
    bool refused;
};

struct import {
    FILE *file;
    const char *path;
    bool merge, ended;
    bool left_out; /* the messages of this channel */
    uint64_t line, users, channels, members, messages, known, refused;
    uint64_t skipped; /* messages of channels that are left out, see import_check.h */
    uint64_t expected_messages;
    struct import_check check;
    struct sent sent[IMPORT_BATCH];
    size_t nsent;
    struct held held[IMPORT_BATCH];
    size_t nheld;
    struct progress bar;
};

/* Complains about a line of the file; STATUS_FAILED. */
enum status import_bad_line(const struct import *m, uint64_t line, const char *what);

/* Sends the scratch command together with others; import_send_plain if its answer need only be no
 * error. */
enum status import_send(struct invocation *in, struct import *m, struct sent s);
enum status import_send_plain(struct invocation *in, struct import *m);
/* Reads all answers that are due, also behind one that is an error. */
enum status import_settle(struct invocation *in, struct import *m);

/* --- Parts of items: false if they are missing or wrong; texts borrow from `doc` --- */
bool import_get_uuid(const struct json *doc, const char *key, struct uuid *out);
bool import_get_channel(const struct json *doc, struct channel_id *out);
/* A field's value, into `out` (IMPORT_VALUE_MAX bytes); -1: none that could be right. */
ssize_t import_field_value(const struct json *field, char *out);
/* Adds names and values to the scratch command. False: there are none, or a wrong one. */
bool import_add_fields(struct cmd *c, const struct json *doc, const char *key);
bool import_find_field(const struct json *doc, const char *key, const char *name, const char **s,
                       size_t *len);

/* --- Items of each type --- */
/* Users are held until it is known that their names are free; import_held writes those that wait.
 */
enum status import_user(struct invocation *in, struct import *m, const struct json *doc,
                        const char *text, size_t len);
enum status import_held(struct invocation *in, struct import *m);
enum status import_channel(struct invocation *in, struct import *m, const struct json *doc);
enum status import_member(struct invocation *in, struct import *m, const struct json *doc);
enum status import_joined(struct invocation *in, struct import *m, const struct json *doc);
enum status import_mark(struct invocation *in, struct import *m, const struct json *doc);
enum status import_message(struct invocation *in, struct import *m, const struct json *doc);
enum status import_entry(struct invocation *in, struct import *m, const struct json *doc);

#endif
