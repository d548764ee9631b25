/* import - commands in batches: see import.h. */
#include "chatctl/ops/import.h"

#include <inttypes.h>
#include <string.h>

enum status import_bad_line(const struct import *m, uint64_t line, const char *what) {
    complain("%s:%" PRIu64 ": %s", m->path, line, what);
    return STATUS_FAILED;
}

/* --- Commands in batches --- */

static enum status take_claim(struct import *m, const struct sent *s, const struct redisReply *r) {
    struct uuid holder;
    struct err e = {0};
    if (reply_uuid(r, &holder, &e))
        return fail(&e);
    if (uuid_is_nil(&holder) || uuid_eq(&holder, &s->user))
        return STATUS_DONE;
    for (size_t i = 0; i < m->nheld; i++)
        if (uuid_eq(&m->held[i].uuid, &s->user))
            m->held[i].refused = true;
    import_check_refuse_user(&m->check, &s->user);
    m->refused++;
    complain("%s:%" PRIu64 ": the username is another user's; left out", m->path, s->line);
    return STATUS_DONE;
}

static enum status take_answer(struct import *m, const struct sent *s, const struct redisReply *r) {
    struct err e = {0};
    if (s->owed == OWED_NAME && !reply_ok(r, &e))
        return take_claim(m, s, r);
    if (s->owed == OWED_ENTRY) {
        bool known = reply_is_error(r, "ERR The ID specified in XADD is equal or smaller");
        m->known += known;
        m->messages += !known && !reply_ok(r, &e);
        if (known)
            return STATUS_DONE;
    }
    if (!reply_ok(r, &e))
        return STATUS_DONE;
    enum status st = fail(&e);
    import_bad_line(m, s->line, "not stored");
    return st;
}

enum status import_settle(struct invocation *in, struct import *m) {
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < m->nsent; i++) {
        struct err e = {0};
        const struct redisReply *r = redis_sync_next(in->redis, &e);
        if (!r)
            return fail(&e);
        if (st == STATUS_DONE)
            st = take_answer(m, &m->sent[i], r);
    }
    m->nsent = 0;
    return st;
}

enum status import_send(struct invocation *in, struct import *m, struct sent s) {
    struct err e = {0};
    if (redis_sync_queue(in->redis, &e))
        return fail(&e);
    m->sent[m->nsent++] = s;
    return m->nsent == IMPORT_BATCH ? import_settle(in, m) : STATUS_DONE;
}

enum status import_send_plain(struct invocation *in, struct import *m) {
    return import_send(in, m, (struct sent){.owed = OWED_ANY, .line = m->line});
}
