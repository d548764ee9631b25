/* import_users - users: first the names of a batch, then the records of those who have got theirs.
 */
#include "chatctl/ops/import.h"
#include "common/proto/validate.h"

#include <stdlib.h>
#include <string.h>

static enum status claim_name(struct invocation *in, struct import *m, const struct held *h,
                              const struct json *doc) {
    const char *name;
    size_t len, folded_len;
    char folded[NAME_FOLDED_MAX + 1];
    struct cmd *c = redis_sync_cmd(in->redis);
    if (!import_find_field(doc, "fields", "name", &name, &len) ||
        !name_fold(name, len, folded, &folded_len))
        return import_bad_line(m, h->line, "a user without a name");
    cmd_begin(c, "SET");
    cmd_tailed_key(c, redis_sync_keys(in->redis), KEY_NAME, folded, folded_len);
    cmd_uuid(c, &h->uuid);
    cmd_literal(c, "NX");
    cmd_literal(c, "GET");
    return import_send(in, m, (struct sent){.owed = OWED_NAME, .line = h->line, .user = h->uuid});
}

/* With --merge, HSETNX a field: a record that is there stays as it is. */
static enum status merge_record(struct invocation *in, struct import *m, const struct held *h,
                                const struct json *doc) {
    static char value[IMPORT_VALUE_MAX];
    const struct json *fields;
    struct cmd *c = redis_sync_cmd(in->redis);
    enum status st = STATUS_DONE;
    if (json_arr(doc, "fields", &fields) != JSON_OK)
        return import_bad_line(m, h->line, "a user without fields");
    for (const struct json *f = json_first(fields); f && st == STATUS_DONE; f = json_next(f)) {
        const char *name;
        size_t len;
        ssize_t size = json_is_obj(f) ? import_field_value(f, value) : -1;
        if (size < 0 || json_str(f, "k", &name, &len) != JSON_OK)
            return import_bad_line(m, h->line, "a wrong field");
        cmd_begin(c, "HSETNX");
        cmd_user_key(c, redis_sync_keys(in->redis), &h->uuid, USER_RECORD);
        cmd_copy(c, name, len);
        cmd_copy(c, value, (size_t)size);
        st = import_send_plain(in, m);
    }
    return st;
}

static enum status write_record(struct invocation *in, struct import *m, const struct held *h,
                                const struct json *doc) {
    struct cmd *c = redis_sync_cmd(in->redis);
    uint64_t created = 0;
    const char *s;
    size_t len;
    enum status st;
    if (m->merge)
        st = merge_record(in, m, h, doc);
    else {
        cmd_begin(c, "HSET");
        cmd_user_key(c, redis_sync_keys(in->redis), &h->uuid, USER_RECORD);
        st = import_add_fields(c, doc, "fields")
                 ? import_send_plain(in, m)
                 : import_bad_line(m, h->line, "a user with wrong fields");
    }
    if (st != STATUS_DONE)
        return st;
    if (json_u64(doc, "created", IMPORT_MS_MAX, &created) != JSON_OK &&
        import_find_field(doc, "fields", "created", &s, &len))
        created = strtoull(s, NULL, 10);
    m->users++;
    cmd_user_index(c, redis_sync_keys(in->redis), &h->uuid, (int64_t)created);
    if ((st = import_send_plain(in, m)))
        return st;
    char folded[NAME_FOLDED_MAX + 1];
    size_t n;
    if (!import_find_field(doc, "fields", "name", &s, &len) || !name_fold(s, len, folded, &n))
        return STATUS_DONE; /* it was refused above */
    cmd_name_index(c, redis_sync_keys(in->redis), folded, n, &h->uuid);
    return import_send_plain(in, m);
}

static enum status each_held(struct invocation *in, struct import *m,
                             enum status (*fn)(struct invocation *in, struct import *m,
                                               const struct held *h, const struct json *doc)) {
    enum status st = STATUS_DONE;
    for (size_t i = 0; i < m->nheld && st == STATUS_DONE; i++) {
        struct err e = {0};
        if (m->held[i].refused)
            continue;
        struct json *doc = json_parse(m->held[i].text, m->held[i].len, 0, &e);
        st = doc ? fn(in, m, &m->held[i], doc) : fail(&e);
        json_free(doc);
    }
    return st == STATUS_DONE ? import_settle(in, m) : st;
}

enum status import_held(struct invocation *in, struct import *m) {
    enum status st = import_settle(in, m);
    if (st == STATUS_DONE)
        st = each_held(in, m, claim_name);
    if (st == STATUS_DONE)
        st = each_held(in, m, write_record);
    for (size_t i = 0; i < m->nheld; i++)
        free(m->held[i].text);
    m->nheld = 0;
    return st;
}

enum status import_user(struct invocation *in, struct import *m, const struct json *doc,
                        const char *text, size_t len) {
    struct held h = {.len = len, .line = m->line};
    if (!import_get_uuid(doc, "UUID", &h.uuid))
        return import_bad_line(m, m->line, "a user without a UUID");
    h.text = malloc(len);
    if (!h.text)
        return status_no_memory();
    memcpy(h.text, text, len);
    m->held[m->nheld++] = h;
    return m->nheld == IMPORT_BATCH ? import_held(in, m) : STATUS_DONE;
}
