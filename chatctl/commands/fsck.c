/* fsck - what its checks share: see fsck.h. */
#include "chatctl/commands/fsck.h"

#include "chatctl/ops/ask.h"

#include <string.h>

enum status fsck_found(struct fsck *f, const char *problem, const char *key, size_t len,
                       const char *detail, bool repair) {
    const struct redisReply *r;
    bool mend = repair && f->fix && !f->in->dry_run;
    enum status st = mend ? ask(f->in, &r) : STATUS_DONE;
    f->problems++;
    f->left += !mend || st != STATUS_DONE;
    output_text(f->in->out, problem, strlen(problem));
    output_text(f->in->out, key, len);
    output_text(f->in->out, detail, strlen(detail));
    output_bool(f->in->out, mend && st == STATUS_DONE);
    return st;
}

enum status fsck_found_key(struct fsck *f, const char *problem, const struct key *k,
                           const char *detail, bool repair) {
    return fsck_found(f, problem, k->text, k->len, detail, repair);
}

void fsck_key_command(struct fsck *f, const char *verb, const struct key *k) {
    cmd_begin(f->c, verb);
    cmd_key(f->c, k->text, k->len);
}

enum status fsck_ask_str(struct fsck *f, const char **s, size_t *len) {
    const struct redisReply *r;
    struct err e = {0};
    enum status st = ask(f->in, &r);
    return st == STATUS_DONE && reply_str(r, s, len, &e) ? fail(&e) : st;
}

enum status fsck_user_exists(struct fsck *f, const struct uuid *u, bool *yes) {
    int64_t n = 0;
    cmd_begin(f->c, "EXISTS");
    cmd_user_key(f->c, f->ks, u, USER_RECORD);
    enum status st = ask_i64(f->in, &n);
    *yes = n > 0;
    return st;
}
