/* roster - the people: everybody whose name was heard of.
 *
 * Names are foreign text, stored raw. Presence is a hint, as the protocol says. Bounded: past
 * ROSTER_MAX nobody new is remembered, which costs only completion and /msg by name.
 */
#ifndef CHATTUI_MODEL_ROSTER_H
#define CHATTUI_MODEL_ROSTER_H

#include "common/base/table.h"
#include "common/proto/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROSTER_MAX 20000

struct person {
    struct table_node node;
    struct uuid uuid;
    bool online;
    uint64_t spoke; /* when heard last, in the order of events; 0 = never */
    char *name;     /* NUL-terminated */
};

struct roster {
    struct table by_uuid;
    struct person **by_name; /* sorted by name_order */
    size_t n, cap;
    uint64_t clock;
    uint64_t total; /* users of the server, as last heard; 0 = not asked */
};

bool roster_init(struct roster *r); /* false: no memory */
void roster_free(struct roster *r);

/* Enters or renames; NULL: full or no memory. Names longer than NAME_MAX_BYTES are cut. */
struct person *roster_put(struct roster *r, const struct uuid *uuid, const char *name, size_t len);
struct person *roster_get(const struct roster *r, const struct uuid *uuid); /* NULL: unknown */
/* By name, exactly, or else regardless of ASCII case if that fits only one, or else as the protocol
 * compares names. */
struct person *roster_find(const struct roster *r, const char *name, size_t len);
/* The name, or the uuid's first eight digits in `spare` if it is unknown. */
const char *roster_name(const struct roster *r, const struct uuid *uuid, char spare[16]);
void roster_spoke(struct roster *r, struct person *p);

/* Order of names for lists: ASCII case apart, then by bytes. */
int name_order(const char *a, const char *b);
/* Does `name` begin with these bytes, as the protocol compares names? */
bool name_begins(const char *name, const char *s, size_t len);

#endif
