/* reply - see reply.h. */
#include "common/redis/reply.h"

#include "common/proto/validate.h"
#include "common/redis/script.h"

#include <hiredis/hiredis.h>
#include <string.h>

static enum err_code wrong_shape(struct err *e, const char *what) {
    return err_set(e, ERR_INTERNAL, "unexpected reply: %s", what);
}

/* Error replies that mean "not now" rather than "never". */
static bool is_passing(const char *s, size_t len) {
    static const char *const WORDS[] = {"LOADING",    "OOM",        "READONLY",    "MISCONF",
                                        "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
                                        "BUSY",       "UNBLOCKED",  "NOGOODSLAVE"};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t n = strlen(WORDS[i]);
        if (len >= n && memcmp(s, WORDS[i], n) == 0 && (len == n || s[n] == ' '))
            return true;
    }
    return false;
}

static enum err_code redis_error(const char *s, size_t len, struct err *e) {
    char where[112];
    size_t word = 0; /* the first word alone: the rest may quote data */
    while (word < len && s[word] != ' ' && word < 32)
        word++;
    if (is_passing(s, len))
        return err_set(e, ERR_UNAVAILABLE, "%.*s", (int)word, s);
    if (!script_blame(s, where, sizeof where))
        return err_set(e, ERR_INTERNAL, "store: %.*s", (int)word, s);
    if (strstr(s, "can't run this command") || strstr(s, "can't access at least one of the keys") ||
        strstr(s, "ACL failure in script"))
        return err_set(e, ERR_INTERNAL, "store: NOPERM: %s", where); /* Redis says ERR */
    return err_set(e, ERR_INTERNAL, "store: %.*s: %s", (int)word, s, where);
}

enum err_code reply_ok(const redisReply *r, struct err *e) {
    if (!r)
        return err_refuse(e, ERR_UNAVAILABLE);
    if (r->type == REDIS_REPLY_ERROR)
        return redis_error(r->str, (size_t)r->len, e);
    return ERR_OK;
}

bool reply_is_noscript(const redisReply *r) {
    return r && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
}

bool reply_is_nil(const redisReply *r) {
    return r && r->type == REDIS_REPLY_NIL;
}

const char *reply_error(const redisReply *r) {
    return r && r->type == REDIS_REPLY_ERROR ? r->str : NULL;
}

bool reply_is_error(const redisReply *r, const char *word) {
    size_t n = strlen(word);
    return r && r->type == REDIS_REPLY_ERROR && (size_t)r->len >= n && memcmp(r->str, word, n) == 0;
}

static bool is_str(const redisReply *r) {
    return r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS;
}

/* Decimal digits with an optional minus, as Redis prints integers. */
static bool parse_i64(const char *s, size_t len, int64_t *v) {
    bool minus = len > 0 && *s == '-';
    if (minus) {
        s++;
        len--;
    }
    if (len == 0 || len > 18)
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (s[i] - '0');
    }
    *v = minus ? -n : n;
    return true;
}

static bool parse_seq(const redisReply *r, uint64_t *v) {
    int64_t n;
    if (r->type == REDIS_REPLY_INTEGER)
        n = r->integer;
    else if (!is_str(r) || !parse_i64(r->str, (size_t)r->len, &n))
        return false;
    *v = (uint64_t)n;
    return n >= 0;
}

static bool parse_uuid(const redisReply *r, struct uuid *u) {
    return is_str(r) && uuid_read(r->str, (size_t)r->len, u);
}

enum err_code reply_i64(const redisReply *r, int64_t absent, int64_t *v, struct err *e) {
    *v = absent;
    if (reply_ok(r, e))
        return e->code;
    if (r->type == REDIS_REPLY_NIL)
        return ERR_OK;
    if (r->type == REDIS_REPLY_INTEGER) {
        *v = r->integer;
        return ERR_OK;
    }
    if (is_str(r) && parse_i64(r->str, (size_t)r->len, v))
        return ERR_OK;
    return wrong_shape(e, "no integer");
}

enum err_code reply_str(const redisReply *r, const char **s, size_t *len, struct err *e) {
    *s = NULL;
    *len = 0;
    if (reply_ok(r, e))
        return e->code;
    if (r->type == REDIS_REPLY_NIL)
        return ERR_OK;
    if (!is_str(r))
        return wrong_shape(e, "no string");
    *s = r->str;
    *len = (size_t)r->len;
    return ERR_OK;
}

enum err_code reply_uuid(const redisReply *r, struct uuid *u, struct err *e) {
    memset(u, 0, sizeof *u);
    if (reply_ok(r, e))
        return e->code;
    parse_uuid(r, u);
    return ERR_OK;
}

/* EXEC that is not permitted is answered so; that it isn't is all that can make an empty
 * transaction fail. */
bool reply_is_denied(const redisReply *r) {
    return reply_is_error(r, "NOPERM") ||
           (reply_is_error(r, "EXECABORT") && strstr(r->str, "NOPERM")); /* of EXEC itself */
}

enum err_code reply_array(const redisReply *r, size_t *n, struct err *e) {
    *n = 0;
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY)
        return wrong_shape(e, "no array");
    *n = r->elements;
    return ERR_OK;
}

const redisReply *reply_item(const redisReply *array, size_t i) {
    return array->element[i];
}

/* --- Stream entries --- */

/* The five fields of a message, as a flat array of names and values. */
static bool parse_fields(const redisReply *r, struct message *m) {
    bool uuid = false, sender = false, at = false;
    if (r->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const redisReply *name = r->element[i], *value = r->element[i + 1];
        if (!is_str(name) || !is_str(value))
            return false;
        if (strcmp(name->str, "uuid") == 0)
            uuid = parse_uuid(value, &m->uuid);
        else if (strcmp(name->str, "sender") == 0)
            sender = parse_uuid(value, &m->sender);
        else if (strcmp(name->str, "at") == 0)
            at = parse_i64(value->str, (size_t)value->len, &m->created_ms);
        else if (strcmp(name->str, "name") == 0) {
            m->sender_name = value->str;
            m->sender_name_len = (size_t)value->len;
        } else if (strcmp(name->str, "text") == 0) {
            m->text = value->str;
            m->text_len = (size_t)value->len;
        }
    }
    return uuid && sender && at && m->sender_name_len > 0 && m->text_len > 0 &&
           m->sender_name_len <= NAME_MAX_BYTES && m->text_len <= MESSAGE_MAX_BYTES &&
           text_valid(m->sender_name, m->sender_name_len) && text_valid(m->text, m->text_len);
}

bool reply_entry(const redisReply *entry, const struct channel_id *channel, struct message *out) {
    memset(out, 0, sizeof *out);
    out->channel = *channel;
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || !is_str(entry->element[0]))
        return false;
    const redisReply *id = entry->element[0];
    const char *dash = memchr(id->str, '-', (size_t)id->len);
    int64_t seq;
    if (!dash || !parse_i64(id->str, (size_t)(dash - id->str), &seq) || seq < 1)
        return false;
    out->seq = (uint64_t)seq;
    return strcmp(dash, "-0") == 0 && parse_fields(entry->element[1], out);
}

/* --- Scripts --- */

enum err_code reply_append(const redisReply *r, size_t i, struct append_result *out,
                           struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || i >= r->elements)
        return wrong_shape(e, "append");
    const redisReply *item = r->element[i];
    if (item->type != REDIS_REPLY_ARRAY || item->elements < 2 ||
        item->element[0]->type != REDIS_REPLY_INTEGER)
        return wrong_shape(e, "append");
    if (item->element[0]->integer == 2 && is_str(item->element[1]))
        return redis_error(item->element[1]->str, (size_t)item->element[1]->len, e);
    if (item->element[0]->integer < 0 || item->element[0]->integer > 1 || item->elements < 4 ||
        !parse_uuid(item->element[1], &out->at.epoch) || !parse_seq(item->element[2], &out->at.seq))
        return wrong_shape(e, "append");
    out->repeat = item->element[0]->integer == 1;
    if (out->repeat)
        out->gone = !parse_fields(item->element[3], &out->first);
    else if (item->element[3]->type == REDIS_REPLY_INTEGER)
        out->receivers = item->element[3]->integer;
    else
        return wrong_shape(e, "append");
    out->first.seq = out->at.seq;
    return ERR_OK;
}

/* Of a damaged lineage nothing is known. */
static bool parse_state(const redisReply *epoch, const redisReply *base, const redisReply *seq,
                        const redisReply *lineage, struct channel_state *out) {
    out->lineage.n = 0;
    if (is_str(lineage))
        lineage_read(lineage->str, (size_t)lineage->len, &out->lineage);
    return parse_uuid(epoch, &out->at.epoch) && parse_seq(base, &out->base) &&
           parse_seq(seq, &out->at.seq);
}

bool channel_state_has(const struct channel_state *s, const struct position *at) {
    return uuid_eq(&s->at.epoch, &at->epoch) ? at->seq <= s->at.seq : lineage_has(&s->lineage, at);
}

enum err_code reply_join(const redisReply *r, struct join_result *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 6 ||
        !parse_state(r->element[0], r->element[1], r->element[2], r->element[5], &out->state) ||
        r->element[3]->type != REDIS_REPLY_INTEGER || r->element[4]->type != REDIS_REPLY_ARRAY)
        return wrong_shape(e, "join");
    out->members = r->element[3]->integer;
    out->listed = r->element[4];
    return ERR_OK;
}

bool reply_run(const redisReply *r, char out[RUN_MAX + 1]) {
    static const char name[] = "\r\nrun_id:";
    *out = '\0';
    const char *at = r && is_str(r) ? strstr(r->str, name) : NULL;
    size_t n = at ? strspn(at + strlen(name), "0123456789abcdef") : 0;
    if (n == 0 || n > RUN_MAX)
        return false;
    memcpy(out, at + strlen(name), n);
    out[n] = '\0';
    return true;
}

#define TIME_SECONDS_MAX ((int64_t)1 << 40)

enum err_code reply_time(const redisReply *r, int64_t *out, struct err *e) {
    size_t n;
    int64_t seconds, micros;
    if (reply_array(r, &n, e))
        return e->code;
    if (n != 2)
        return wrong_shape(e, "time");
    if (reply_i64(reply_item(r, 0), -1, &seconds, e) || reply_i64(reply_item(r, 1), -1, &micros, e))
        return e->code;
    if (seconds < 0 || seconds > TIME_SECONDS_MAX || micros < 0)
        return wrong_shape(e, "time");
    *out = seconds * 1000 + micros / 1000;
    return ERR_OK;
}

enum err_code reply_position(const redisReply *r, struct channel_state *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 4)
        return wrong_shape(e, "position");
    if (!parse_state(r->element[0], r->element[1], r->element[2], r->element[3], out))
        memset(out, 0, sizeof *out); /* none, or spoilt: the next append begins an epoch */
    return ERR_OK;
}

enum err_code reply_place(const redisReply *r, struct position *out, struct err *e) {
    *out = (struct position){.seq = 0};
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2)
        return wrong_shape(e, "place");
    if (!parse_uuid(r->element[0], &out->epoch) || !parse_seq(r->element[1], &out->seq))
        *out = (struct position){.seq = 0};
    return ERR_OK;
}

/* --- Logs and purges --- */

/* The number before the dash of an entry id. */
static uint64_t id_seq(const redisReply *id) {
    const char *dash = is_str(id) ? memchr(id->str, '-', (size_t)id->len) : NULL;
    int64_t seq;
    return dash && parse_i64(id->str, (size_t)(dash - id->str), &seq) && seq >= 0 ? (uint64_t)seq
                                                                                  : 0;
}

/* The same of where a log ends; UINT64_MAX: beyond what we count to. */
static uint64_t id_top(const redisReply *id) {
    const char *dash = is_str(id) ? memchr(id->str, '-', (size_t)id->len) : NULL;
    return dash && dash - id->str > 18 ? UINT64_MAX : id_seq(id);
}

uint64_t reply_entry_seq(const redisReply *entry) {
    return entry->type == REDIS_REPLY_ARRAY && entry->elements > 0 ? id_seq(entry->element[0]) : 0;
}

enum err_code reply_log_info(const redisReply *r, struct log_info *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_is_error(r, "ERR no such key"))
        return ERR_OK;
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY)
        return wrong_shape(e, "stream");
    out->exists = true;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const redisReply *name = r->element[i], *value = r->element[i + 1];
        if (!is_str(name))
            return wrong_shape(e, "stream");
        if (strcmp(name->str, "length") == 0)
            parse_seq(value, &out->length);
        else if (strcmp(name->str, "last-generated-id") == 0)
            out->top = id_top(value);
        else if (strcmp(name->str, "first-entry") == 0)
            out->first = reply_entry_seq(value);
        else if (strcmp(name->str, "last-entry") == 0)
            out->last = reply_entry_seq(value);
    }
    return ERR_OK;
}

enum err_code reply_step(const redisReply *r, struct step_result *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 1 ||
        r->element[0]->type != REDIS_REPLY_INTEGER)
        return wrong_shape(e, "step");
    if (r->element[0]->integer != 0) {
        out->state = r->element[0]->integer == 1 ? STEP_LOCKED : STEP_OTHER;
        return ERR_OK;
    }
    if (r->elements != 4 || !is_str(r->element[1]) ||
        (size_t)r->element[1]->len >= sizeof out->at || !parse_seq(r->element[2], &out->moved) ||
        r->element[3]->type != REDIS_REPLY_INTEGER)
        return wrong_shape(e, "step");
    out->state = r->element[3]->integer ? STEP_DONE : STEP_MORE;
    memcpy(out->at, r->element[1]->str, (size_t)r->element[1]->len);
    return ERR_OK;
}

bool reply_mark(const redisReply *item, struct mark *out) {
    int64_t seq;
    memset(out, 0, sizeof *out);
    if (!is_str(item))
        return false;
    size_t len = (size_t)item->len;
    out->lost = len == 4 && memcmp(item->str, "lost", 4) == 0;
    if (out->lost)
        return true;
    if (len <= UUID_TEXT + 1 || item->str[UUID_TEXT] != ' ') /* behind the purge's uuid */
        return false;
    const char *what = item->str + UUID_TEXT + 1;
    len -= UUID_TEXT + 1;
    out->one = uuid_read(what, len, &out->message);
    if (out->one)
        return true;
    if (len > UUID_TEXT && what[UUID_TEXT] == ':' && uuid_read(what, UUID_TEXT, &out->sender)) {
        what += UUID_TEXT + 1;
        len -= UUID_TEXT + 1;
    }
    if (!parse_i64(what, len, &seq) || seq < 0)
        return false;
    out->up_to = (uint64_t)seq;
    return true;
}

static int64_t number_or_0(const redisReply *r) {
    int64_t v = 0;
    if (is_str(r))
        parse_i64(r->str, (size_t)r->len, &v);
    return v;
}

enum err_code reply_purge_record(const redisReply *r, struct purge_record *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 7)
        return wrong_shape(e, "purge");
    const redisReply *mode = r->element[1];
    if (!parse_uuid(r->element[0], &out->epoch) || !is_str(mode) ||
        (size_t)mode->len >= sizeof out->mode)
        return ERR_OK;
    out->found = true;
    memcpy(out->mode, mode->str, (size_t)mode->len);
    parse_uuid(r->element[2], &out->what);
    out->up_to = (uint64_t)number_or_0(r->element[3]);
    out->moved = number_or_0(r->element[4]);
    out->at_ms = number_or_0(r->element[5]);
    out->until_ms = number_or_0(r->element[6]);
    return ERR_OK;
}

/* --- Users --- */

enum err_code reply_user(const redisReply *r, struct user_record *out, struct err *e) {
    memset(out, 0, sizeof *out);
    if (reply_ok(r, e))
        return e->code;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 5)
        return wrong_shape(e, "user");
    const redisReply *name = r->element[0], *hash = r->element[1];
    if (!is_str(name) || name->len < 1 || (size_t)name->len > NAME_MAX_BYTES ||
        !text_valid(name->str, (size_t)name->len))
        return ERR_OK;
    out->found = true;
    out->name = name->str;
    out->name_len = (size_t)name->len;
    if (is_str(hash) && (size_t)hash->len < sizeof out->hash)
        memcpy(out->hash, hash->str, (size_t)hash->len);
    out->created_ms = number_or_0(r->element[2]);
    out->banned_until_ms = number_or_0(r->element[3]);
    out->seen = is_str(r->element[4]) ? r->element[4]->str : "";
    out->seen_len = is_str(r->element[4]) ? (size_t)r->element[4]->len : 0;
    return ERR_OK;
}

/* --- Pushes --- */

bool reply_push(const redisReply *r, struct push *out) {
    static const struct {
        const char *word;
        enum push_kind kind;
    } KINDS[] = {{"smessage", PUSH_MESSAGE},
                 {"ssubscribe", PUSH_SUBSCRIBED},
                 {"sunsubscribe", PUSH_UNSUBSCRIBED}};
    memset(out, 0, sizeof *out);
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 || !is_str(r->element[0]) ||
        !is_str(r->element[1]))
        return false;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (strcmp(r->element[0]->str, KINDS[i].word) != 0)
            continue;
        out->kind = KINDS[i].kind;
        out->channel = r->element[1]->str;
        out->channel_len = (size_t)r->element[1]->len;
        if (out->kind == PUSH_MESSAGE) {
            if (!is_str(r->element[2]))
                return false;
            out->payload = r->element[2]->str;
            out->payload_len = (size_t)r->element[2]->len;
        }
        return true;
    }
    return false;
}
