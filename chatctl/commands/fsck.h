/* fsck - how a problem is said and mended, and what cmd_fsck.c has checked of names and users
 * (fsck_users.c) and of channels (fsck_channels.c). */
#ifndef CHATCTL_COMMANDS_FSCK_H
#define CHATCTL_COMMANDS_FSCK_H

#include "chatctl/ops/walk.h"
#include "chatctl/term/progress.h"

/* One key, with what SCAN's page was asked about it. */
struct key {
    char text[KEY_MAX + 1];
    size_t len;
    char type[16];
    int64_t ttl;
    bool ours, cut;
    struct key_name name;
};

struct fsck {
    struct invocation *in;
    const struct keyspace *ks;
    struct cmd *c; /* the scratch command: where a repair is built */
    bool fix;
    uint64_t keys, problems, left;
    char beside[PREFIX_MAX + 1]; /* another chat's prefix that was met last, or "" */
    uint64_t theirs;             /* keys of such */
    struct progress bar;
};

/* Says a problem. `repair`: the scratch holds the command that mends it, which is sent with --fix.
 */
enum status fsck_found(struct fsck *f, const char *problem, const char *key, size_t len,
                       const char *detail, bool repair);
enum status fsck_found_key(struct fsck *f, const char *problem, const struct key *k,
                           const char *detail, bool repair);

/* Begins a command about the key in the scratch. */
void fsck_key_command(struct fsck *f, const char *verb, const struct key *k);
enum status fsck_ask_str(struct fsck *f, const char **s,
                         size_t *len); /* the scratch; nil is NULL */
enum status fsck_user_exists(struct fsck *f, const struct uuid *u, bool *yes);

/* --- Users --- */
enum status fsck_check_name(struct fsck *f, const struct key *k);   /* name:<folded> */
enum status fsck_check_record(struct fsck *f, const struct key *k); /* {u:…} */
enum status fsck_check_keys(struct fsck *f, const struct key *k);   /* {u:…}:keys */
enum status fsck_check_orphan(struct fsck *f, const struct key *k); /* any other of a user */

/* --- Channels --- */
enum status fsck_check_log(struct fsck *f, const struct key *k);
enum status fsck_check_meta(struct fsck *f, const struct key *k);
/* Members of a zset of users who don't exist. */
enum status fsck_check_users_in(struct fsck *f, const char *key, size_t len, const char *problem);
size_t fsck_take_users(const struct walk *w, struct uuid *out); /* of a page */

#endif
