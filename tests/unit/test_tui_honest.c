/* test_tui_honest - honest delivery, as a property: a client against a small server that keeps a
 * log, in random sequences of lines, foreign messages, lost connections, refused requests, purges,
 * trims, lost tails, new epochs, pauses longer than the server remembers a message's UUID, and
 * killed clients.
 *
 * At the end, when nothing goes wrong any more: what the client shows of the current numbering is
 * the server's log; no message is there twice; every line that was entered is stored exactly once,
 * in the order of entering, or is shown as failed; nothing is left in the journal.
 */
#include "tui_client.h"

#include "common/base/secret.h"
#include "common/proto/response.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SEEDS 60
#define STEPS 400
#define CHANNELS 2 /* public, and the one with bob */
#define LOG_MAX 4000
#define QUEUE_MAX 4000
#define LINES_MAX 400
#define RESUME_MAX 30 /* messages that the server gives to one who comes back */
#define PAGE_MAX 20   /* messages in a page of history, whatever is asked */
#define REMEMBERED_MS (10 * 60 * 1000)

static const struct uuid ANN = {{0xa1}}, BOB = {{0xb0}};

struct entry {
    struct uuid uuid, sender;
    uint64_t seq;
    uint64_t stored_ms;
    bool gone;
    char text[24];
};

struct log {
    struct uuid epoch;
    uint8_t first; /* of the epochs that go on in this one: the second byte of its name */
    uint64_t seq, purged;
    struct entry entries[LOG_MAX];
    size_t n;
    bool joined; /* on the connection there is */
};

struct frame {
    char *text;
    size_t len;
};

struct line {
    struct uuid uuid;
    size_t channel;
    unsigned stored; /* how often */
    bool removed;    /* by a purge or a lost tail: then it may be stored again */
};

struct world {
    struct tui_client c;
    struct log logs[CHANNELS];
    struct frame queue[QUEUE_MAX]; /* to the client */
    size_t head, tail;
    struct request requests[ASKS_MAX]; /* from the client, not carried out yet */
    char texts[ASKS_MAX][24], ids[ASKS_MAX][24];
    size_t nrequests;
    bool open, signed_in, calm;
    unsigned epochs, bobs;
    struct line lines[LINES_MAX];
    size_t nentries;
    struct saved_entry journal[LINES_MAX]; /* as on disk */
    char journal_texts[LINES_MAX][24];
    size_t njournal;
    struct saved_conversation saved[CHANNELS];
    uint64_t seed;
    struct uuid to_persist[16];
    size_t nto_persist;
};

static struct world W;

static uint32_t dice(uint32_t below) {
    W.seed = W.seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(W.seed >> 33) % below;
}

/* --- The server --- */

static struct recipient channel_to(size_t ch) {
    return (struct recipient){.public = ch == 0, .user = ch == 0 ? (struct uuid){{0}} : BOB};
}

static size_t channel_of(const struct recipient *to) {
    return to->public ? 0 : 1;
}

static const struct uuid *named(size_t ch) {
    return ch == 0 ? NULL : &BOB;
}

static void push(struct buf *b) {
    assert_false(b->failed);
    assert_true(W.tail < QUEUE_MAX);
    W.queue[W.tail++] = (struct frame){b->data, b->len};
}

static void begin_frame(struct buf *b) {
    buf_init(b, 1u << 20);
}

static struct message as_message(size_t ch, const struct entry *e) {
    return (struct message){.uuid = e->uuid,
                            .sender = e->sender,
                            .channel = ch == 0 ? channel_public() : channel_dm(&ANN, &BOB),
                            .seq = e->seq,
                            .created_ms = (int64_t)e->stored_ms,
                            .sender_name = uuid_eq(&e->sender, &ANN) ? "ann" : "bob",
                            .sender_name_len = 3,
                            .text = e->text,
                            .text_len = strlen(e->text)};
}

static void send_message(size_t ch, const struct entry *e, const struct request_id *id) {
    struct buf b;
    struct message m = as_message(ch, e);
    begin_frame(&b);
    response_encode_message(&b, &m, id);
    push(&b);
}

static void refuse(const struct request *r, enum err_code code) {
    struct buf b;
    struct err e = {.code = code};
    if (code == ERR_RATE_LIMITED)
        e.retry_after_ms = 700;
    begin_frame(&b);
    response_encode_error(&b, &e, request_type(r->kind), &r->id);
    push(&b);
}

static struct line *line_of(const struct uuid *uuid) {
    for (size_t i = 0; i < W.nentries; i++)
        if (uuid_eq(&W.lines[i].uuid, uuid))
            return &W.lines[i];
    return NULL;
}

static void begin_epoch(size_t ch) {
    struct log *l = &W.logs[ch];
    if (!uuid_is_nil(&l->epoch))
        return;
    l->epoch = (struct uuid){{0xe0, (uint8_t)++W.epochs, (uint8_t)ch}};
    l->first = l->epoch.b[1];
}

static struct entry *store(size_t ch, const struct uuid *uuid, const struct uuid *sender,
                           const char *text) {
    struct log *l = &W.logs[ch];
    begin_epoch(ch);
    assert_true(l->n < LOG_MAX);
    struct entry *e = &l->entries[l->n++];
    *e = (struct entry){.uuid = *uuid, .sender = *sender, .seq = ++l->seq, .stored_ms = W.c.now_ms};
    snprintf(e->text, sizeof e->text, "%s", text);
    struct line *line = line_of(uuid);
    if (line) {
        assert_true(line->stored == 0 || line->removed);
        line->stored++;
    }
    return e;
}

static void do_message(const struct request *r) {
    size_t ch = channel_of(&r->to);
    struct log *l = &W.logs[ch];
    unsigned trouble = W.calm ? 100 : dice(100);
    if (!l->joined) {
        refuse(r, ERR_NOT_JOINED);
        return;
    }
    if (trouble < 10) {
        refuse(r, trouble < 5 ? ERR_UNAVAILABLE : ERR_RATE_LIMITED);
        return;
    }
    for (size_t i = 0; i < l->n; i++)
        if (uuid_eq(&l->entries[i].uuid, &r->u.message.uuid) &&
            (l->entries[i].gone || W.c.now_ms - l->entries[i].stored_ms < REMEMBERED_MS)) {
            send_message(ch, &l->entries[i], &r->id);
            return;
        }
    struct entry *e = store(ch, &r->u.message.uuid, &ANN, r->u.message.text);
    if (trouble < 15) /* stored, and then something broke: its echo comes without an id */ {
        refuse(r, ERR_INTERNAL);
        send_message(ch, e, NULL);
    } else {
        send_message(ch, e, &r->id);
    }
}

static const struct user_item MEMBERS[] = {
    {.uuid = {{0xa1}}, .name = "ann", .name_len = 3, .online = true},
    {.uuid = {{0xb0}}, .name = "bob", .name_len = 3, .online = true},
};

static void add(struct buf *b, size_t ch, const struct entry *e, bool *first, bool join) {
    struct message m = as_message(ch, e);
    if (join)
        response_encode_join_message(b, &m, *first);
    else
        response_encode_read_message(b, &m, *first);
    *first = false;
}

static bool goes_on(const struct log *l, const struct uuid *epoch) {
    return epoch->b[2] == l->epoch.b[2] && epoch->b[0] == l->epoch.b[0] &&
           (uint8_t)(epoch->b[1] - l->first) <= (uint8_t)(l->epoch.b[1] - l->first);
}

/* Can all that was missed be told? A trim leaves `gone` entries at the beginning. */
static bool can_recover(const struct log *l, const struct position *since) {
    size_t missed = 0;
    if (!goes_on(l, &since->epoch) || since->seq > l->seq || l->seq - since->seq > 200)
        return false;
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i].seq > since->seq) {
            if (l->entries[i].gone && l->entries[i].seq > l->purged)
                return false;
            missed++;
        }
    return missed <= RESUME_MAX;
}

static void do_join(const struct request *r) {
    size_t ch = channel_of(&r->to), sent = 0;
    struct log *l = &W.logs[ch];
    begin_epoch(ch);
    struct position at = {.epoch = l->epoch, .seq = l->seq};
    bool since = r->u.join.has_since, first = true;
    bool recovered = since && can_recover(l, &r->u.join.since);
    struct buf b;
    begin_frame(&b);
    response_encode_join_begin(&b, named(ch));
    for (size_t i = 0; recovered && i < l->n; i++)
        if (l->entries[i].seq > r->u.join.since.seq && !l->entries[i].gone)
            add(&b, ch, &l->entries[i], &first, true);
    for (size_t i = l->n; !recovered && i > 0 && sent < 10; i--)
        if (!l->entries[i - 1].gone) {
            add(&b, ch, &l->entries[i - 1], &first, true);
            sent++;
        }
    response_encode_join_end(&b, MEMBERS, 2, 2, &at, since, recovered, &r->id);
    push(&b);
    l->joined = true;
    if (since && goes_on(l, &r->u.join.since.epoch)) {
        if (l->purged > 0) {
            begin_frame(&b);
            response_encode_sys_purge(&b, named(ch), &l->epoch, l->purged, NULL);
            push(&b);
        }
        for (size_t i = 0; i < l->n; i++)
            if (l->entries[i].gone && l->entries[i].seq > l->purged) {
                begin_frame(&b);
                response_encode_sys_purge(&b, named(ch), &l->epoch, 0, &l->entries[i].uuid);
                push(&b);
            }
    }
}

static void do_read(const struct request *r) {
    size_t ch = channel_of(&r->to), sent = 0;
    const struct log *l = &W.logs[ch];
    struct position at = {.epoch = l->epoch, .seq = l->seq};
    bool first = true;
    struct buf b;
    begin_frame(&b);
    response_encode_read_begin(&b, named(ch));
    for (size_t i = l->n; i > 0 && sent < r->u.history.limit && sent < PAGE_MAX; i--)
        if (!l->entries[i - 1].gone && l->entries[i - 1].seq < r->u.history.before) {
            add(&b, ch, &l->entries[i - 1], &first, false);
            sent++;
        }
    response_encode_read_end(&b, l->n, sent, &at, &r->id);
    push(&b);
}

static void do_users(const struct request *r) {
    struct buf b;
    begin_frame(&b);
    response_encode_users(&b, 2, MEMBERS, 2, &r->id);
    push(&b);
}

static void do_sign_in(const struct request *r) {
    struct buf b;
    begin_frame(&b);
    response_encode_authorized(&b, &ANN, "key", "ann", 3, &r->id);
    push(&b);
    W.signed_in = true;
}

static void serve_one(void) {
    if (!W.open || W.nrequests == 0)
        return;
    struct request r = W.requests[0];
    char text[24], id[24];
    memcpy(text, W.texts[0], sizeof text);
    memcpy(id, W.ids[0], sizeof id);
    r.id.json = id;
    r.u.message.text = r.kind == REQ_CHANNEL_MESSAGE ? text : r.u.message.text;
    W.nrequests--;
    memmove(W.requests, W.requests + 1, W.nrequests * sizeof *W.requests);
    memmove(W.texts, W.texts + 1, W.nrequests * sizeof *W.texts);
    memmove(W.ids, W.ids + 1, W.nrequests * sizeof *W.ids);
    W.signed_in |= r.key_len > 0;
    if (!W.signed_in && r.kind != REQ_SIGN_IN)
        refuse(&r, ERR_NOT_AUTHORIZED);
    else if (!W.calm && dice(30) == 0 && r.kind != REQ_SIGN_IN)
        refuse(&r, ERR_UNAVAILABLE);
    else if (r.kind == REQ_CHANNEL_JOIN)
        do_join(&r);
    else if (r.kind == REQ_CHANNEL_MESSAGE)
        do_message(&r);
    else if (r.kind == REQ_CHANNEL_MESSAGES)
        do_read(&r);
    else if (r.kind == REQ_USERS)
        do_users(&r);
    else
        do_sign_in(&r);
}

static void drop_queues(void) {
    for (; W.head < W.tail; W.head++)
        free(W.queue[W.head].text);
    W.head = W.tail = 0;
    W.nrequests = 0;
    W.open = W.signed_in = false;
    for (size_t ch = 0; ch < CHANNELS; ch++)
        W.logs[ch].joined = false;
}

static void deliver_one(void) {
    if (W.head == W.tail)
        return;
    struct frame f = W.queue[W.head++];
    assert_true(tui_client_frame(&W.c, f.text, f.len));
    free(f.text);
    if (W.head == W.tail)
        W.head = W.tail = 0;
}

/* --- What happens on the server --- */

static void bob_says(size_t ch) {
    struct uuid uuid = {{0xbb, (uint8_t)W.bobs, (uint8_t)(W.bobs >> 8)}};
    char text[24];
    snprintf(text, sizeof text, "bob %u", W.bobs++);
    struct entry *e = store(ch, &uuid, &BOB, text);
    if (W.open && W.logs[ch].joined)
        send_message(ch, e, NULL);
}

static void remove_entry(struct entry *e) {
    struct line *line = line_of(&e->uuid);
    if (line)
        line->removed = true;
    e->gone = true;
}

static void tell_purge(size_t ch, const struct uuid *one) {
    struct buf b;
    if (!W.open || !W.logs[ch].joined)
        return;
    begin_frame(&b);
    response_encode_sys_purge(&b, named(ch), &W.logs[ch].epoch, W.logs[ch].purged, one);
    push(&b);
}

static void purge_up_to(size_t ch) {
    struct log *l = &W.logs[ch];
    if (l->n == 0)
        return;
    uint64_t up_to = l->entries[dice((uint32_t)l->n)].seq;
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i].seq <= up_to)
            remove_entry(&l->entries[i]);
    if (up_to > l->purged)
        l->purged = up_to;
    tell_purge(ch, NULL);
}

static void purge_one(size_t ch) {
    struct log *l = &W.logs[ch];
    if (l->n == 0)
        return;
    struct entry *e = &l->entries[dice((uint32_t)l->n)];
    remove_entry(e);
    tell_purge(ch, &e->uuid);
}

static void tell_epoch(size_t ch, bool follows) {
    struct log *l = &W.logs[ch];
    if (!W.open || !l->joined)
        return;
    struct buf b;
    struct position at = {.epoch = l->epoch, .seq = l->seq};
    begin_frame(&b);
    response_encode_sys_epoch(&b, named(ch), &at, follows);
    push(&b);
}

/* Redis was restarted, and lost nothing: the numbering goes on. */
static void follow_epoch(size_t ch) {
    struct log *l = &W.logs[ch];
    if (uuid_is_nil(&l->epoch))
        return;
    l->epoch.b[1] = (uint8_t)++W.epochs;
    tell_epoch(ch, true);
}

/* The tail is lost, or everything: the numbering begins anew. */
static void new_epoch(size_t ch) {
    struct log *l = &W.logs[ch];
    bool everything = dice(2) == 0;
    size_t lost = everything ? l->n : dice((uint32_t)(l->n < 5 ? l->n + 1 : 5));
    if (uuid_is_nil(&l->epoch))
        return;
    for (size_t i = l->n - lost; i < l->n; i++)
        remove_entry(&l->entries[i]);
    l->n -= lost;
    if (everything)
        l->seq = 0;
    l->purged = 0;
    l->epoch = (struct uuid){{0xe0, (uint8_t)++W.epochs, (uint8_t)ch}};
    l->first = l->epoch.b[1];
    tell_epoch(ch, false);
}

/* --- The client's outside --- */

static void take_request(const struct request *r) {
    if (!W.open)
        return; /* said into the void */
    assert_true(W.nrequests < ASKS_MAX);
    size_t i = W.nrequests++;
    W.requests[i] = *r;
    memcpy(W.ids[i], r->id.json, r->id.len + 1u);
    if (r->kind == REQ_CHANNEL_MESSAGE)
        snprintf(W.texts[i], sizeof W.texts[i], "%s", r->u.message.text);
}

static void journal_add(const struct saved_entry *s) {
    size_t i = 0;
    while (i < W.njournal && !uuid_eq(&W.journal[i].uuid, &s->uuid))
        i++;
    if (i == W.njournal)
        W.njournal++;
    assert_true(W.njournal <= LINES_MAX);
    W.journal[i] = *s;
    snprintf(W.journal_texts[i], sizeof W.journal_texts[i], "%s", s->text);
    W.journal[i].peer = "bob";
    W.journal[i].refused = *s->refused ? "refused" : "";
    if (!line_of(&s->uuid)) {
        W.lines[W.nentries++] = (struct line){.uuid = s->uuid, .channel = channel_of(&s->to)};
        W.to_persist[W.nto_persist++] = s->uuid;
    }
}

static void journal_drop(const struct uuid *uuid) {
    size_t i = 0;
    while (i < W.njournal && !uuid_eq(&W.journal[i].uuid, uuid))
        i++;
    assert_true(i < W.njournal);
    W.njournal--;
    memmove(W.journal + i, W.journal + i + 1, (W.njournal - i) * sizeof *W.journal);
    memmove(W.journal_texts + i, W.journal_texts + i + 1,
            (W.njournal - i) * sizeof *W.journal_texts);
}

static void carry_out(struct tui_client *c, const struct effect *e, void *arg) {
    (void)c;
    (void)arg;
    switch (e->kind) {
    case EFFECT_CONNECT:
        assert_false(W.open);
        break;
    case EFFECT_CLOSE:
        drop_queues();
        break;
    case EFFECT_SEND:
        take_request(e->request);
        break;
    case EFFECT_OUTBOX_ADD:
        journal_add(e->entry);
        break;
    case EFFECT_OUTBOX_DROP:
        journal_drop(&e->uuid);
        break;
    case EFFECT_SAVE_CONVERSATION: {
        struct saved_conversation *s = &W.saved[channel_of(&e->conversation->to)];
        *s = *e->conversation;
        s->peer = "bob";
        s->draft = "";
        break;
    }
    default:
        break;
    }
}

static void start_client(void) {
    struct event e = {.kind = EV_LOADED};
    struct saved_entry lines[LINES_MAX];
    W.c.carry_out = carry_out;
    tui_client_begin(&W.c, "ann");
    for (size_t i = 0; i < W.njournal; i++) {
        lines[i] = W.journal[i];
        lines[i].text = W.journal_texts[i];
    }
    e.u.loaded.has_key = true;
    e.u.loaded.user = ANN;
    e.u.loaded.name = "ann";
    e.u.loaded.key = "key";
    e.u.loaded.conversations = W.saved;
    e.u.loaded.nconversations = CHANNELS;
    e.u.loaded.entries = lines;
    e.u.loaded.nentries = W.njournal;
    tui_client_event(&W.c, &e);
    W.c.run++;
}

static void kill_client(void) {
    size_t failed = outbox_count(&W.c.m.outbox, NULL, true);
    model_free(&W.c.m);
    drop_queues();
    W.nto_persist = 0;
    start_client();
    assert_int_equal(outbox_count(&W.c.m.outbox, NULL, true), failed);
}

static void open_connection(void) {
    struct buf b;
    struct server_limits limits = {.history_page = 99, .users_page = 1000};
    W.open = true;
    tui_client_open(&W.c);
    begin_frame(&b);
    response_encode_ready(&b, &ANN, "chatd", "0", &limits);
    push(&b);
}

static void persist_one(void) {
    if (W.nto_persist == 0)
        return;
    struct uuid uuid = W.to_persist[0];
    memmove(W.to_persist, W.to_persist + 1, --W.nto_persist * sizeof *W.to_persist);
    tui_client_persisted(&W.c, &uuid);
}

static void say_something(void) {
    static unsigned count;
    char text[24];
    snprintf(text, sizeof text, "line %u", count++);
    if (W.nto_persist < 16 && W.nentries < LINES_MAX)
        tui_client_enter(&W.c, text);
}

static void scroll_up(void) {
    struct event e = {.kind = EV_SCROLL};
    const struct row *first = timeline_row(&model_current(&W.c.m)->timeline, 0);
    e.u.scroll = (struct scroll){.edge = SCROLL_TOP, .at_top = true};
    e.u.scroll.at = first ? first->place : PLACE_NONE;
    tui_client_event(&W.c, &e);
}

static void lose_connection(void) {
    bool was_open = W.open || W.c.m.conn.state == CONN_CONNECTING;
    drop_queues();
    if (was_open)
        tui_client_closed(&W.c, dice(2) ? 0 : 1001, "");
}

/* --- A run --- */

static void step(void) {
    uint32_t what = dice(1000);
    size_t ch = dice(CHANNELS);
    if (W.c.m.conn.state == CONN_CONNECTING && !W.open)
        open_connection();
    if (what < 300)
        deliver_one();
    else if (what < 520)
        serve_one();
    else if (what < 600)
        bob_says(ch);
    else if (what < 680)
        say_something();
    else if (what < 800)
        persist_one();
    else if (what < 880)
        tui_client_tick(&W.c, dice(3000));
    else if (what < 900)
        tui_client_action(&W.c, ACTION_NEXT_CHANNEL);
    else if (what < 930)
        scroll_up();
    else if (what < 960)
        lose_connection();
    else if (what < 972)
        purge_one(ch);
    else if (what < 978)
        purge_up_to(ch);
    else if (what < 982)
        new_epoch(ch);
    else if (what < 985)
        follow_epoch(ch);
    else if (what < 988)
        kill_client();
    else if (what < 992)
        tui_client_tick(&W.c, 11 * 60 * 1000);
    else if (what < 996)
        for (unsigned i = dice(60); i > 0; i--)
            bob_says(ch);
}

/* Nothing goes wrong any more, and somebody scrolls through everything. */
static void settle(void) {
    W.calm = true;
    lose_connection();
    for (unsigned i = 0; i < 3000; i++) {
        if (W.c.m.conn.state == CONN_CONNECTING && !W.open)
            open_connection();
        while (W.nto_persist > 0)
            persist_one();
        while (W.nrequests > 0)
            serve_one();
        while (W.head < W.tail)
            deliver_one();
        if (i % 10 == 0)
            scroll_up();
        if (i % 500 == 499)
            tui_client_action(&W.c, ACTION_NEXT_CHANNEL);
        tui_client_tick(&W.c, 500);
    }
}

static const struct entry *next_alive(const struct log *l, size_t *i) {
    while (*i < l->n && l->entries[*i].gone)
        ++*i;
    return *i < l->n ? &l->entries[(*i)++] : NULL;
}

static bool was_before(const struct timeline *t, uint16_t epoch, const struct uuid *uuid) {
    for (size_t i = 0; i < t->n && t->rows[i]->place.epoch < epoch; i++)
        if (t->rows[i]->kind == ROW_MESSAGE && uuid_eq(&t->rows[i]->u.message.uuid, uuid))
            return true;
    return false;
}

/* For whoever looks for what went wrong. */
static void show(size_t ch, const struct timeline *t) {
    const struct log *l = &W.logs[ch];
    print_message("channel %zu: epoch %u, bottom %u, at %u\n rows", ch, t->epoch,
                  (unsigned)t->bottom, (unsigned)t->at.seq);
    for (size_t i = 0; i < t->n; i++)
        print_message(" %u:%u:%u", t->rows[i]->kind, t->rows[i]->place.epoch,
                      (unsigned)t->rows[i]->place.seq);
    print_message("\n log ");
    for (size_t i = 0; i < l->n; i++)
        print_message(" %s%u", l->entries[i].gone ? "-" : "", (unsigned)l->entries[i].seq);
    print_message("\n");
}

/* What is above, in an earlier numbering, ends with this number. */
static uint64_t number_above(const struct log *l, const struct timeline *t) {
    for (size_t i = l->n; i > 0; i--)
        if (!l->entries[i - 1].gone && was_before(t, t->epoch, &l->entries[i - 1].uuid))
            return l->entries[i - 1].seq;
    return 0;
}

/* The rows of the current numbering are the log, but for what is above. */
static void check_timeline(size_t ch) {
    const struct log *l = &W.logs[ch];
    struct recipient to = channel_to(ch);
    const struct conversation *c = model_conversation(&W.c.m, &to);
    assert_non_null(c);
    const struct timeline *t = &c->timeline;
    if (getenv("TUI_SEED"))
        show(ch, t);
    assert_int_equal(t->holes, 0);
    size_t at = 0;
    uint64_t above = number_above(l, t);
    while (at < l->n && l->entries[at].seq <= above)
        at++;
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = t->rows[i];
        if (r->kind != ROW_MESSAGE || r->place.epoch != t->epoch)
            continue;
        const struct entry *e = next_alive(l, &at);
        assert_non_null(e);
        assert_int_equal(e->seq, r->place.seq);
        assert_true(uuid_eq(&e->uuid, &r->u.message.uuid));
        assert_int_equal(strlen(e->text), r->text_len);
        assert_memory_equal(e->text, row_text(r), r->text_len);
    }
    assert_null(next_alive(l, &at));
}

static void check_lines(void) {
    const struct outbox *o = &W.c.m.outbox;
    assert_int_equal(W.njournal, o->n);
    for (size_t i = 0; i < o->n; i++)
        assert_int_equal(o->entries[i]->state, OUT_FAILED);
    for (size_t i = 0; i < W.nentries; i++) {
        const struct line *line = &W.lines[i];
        if (!outbox_find(o, &line->uuid) && !line->removed)
            assert_int_equal(line->stored, 1);
    }
}

/* Our lines are in the log in the order in which they were entered. */
static void check_order(size_t ch) {
    const struct log *l = &W.logs[ch];
    size_t last = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct line *line = line_of(&l->entries[i].uuid);
        if (!line || line->removed)
            continue;
        assert_true((size_t)(line - W.lines) >= last);
        last = (size_t)(line - W.lines);
    }
}

static void run(uint64_t seed) {
    memset(&W, 0, sizeof W);
    W.seed = seed * 7919 + 1;
    W.c.now_ms = 1000000;
    W.c.wall_ms = 1700000000000;
    for (size_t ch = 0; ch < CHANNELS; ch++) {
        struct recipient to = channel_to(ch);
        W.saved[ch] =
            (struct saved_conversation){.to = to, .peer = "bob", .open = true, .draft = ""};
    }
    start_client();
    for (unsigned i = 0; i < STEPS; i++)
        step();
    settle();
    for (size_t ch = 0; ch < CHANNELS; ch++) {
        check_timeline(ch);
        check_order(ch);
    }
    check_lines();
    drop_queues();
    model_free(&W.c.m);
}

/* TUI_SEED=N: only that one. */
static void test_honest(void **state) {
    (void)state;
    const char *only = getenv("TUI_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, n = only ? 1 : SEEDS;
    for (uint64_t seed = first; seed < first + n; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

static int setup(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_honest)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
