/* heart - the modules through which a message goes, for the tests of each: sessions, accounts, hub,
 * ops, appends, delivery, repair and bus are real; Redis (fake_redis), the sockets (fake_wire) and
 * the time (fake_clock) are not. What happens is written in steps, and what each session got is
 * read back as text, so that a test is a table of orders. Include it behind cmocka.h in one file of
 * a program.
 *
 * Users are a, b, c and d, each with one session, none of them joined. Channels: p is the public
 * one, q is a's and b's, n is a's notes. A message is one character, which is its UUID and the ID
 * of its request, too. Epochs are digits; 1 is where everything begins. */
#ifndef TESTS_UNIT_HEART_H
#define TESTS_UNIT_HEART_H

#include "chatd/channel/append.h"
#include "chatd/channel/bus.h"
#include "chatd/channel/delivery.h"
#include "chatd/channel/repair.h"
#include "chatd/session/account.h"
#include "chatd/session/session.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include "fake_clock.h"
#include "fake_redis.h"
#include "fake_wire.h"
#include "steps.h"

#define PEOPLE 4

static bool HEART_SPREAD; /* over two slots, from the next setup on; see fake_redis */

static struct heart {
    uv_loop_t loop;
    struct counters count;
    struct chatd_settings set;
    struct sessions sessions;
    struct accounts accounts;
    struct names names;
    struct hub hub;
    struct ops ops;
    struct delivery delivery;
    struct appends appends;
    struct repairs repairs;
    struct bus bus;
    struct probe probe;

    struct lws wsi[PEOPLE];
    struct session *s[PEOPLE]; /* NULL: freed */
    struct address address;
    char notes[512]; /* what steps returned */
} H;

/* --- Names --- */

static struct uuid heart_uuid(char kind, char name) {
    struct uuid u = {{(uint8_t)kind}};
    u.b[15] = (uint8_t)name;
    return u;
}

static struct uuid heart_user(int who) {
    return heart_uuid('u', (char)('a' + who));
}

static struct uuid heart_epoch(char digit) {
    return heart_uuid('e', digit);
}

static struct uuid heart_message(char name) {
    return heart_uuid('m', name);
}

static struct channel_id heart_channel(char name) {
    struct uuid a = heart_user(0), b = heart_user(1);
    return name == 'p' ? channel_public() : channel_dm(&a, name == 'q' ? &b : &a);
}

static struct channel *heart_find(char name) {
    struct channel_id id = heart_channel(name);
    return hub_find(&H.hub, &id);
}

static const char *heart_text(struct uuid u) {
    static char text[8][UUID_TEXT + 1]; /* the last few */
    static unsigned turn;
    char *out = text[turn++ % 8];
    uuid_format(&u, out);
    return out;
}

static void heart_note(const char *what) {
    size_t n = strlen(H.notes);
    snprintf(H.notes + n, sizeof H.notes - n, n ? " %s" : "%s", what);
}

/* --- Life --- */

static void heart_gone(struct session *s) {
    account_leave(&H.accounts, s);
    for (int i = 0; i < PEOPLE; i++)
        if (H.s[i] == s)
            H.s[i] = NULL;
}

static void heart_came(struct account *acc, void *arg) {
    bus_user(arg, acc, true);
}

static void heart_went(struct account *acc, void *arg) {
    bus_user(arg, acc, false);
}

static int heart_init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() ? 0 : -1;
}

static const char *heart_key_hash(int who) {
    static char hash[KEY_HASH_TEXT + 1];
    memset(hash, 'a' + who, KEY_HASH_TEXT);
    return hash;
}

static void heart_sign_in(int who) {
    struct uuid user = heart_user(who);
    char name[] = {(char)('A' + who), '\0'};
    account_enter(&H.accounts, H.s[who], &user, name, 1, heart_key_hash(who));
}

/* Sessions are there, signed in; the bus is told nothing yet. */
static int heart_setup(void **state) {
    (void)state;
    H = (struct heart){.address = {.text = "192.0.2.1"}};
    fake_redis_init();
    FAKE_POOL.spread = HEART_SPREAD;
    FAKE_POOL.bus_up[0] = FAKE_POOL.bus_up[1] = false; /* until a test says otherwise */
    uv_loop_init(&H.loop);
    H.set = (struct chatd_settings){.max_requests = 100, .remember = 600000};
    H.ops = (struct ops){
        .redis = &REDIS, .hub = &H.hub, .count = &H.count, .set = &H.set, .loop = &H.loop};
    H.accounts = (struct accounts){.redis = &REDIS,
                                   .hub = &H.hub,
                                   .names = &H.names,
                                   .came = heart_came,
                                   .went = heart_went,
                                   .arg = &H.bus};
    H.delivery = (struct delivery){.hub = &H.hub, .count = &H.count};
    H.appends = (struct appends){.redis = &REDIS,
                                 .delivery = &H.delivery,
                                 .count = &H.count,
                                 .set = &H.set,
                                 .loop = &H.loop};
    H.repairs = (struct repairs){
        .redis = &REDIS, .hub = &H.hub, .delivery = &H.delivery, .count = &H.count};
    H.bus = (struct bus){.redis = &REDIS,
                         .hub = &H.hub,
                         .accounts = &H.accounts,
                         .delivery = &H.delivery,
                         .probe = &H.probe,
                         .count = &H.count};
    H.probe = (struct probe){.redis = &REDIS};
    if (!sessions_init(&H.sessions, 1u << 20, heart_gone) || !accounts_init(&H.accounts) ||
        !names_init(&H.names) ||
        !hub_init(&H.hub, bus_channel_opened, bus_channel_closed, &H.bus) ||
        !appends_init(&H.appends))
        return -1;
    repairs_init(&H.repairs, &H.loop);
    bus_init(&H.bus);
    for (int i = 0; i < PEOPLE; i++) {
        H.s[i] = session_new(&H.sessions, &H.wsi[i], &H.address, 10, 0);
        heart_sign_in(i);
    }
    return 0;
}

static void heart_drop(struct channel *ch, void *arg) {
    (void)arg;
    delivery_fail_held(ch);
}

/* Whatever was under way ends, and nothing may be left. */
static void heart_end_all(void) {
    fake_redis_go();
    append_flush(&H.appends);
    hub_each(&H.hub, heart_drop, NULL);
    for (int i = 0; i < PEOPLE; i++)
        if (H.s[i] && H.s[i]->wsi)
            session_detach(H.s[i]);
    sessions_flush(&H.sessions);
    FAKE_POOL.up = true;
    clock_pass(2000); /* channels that are to be read are let go */
    uv_run(&H.loop, UV_RUN_NOWAIT);
    fake_redis_go();
}

static int heart_teardown(void **state) {
    heart_end_all();
    assert_int_equal(H.sessions.count, 0);
    assert_int_equal(H.hub.channels.count, 0);
    assert_int_equal(H.accounts.table.count, 0);
    assert_null(H.delivery.due);
    uv_close((uv_handle_t *)&H.repairs.timer, NULL);
    uv_run(&H.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&H.loop), 0);
    appends_free(&H.appends);
    hub_free(&H.hub);
    names_free(&H.names);
    accounts_free(&H.accounts);
    sessions_free(&H.sessions);
    frame_scratch_free();
    fake_redis_end();
    for (int i = 0; i < PEOPLE; i++)
        fake_wire_free(&H.wsi[i]);
    return made_free(state);
}

/* --- What a session gets --- */

/* "7:x", or "7:x=" if it is the answer to its own request, "!name=x" for an error, "epoch2@40",
 * "purge40", "purge:x" (that message), and of other events their type and whom they are about. */
static void heart_read(const char *json, char *out, size_t size) {
    const char *id = strstr(json, "\"requestID\":\""), *at;
    char mark[3] = {id ? '=' : '\0', '\0', '\0'};
    if ((at = strstr(json, "\"name\":\"")))
        snprintf(out, size, "!%.*s=%c", (int)strcspn(at + 8, "\""), at + 8, id ? id[13] : '-');
    else if ((at = strstr(json, "\"message\":\"")))
        snprintf(out, size, "%lu:%c%s", strtoul(strstr(json, "\"seq\":") + 6, NULL, 10), at[11],
                 mark);
    else if ((at = strstr(json, "{\"type\":\"epoch\"")))
        snprintf(out, size, "%s%c@%lu", strstr(at, "\"follows\":true") ? "follow" : "epoch",
                 (char)strtol(strstr(at, "\"seq\"") - 4, NULL, 16),
                 strtoul(strstr(at, "\"seq\":") + 6, NULL, 10));
    else if ((at = strstr(json, "\"upTo\":")))
        snprintf(out, size, "purge%lu", strtoul(at + 7, NULL, 10));
    else if ((at = strstr(json, "{\"type\":\"purge\"")))
        snprintf(out, size, "purge:%c", (char)strtol(strstr(at, "\"UUID\"") + 42, NULL, 16));
    else if ((at = strstr(json, "\"sys\":{\"type\":\"")))
        snprintf(out, size, "%.*s", (int)strcspn(at + 15, "\""), at + 15);
    else
        snprintf(out, size, "%.*s", (int)strcspn(json + 9, "\""), json + 9);
}

static const char *heart_got(int who) {
    static char got[4096];
    char one[128];
    const char *json;
    sessions_flush(&H.sessions);
    got[0] = '\0';
    for (size_t at = 0; (json = fake_wire_next(&H.wsi[who], &at));) {
        heart_read(json, one, sizeof one);
        size_t n = strlen(got);
        snprintf(got + n, sizeof got - n, n ? " %s" : "%s", one);
    }
    return got;
}

/* --- Steps --- */

#define LONG_TEXT (16384 + 5) /* four of them are as much as one call takes */

/* What the verb does. */
static void heart_send(struct op *op) {
    const struct account *acc = op->session->account;
    const char *mem = op->req.mem; /* channel, request ID in quotation marks, text */
    struct channel_id id = heart_channel(*mem);
    op->channel = hub_pin(&H.hub, &id);
    op->message = (struct message){.uuid = heart_message(mem[2]),
                                   .sender = acc->uuid,
                                   .channel = id,
                                   .created_ms = 1000,
                                   .sender_name = acc->name,
                                   .sender_name_len = acc->name_len,
                                   .text = mem + 4,
                                   .text_len = strlen(mem + 4)};
    op->session->append_to = op->channel;
    append_submit(&H.appends, op);
}

static void heart_begin(struct op *op) {
    op->step = op->verb->steps;
    op->account = account_ref(op->session->account);
}

static bool heart_may_follow(const struct op *op) {
    return op->session->append_to == heart_find(*op->req.mem);
}

/* a>p1: user a sends 1 to p; behind it may be u: the UUID is the client's own, n: it has no request
 * ID, L: it is long. */
static void heart_submit(const char *step) {
    static const op_step STEPS[] = {heart_send, NULL};
    static const struct verb VERB = {
        .steps = STEPS, .begin = heart_begin, .may_follow = heart_may_follow};
    struct request req = {.kind = REQ_CHANNEL_MESSAGE, .mem_size = LONG_TEXT};
    req.mem = calloc(1, req.mem_size);
    assert_non_null(req.mem);
    snprintf(req.mem, req.mem_size, "%c\"%c\"%c", step[2], step[3], step[3]);
    if (strchr(step, 'L'))
        memset(req.mem + 4, step[3], LONG_TEXT - 5);
    req.id.json = req.mem + 1;
    req.id.len = strchr(step, 'n') ? 0 : 3;
    req.u.message.has_uuid = strchr(step, 'u') != NULL;
    op_submit(&H.ops, H.s[*step - 'a'], &VERB, &req, NULL);
}

/* The oldest question that begins so. */
static size_t heart_asked(const char *word) {
    size_t i = 0;
    while (i < FAKE_POOL.n && (FAKE_POOL.calls[i].answered ||
                               strncmp(FAKE_POOL.calls[i].text, word, strlen(word)) != 0))
        i++;
    if (i == FAKE_POOL.n)
        fail_msg("nothing is asked that begins with %s", word);
    return i;
}

static size_t heart_fields(char *out, size_t size, char name, int who) {
    return (size_t)snprintf(
        out, size, "[ 'uuid' '%s' 'sender' '%s' 'name' '%c' 'at' '1000' 'text' '%c' ]",
        heart_text(heart_message(name)), heart_text(heart_user(who)), 'A' + who, name);
}

/* An answer of append.lua, one item a message: 7 stored as that, 7/2 in epoch 2, r7:x a repeat of
 * x that user a sent, o7:x of one that user d sent, g7 of one that is gone, e an error, ? nonsense.
 */
static void heart_appended(const char *items) {
    char out[16384] = "[ ";
    size_t n = 2;
    for (const char *at = items; *at; at += strcspn(at, ","), at += *at == ',') {
        char kind = *at >= '0' && *at <= '9' ? 's' : *at++, *end;
        unsigned long seq = strtoul(at, &end, 10);
        const char *epoch = heart_text(heart_epoch(*end == '/' ? end[1] : '1'));
        if (kind == 'e')
            n += (size_t)snprintf(out + n, sizeof out - n, "[ :2 'OOM not now' ] ");
        else if (kind == '?')
            n += (size_t)snprintf(out + n, sizeof out - n, "[ :0 'x' ] ");
        else if (kind == 's')
            n += (size_t)snprintf(out + n, sizeof out - n, "[ :0 '%s' '%lu' :1 ] ", epoch, seq);
        else {
            n += (size_t)snprintf(out + n, sizeof out - n, "[ :1 '%s' '%lu' ", epoch, seq);
            if (kind == 'g')
                n += (size_t)snprintf(out + n, sizeof out - n, "[ ]");
            else
                n += heart_fields(out + n, sizeof out - n, end[1], kind == 'o' ? 3 : 0);
            n += (size_t)snprintf(out + n, sizeof out - n, " ] ");
        }
    }
    snprintf(out + n, sizeof out - n, "]");
    fake_redis_answer_at(heart_asked("append"), out);
}

/* 7:x: the entry of message x of user d. 7:!: it holds nonsense. */
static size_t heart_entry(char *out, size_t size, const char *text) {
    char *end;
    unsigned long seq = strtoul(text, &end, 10);
    size_t n = (size_t)snprintf(out, size, "[ '%lu-0' ", seq);
    if (end[1] == '!')
        n += (size_t)snprintf(out + n, size - n, "[ 'uuid' 'x' ]");
    else
        n += heart_fields(out + n, size - n, end[1], 3);
    return n + (size_t)snprintf(out + n, size - n, " ]");
}

/* p7:x, p7:x/2: user d's message x, as it comes from another node. */
static void heart_offer(const char *step) {
    char *end;
    struct channel *ch = heart_find(*step);
    struct position at = {.seq = strtoul(step + 1, &end, 10)};
    const char *name = end + 1;
    at.epoch = heart_epoch(name[1] == '/' ? name[2] : '1');
    struct message m = {.uuid = heart_message(*name),
                        .sender = heart_user(3),
                        .channel = ch->id,
                        .seq = at.seq,
                        .created_ms = 1000,
                        .sender_name = "D",
                        .sender_name_len = 1,
                        .text = name,
                        .text_len = 1};
    struct frame *f = delivery_frame(&m);
    delivery_offer(&H.delivery, ch, &at, &m.uuid, f);
    frame_unref(f);
}

/* ap6: user a is joined to p, and has everything up to 6. The channel stands there if it stood
 * nowhere. ap: its join is under way. */
static void heart_join(const char *step) {
    struct channel_id id = heart_channel(step[1]);
    struct channel *ch = hub_pin(&H.hub, &id);
    struct sub *sub = sub_open(ch, H.s[*step - 'a']);
    struct position at = {.epoch = heart_epoch('1'), .seq = strtoul(step + 2, NULL, 10)};
    assert_non_null(sub);
    if (step[2] && delivery_base(&H.delivery, ch, &at, &(struct uuid){{0}}))
        sub_joined(sub, at.seq);
    hub_unpin(&H.hub, ch);
}

static void heart_pass(uint64_t ms) {
    for (; ms > 0; ms -= ms < 10 ? ms : 10) {
        clock_pass(ms < 10 ? ms : 10);
        uv_run(&H.loop, UV_RUN_NOWAIT);
        append_flush(&H.appends);
    }
}

static void heart_tell_stream(const char *step) {
    char text[1024];
    struct channel *ch = heart_find(*step);
    heart_entry(text, sizeof text, step + 1);
    ch->pins++;
    if (!delivery_entry(&H.delivery, ch, made(text)))
        heart_note("waits");
    hub_unpin(&H.hub, ch);
}

/* p2@40: in p epoch 2 begins with 40. */
static void heart_renew(const char *step, bool follows) {
    struct position base = {.epoch = heart_epoch(step[1])};
    base.seq = strtoul(step + 3, NULL, 10) - 1;
    delivery_enter_epoch(&H.delivery, heart_find(*step), &base, follows);
}

static struct sub *heart_sub(const char *step) {
    struct sub *sub = sub_find(H.s[*step - 'a'], heart_find(step[1]));
    assert_non_null(sub);
    return sub;
}

/* The steps that all tests have:
 *   a>p1      see heart_submit            .         what waits is sent
 *   append=…  see heart_appended          confirm=1 by so many replicas
 *   offer=…   see heart_offer             stream=p7:x  an entry is read; "waits" is noted
 *   join=…    see heart_join              leave=ap  user a leaves p; joined=ap7 its join is
 * answered gone=a    a's socket goes             out=a     a is signed out fail=p    what p holds
 * fails          settle=p  what follows is delivered epoch=…   see heart_renew             wait=40
 * ms pass redis-, redis+: it goes with all that is asked, and comes False: none of these. */
static bool heart_step(const char *step) {
    const char *value = strchr(step, '=') ? strchr(step, '=') + 1 : "";
    size_t len = strcspn(step, "=");
    struct channel *ch = *value ? heart_find(*value) : NULL;
#define IS(word) (len == strlen(word) && strncmp(step, word, len) == 0)
    if (step[1] == '>')
        heart_submit(step);
    else if (IS("."))
        append_flush(&H.appends);
    else if (IS("append"))
        heart_appended(value);
    else if (IS("confirm"))
        fake_redis_confirm(strtol(value, NULL, 10));
    else if (IS("offer"))
        heart_offer(value);
    else if (IS("stream"))
        heart_tell_stream(value);
    else if (IS("join"))
        heart_join(value);
    else if (IS("joined"))
        sub_joined(heart_sub(value), strtoul(value + 2, NULL, 10));
    else if (IS("leave"))
        sub_close(&H.hub, heart_sub(value));
    else if (IS("gone"))
        session_detach(H.s[*value - 'a']);
    else if (IS("out"))
        account_leave(&H.accounts, H.s[*value - 'a']);
    else if (IS("fail"))
        delivery_fail_held(ch);
    else if (IS("settle"))
        delivery_settle(&H.delivery, ch);
    else if (IS("epoch"))
        heart_renew(value, false);
    else if (IS("follow"))
        heart_renew(value, true);
    else if (IS("wait"))
        heart_pass(strtoul(value, NULL, 10));
    else if (IS("redis-"))
        fake_redis_go();
    else if (IS("redis+"))
        FAKE_POOL.up = true;
    else
        return false;
    return true;
#undef IS
}

/* The channels whose stream is to be read, and in how many ms: "p40 q0". */
static void heart_due(char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (const struct channel *ch = H.delivery.due; ch; ch = ch->repair.next) {
        char name = ch == heart_find('p') ? 'p' : ch == heart_find('q') ? 'q' : 'n';
        long ms = (long)(ch->repair.due_ms - clock_mono_ms());
        n += (size_t)snprintf(out + n, size - n, n ? " %c%ld" : "%c%ld", name, ms < 0 ? 0 : ms);
    }
}

/* --- A row of a table --- */

/* Each begins with nobody joined, over two slots if `spread`. */
static void heart_anew(void **state, bool spread) {
    heart_teardown(state);
    HEART_SPREAD = spread;
    heart_setup(state);
    HEART_SPREAD = false;
}

static void heart_do(const char *step) {
    if (!heart_step(step))
        fail_msg("%s is no step", step);
}

/* `fn` is heart_do, or has steps of its own, too. */
static void heart_run(const char *script, void (*fn)(const char *step)) {
    struct steps steps = steps_of(script);
    for (char *step; (step = steps_next(&steps));)
        fn(step);
}

/* What each got, and which streams are to be read, as heart_due has it; NULL: nothing. */
static void heart_check(const char *const got[PEOPLE], const char *due) {
    char text[64];
    heart_due(text, sizeof text);
    for (int i = 0; i < PEOPLE; i++)
        assert_string_equal(heart_got(i), got[i] ? got[i] : "");
    assert_string_equal(text, due ? due : "");
}

#define HEART_TEST(fn) cmocka_unit_test_setup_teardown(fn, heart_setup, heart_teardown)

#endif
