/* settings - where the Redis is and how to print: from the command line, else the environment
 * (CHATCTL_REDIS …), else the user's file, else the one of the system: each setting by itself. */
#ifndef CHATCTL_TABLE_SETTINGS_H
#define CHATCTL_TABLE_SETTINGS_H

#include "chatctl/table/parse.h"
#include "common/redis/redis_uri.h"

struct ctl_settings {
    char *redis, *prefix, *format; /* as given; format NULL = by what stdout is */
    uint64_t timeout;              /* ms */
    const char *redis_file;        /* the file that names the Redis, if one does; while loading */
    struct redis_uri uri;
    struct keyspace keys;
};

/* False: a message was printed. Free in any case. */
bool settings_load(struct ctl_settings *set, const struct command_line *cl);
void settings_free(struct ctl_settings *set);

#endif
