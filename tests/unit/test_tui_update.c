/* test_tui_update - events in, effects and state out: signing in, coming back, delivery, unread and
 * activity, the dialogue; and a server that says what it should not. */
#include "tui_trace.h"

#include "chattui/update/describe.h"
#include "common/base/secret.h"

static struct conversation *public(void) {
    return C.m.conversations[0];
}

/* --- Signing in --- */

static void test_with_a_key(void **state) {
    (void)state;
    start("ann");
    load(true, false);
    expect("connect");
    assert_int_equal(C.m.conn.state, CONN_CONNECTING);
    ready();
    expect("channelJoin+key#1");
    assert_int_equal(C.m.conn.state, CONN_SIGNING_IN);
    joined("0", message_json(BOB_TEXT, "0", "hello", 7), 7, 1);
    expect("channelMessages(before 7)#2 users#3");
    assert_int_equal(C.m.conn.state, CONN_ONLINE);
    assert_int_equal(public()->members.n, 2);
    stop();
}

static void test_key_refused(void **state) {
    (void)state;
    start("ann");
    load(true, false);
    ready();
    ignore();
    refused(7, "bad_key", 1);
    expect("forget-key");
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_int_equal(C.m.dialog.focus, FIELD_PASSWORD);
    assert_string_equal(C.m.dialog.text[FIELD_NAME], "ann");
    field(FIELD_TEXT, "secret");
    field(FIELD_SUBMIT, "");
    expect("signIn(ann,secret)#2");
    frame("{\"type\":\"authorized\",\"authorized\":{\"userUUID\":\"" ANN_TEXT "\",\"accessKey\":"
          "\"new\",\"username\":\"ann\"},\"requestID\":2}");
    expect("save-key channelJoin#3 users#4");
    assert_int_equal(C.m.dialog.state, DIALOG_CLOSED);
    assert_string_equal(C.m.dialog.text[FIELD_PASSWORD], "");
    assert_string_equal(C.m.key, "new");
    stop();
}

/* What was asked behind the refused key is refused, too, and nobody's business any more. */
static void test_key_refused_with_more_under_way(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/join bob");
    joined(BOB_TEXT, "", 0, 4);
    tui_client_closed(&C, 4004, "kicked");
    tui_client_enter(&C, "/connect");
    ready();
    expect("input() channelJoin#4 connect channelJoin+key(since 7)#5 channelJoin(since 0)#6");
    refused(7, "bad_key", 5);
    refused(9, "sign in first", 6);
    assert_string_equal(C.m.status, "");
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    stop();
}

/* A key that can't be looked at just now is not a refused one. */
static void test_key_not_looked_at(void **state) {
    (void)state;
    start("ann");
    load(true, false);
    ready();
    ignore();
    refused(19, "unavailable", 1);
    expect("");
    assert_string_equal(C.m.key, "k");
    tui_client_tick(&C, 5000);
    expect("channelJoin+key#2");
    stop();
}

static void test_first_run(void **state) {
    (void)state;
    start("");
    load(false, false);
    expect("");
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_int_equal(C.m.dialog.focus, FIELD_NAME);
    field(FIELD_TEXT, "an");
    field(FIELD_TEXT, "x");
    field(FIELD_ERASE, "");
    field(FIELD_TEXT, "n\n"); /* a paste with a line feed: not taken */
    field(FIELD_TEXT, "n");
    field(FIELD_SUBMIT, "");
    assert_int_equal(C.m.dialog.focus, FIELD_PASSWORD);
    field(FIELD_TEXT, "pw");
    field(FIELD_NEXT, "");
    field(FIELD_TOGGLE, "");
    assert_true(C.m.dialog.sign_up);
    field(FIELD_SUBMIT, "");
    expect("connect");
    ready();
    expect("signUp(ann,pw)#1");
    refused(9, "name_taken", 1);
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_string_equal(C.m.dialog.error, "name_taken");
    assert_int_equal(C.m.dialog.focus, FIELD_NAME);
    assert_string_equal(C.m.dialog.text[FIELD_PASSWORD], "");
    field(FIELD_CANCEL, "");
    expect("close quit(0)");
    stop();
}

static void test_dialogue_connection_refused(void **state) {
    (void)state;
    start("ann");
    load(false, false);
    field(FIELD_TEXT, "pw");
    field(FIELD_SUBMIT, "");
    expect("connect");
    tui_client_closed(&C, 0, "connection refused");
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_string_equal(C.m.dialog.error, "connection refused");
    tui_client_tick(&C, 100000);
    expect(""); /* nobody tries behind the dialogue's back */
    field(FIELD_PREV, "");
    field(FIELD_PREV, "");
    field(FIELD_CLEAR, "");
    field(FIELD_TEXT, "http://x");
    field(FIELD_NEXT, "");
    field(FIELD_NEXT, "");
    field(FIELD_TEXT, "pw");
    field(FIELD_SUBMIT, "");
    assert_non_null(strstr(C.m.dialog.error, "ws://"));
    expect("");
    stop();
}

static void test_password_file(void **state) {
    (void)state;
    start("ann");
    load(false, true);
    expect("read-password");
    struct event e = {.kind = EV_PASSWORD};
    e.u.input.text = "pw";
    e.u.input.len = 2;
    e.u.input.yes = true;
    tui_client_event(&C, &e);
    expect("connect");
    ready();
    expect("signIn(ann,pw)#1");
    refused(18, "busy", 1); /* again later, by itself */
    expect("close");
    assert_int_equal(C.m.conn.state, CONN_WAITING);
    tui_client_tick(&C, 5000);
    ready();
    expect("connect signIn(ann,pw)#2");
    refused(6, "bad_credentials", 2);
    assert_null(C.m.password);
    stop();
}

/* --- A name that nobody has --- */

static void authorized(unsigned id) {
    frame("{\"type\":\"authorized\",\"authorized\":{\"userUUID\":\"" ANN_TEXT "\",\"accessKey\":"
          "\"new\",\"username\":\"ann\"},\"requestID\":%u}",
          id);
}

static void test_dialogue_offers_an_account(void **state) {
    (void)state;
    start("ann");
    load(false, false);
    field(FIELD_TEXT, "pw");
    field(FIELD_SUBMIT, "");
    ready();
    expect("connect signIn(ann,pw)#1");
    refused(11, "not_found", 1);
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_int_equal(C.m.dialog.focus, FIELD_NAME);
    assert_string_equal(C.m.dialog.text[FIELD_PASSWORD], "pw");
    assert_true(C.m.dialog.sign_up);
    assert_non_null(strstr(C.m.dialog.error, "nobody is called ann"));
    field(FIELD_ERASE, ""); /* it was mistyped */
    assert_false(C.m.dialog.sign_up);
    field(FIELD_SUBMIT, "");
    expect("signIn(an,pw)#2");
    refused(11, "not_found", 2);
    field(FIELD_SUBMIT, ""); /* it wasn't */
    expect("signUp(an,pw)#3");
    authorized(3);
    assert_int_equal(C.m.dialog.state, DIALOG_CLOSED);
    assert_false(C.m.dialog.offered);
    stop();
}

static void begin_with_password(void) {
    struct event e = {.kind = EV_PASSWORD, .u.input = {.text = "pw", .len = 2, .yes = true}};
    start("ann");
    load(false, true);
    tui_client_event(&C, &e);
    ready();
    expect("read-password connect signIn(ann,pw)#1");
    refused(11, "not_found", 1);
    assert_int_equal(C.m.question.kind, QUESTION_NEW_ACCOUNT);
    assert_non_null(strstr(C.m.question.text, "ann is new here"));
}

static void test_without_the_dialogue_it_is_asked(void **state) {
    (void)state;
    begin_with_password();
    reply(true);
    expect("signUp(ann,pw)#2");
    authorized(2);
    assert_null(C.m.password);
    assert_false(C.m.new_account);
    stop();
    begin_with_password();
    reply(false);
    expect("");
    assert_null(C.m.password);
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    stop();
    begin_with_password();
    tui_client_closed(&C, 4001, "no sign-in in time");
    assert_int_equal(C.m.question.kind, QUESTION_NONE);
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    stop();
}

static void test_signed_out_elsewhere(void **state) {
    (void)state;
    go_online();
    frame("{\"type\":\"unauthorized\",\"unauthorized\":{\"userUUID\":\"" ANN_TEXT "\"}}");
    expect("forget-key close");
    assert_int_equal(C.m.dialog.state, DIALOG_EDITING);
    assert_string_equal(C.m.key, "");
    stop();
}

/* --- Coming back --- */

static void test_comes_back(void **state) {
    (void)state;
    go_online();
    said(BOB_TEXT, "0", "more", 8);
    tui_client_closed(&C, 1011, "");
    assert_int_equal(C.m.conn.state, CONN_WAITING);
    assert_true(C.m.conn.retry_ms - C.now_ms >= 500 && C.m.conn.retry_ms - C.now_ms <= 1000);
    tui_client_tick(&C, 1000);
    expect("connect");
    ready();
    expect("channelJoin+key(since 8)#4");
    stop();
}

static void test_backs_off(void **state) {
    (void)state;
    go_online();
    uint64_t last = 0;
    tui_client_closed(&C, 0, "");
    for (int i = 0; i < 10; i++) {
        uint64_t wait = C.m.conn.retry_ms - C.now_ms;
        assert_true(wait <= 30000 && (i < 7 || wait >= 15000));
        last = wait > last ? wait : last;
        tui_client_tick(&C, wait);
        expect("connect");
        tui_client_closed(&C, 0, "connection refused");
    }
    assert_true(last > 8000);
    stop();
}

static void test_close_codes(void **state) {
    (void)state;
    static const struct {
        unsigned code;
        enum conn_state state;
        uint64_t least_ms;
    } CASES[] = {
        {1001, CONN_WAITING, 0},  {1009, CONN_OFFLINE, 0},     {4000, CONN_WAITING, 0},
        {4001, CONN_OFFLINE, 0},  {4002, CONN_WAITING, 60000}, {4003, CONN_WAITING, 60000},
        {4004, CONN_OFFLINE, 0},  {4005, CONN_OFFLINE, 0},     {4006, CONN_WAITING, 60000},
        {65000, CONN_WAITING, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        go_online();
        tui_client_closed(&C, CASES[i].code, "");
        assert_int_equal(C.m.conn.state, CASES[i].state);
        if (C.m.conn.state == CONN_WAITING)
            assert_true(C.m.conn.retry_ms - C.now_ms >= CASES[i].least_ms);
        stop();
    }
}

static void test_go_away(void **state) {
    (void)state;
    go_online();
    frame("{\"type\":\"sys\",\"sys\":{\"type\":\"goAway\",\"retryAfterMs\":1730}}");
    tui_client_closed(&C, 1001, "");
    assert_int_equal(C.m.conn.retry_ms - C.now_ms, 1730);
    stop();
}

static unsigned join_id(void) {
    for (size_t i = 0; i < ASKS_MAX; i++)
        if (C.m.asks[i].kind == ASK_JOIN)
            return (unsigned)C.m.asks[i].id;
    fail_msg("nothing was joined");
    return 0;
}

/* A server that sends everybody away at once is not asked a thousand times. */
static void test_go_away_at_once(void **state) {
    (void)state;
    static const char *const ASKED[] = {"0", "1", "0", "7", "0", "0", "0"};
    uint64_t waited = 0;
    go_online();
    for (size_t i = 0; i < sizeof ASKED / sizeof *ASKED; i++) {
        frame("{\"type\":\"sys\",\"sys\":{\"type\":\"goAway\",\"retryAfterMs\":%s}}", ASKED[i]);
        tui_client_closed(&C, 1001, "");
        assert_int_equal(C.m.conn.state, CONN_WAITING);
        uint64_t wait = C.m.conn.retry_ms - C.now_ms;
        assert_true(wait >= 1000);
        waited += wait;
        tui_client_tick(&C, wait);
        assert_int_equal(C.m.conn.state, CONN_CONNECTING);
        ready();
        joined("0", message_json(BOB_TEXT, "0", "hello", 7), 7, join_id());
        assert_int_equal(C.m.conn.state, CONN_ONLINE);
    }
    assert_true(waited > 30000); /* … but less and less often */
    tui_client_tick(&C, 20000);  /* until a connection lasts */
    frame("{\"type\":\"sys\",\"sys\":{\"type\":\"goAway\",\"retryAfterMs\":1}}");
    tui_client_closed(&C, 1001, "");
    assert_in_range(C.m.conn.retry_ms - C.now_ms, 1000, 2000);
    stop();
}

/* Limits that can't be are said to be, and ours are used. */
static void test_limits_of_nonsense(void **state) {
    (void)state;
    start("ann");
    load(true, false);
    tui_client_open(&C);
    frame("{\"type\":\"ready\",\"ready\":{\"sessionUUID\":\"" ANN_TEXT "\",\"server\":\"chatd\","
          "\"version\":\"1\",\"limits\":{\"messageCharacters\":1,\"messageBytes\":4294967295}}}");
    assert_int_equal(C.m.conn.limits.message_chars, MESSAGE_MAX_CHARS);
    assert_int_equal(C.m.conn.limits.message_bytes, MESSAGE_MAX_BYTES);
    const struct timeline *t = &model_current(&C.m)->timeline;
    assert_non_null(strstr(row_text(t->rows[t->n - 2]), "messageCharacters of 1 makes no sense"));
    assert_non_null(strstr(row_text(t->rows[t->n - 1]), "messageBytes of 4294967295"));
    stop();
    start("ann");
    load(true, false);
    tui_client_open(&C);
    struct response unknown = {.kind = RESPONSE_UNKNOWN}; /* limits that are no numbers */
    struct event e = {.kind = EV_RESPONSE, .u.response = &unknown};
    tui_client_event(&C, &e);
    tui_client_tick(&C, 15000);
    assert_string_equal(C.m.conn.trouble, "the server's greeting makes no sense");
    stop();
}

static void test_silent_server(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "anybody there?");
    tui_client_tick(&C, 29999);
    assert_int_equal(C.m.conn.state, CONN_ONLINE);
    tui_client_tick(&C, 1);
    assert_int_equal(C.m.conn.state, CONN_WAITING);
    stop();
    start("ann");
    load(true, false);
    tui_client_tick(&C, 15000);
    assert_int_equal(C.m.conn.state, CONN_WAITING);
    expect("connect close");
    stop();
}

/* The loop's clock may be behind ours: then the tick comes before its time, and must be asked for
 * anew. */
static void note_wake(struct tui_client *c, const struct effect *e, void *arg) {
    uint64_t *at = arg;
    if (e->kind == EFFECT_WAKE)
        *at = e->at_ms;
    trace_effect(c, e, NULL);
}

static void test_ticks_before_their_time(void **state) {
    (void)state;
    go_online();
    uint64_t at = 0;
    C.carry_out = note_wake;
    C.arg = &at;
    tui_client_closed(&C, 1001, "");
    while (C.m.conn.state == CONN_WAITING) {
        assert_in_range(at, C.now_ms + 1, C.now_ms + 5000);
        uint64_t wait = at - C.now_ms;
        at = 0;
        tui_client_tick(&C, wait > 3 ? wait - 3 : wait);
    }
    expect("connect");
    assert_in_range(at, C.now_ms + 1, C.m.conn.deadline_ms);
    stop();
}

/* What is overdue and can't be done is no reason to wake up at once, again and again. */
static void test_no_wake_for_what_is_overdue(void **state) {
    (void)state;
    go_online();
    uint64_t at = 0;
    C.carry_out = note_wake;
    C.arg = &at;
    tui_client_enter(&C, "hi");
    refused(18, "busy", 4);
    public()->join = JOIN_REFUSED;
    for (int i = 0; i < 100 && C.now_ms < C.m.outbox.entries[0]->retry_ms + 1000; i++) {
        at = 0;
        tui_client_tick(&C, 500);
        assert_true(at == 0 || at > C.now_ms);
    }
    stop();
}

/* --- Delivery --- */

static enum outbox_state line_state(void) {
    assert_int_equal(C.m.outbox.n, 1);
    return C.m.outbox.entries[0]->state;
}

static void test_stored(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "hi");
    expect("add channelMessage(hi)#4");
    assert_int_equal(line_state(), OUT_SENT);
    assert_int_equal(public()->timeline.pending, 1);
    stored("0", "hi", 8, 4);
    expect("drop");
    assert_int_equal(C.m.outbox.n, 0);
    assert_int_equal(public()->timeline.pending, 0);
    assert_int_equal(timeline_newest(&public()->timeline)->flags, ROW_MINE);
    assert_int_equal(public()->unread, 0);
    stop();
}

static void test_one_at_a_time(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "one");
    tui_client_enter(&C, "two");
    expect("add channelMessage(one)#4 add");
    stored("0", "one", 8, 4);
    expect("drop channelMessage(two)#5");
    stop();
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        unsigned code;
        enum outbox_state state;
    } CASES[] = {{14, OUT_FAILED}, {15, OUT_FAILED}, {17, OUT_WAIT},
                 {18, OUT_WAIT},   {19, OUT_WAIT},   {20, OUT_WAIT},
                 {21, OUT_WAIT},   {12, OUT_READY},  {999, OUT_FAILED}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        go_online();
        tui_client_enter(&C, "hi");
        refused(CASES[i].code, "because", 4);
        assert_int_equal(line_state(), CASES[i].state);
        if (CASES[i].state == OUT_WAIT) {
            ignore();
            tui_client_tick(&C, 3000);
            expect("channelMessage(hi)#5");
        }
        stop();
    }
}

static void test_failed_and_again(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "hi");
    refused(14, "too long for us", 4);
    ignore();
    struct buf b;
    buf_init(&b, 1000);
    describe_pending(&b, &C.m, timeline_row(&public()->timeline, public()->timeline.n - 1));
    assert_string_equal(buf_cstr(&b), "not sent: too long for us - /retry or /discard");
    buf_free(&b);
    tui_client_enter(&C, "next"); /* does not wait for it */
    expect("add channelMessage(next)#5");
    tui_client_action(&C, ACTION_RETRY);
    assert_int_equal(C.m.outbox.entries[0]->state, OUT_SENT);
    refused(14, "no", 5);
    expect("add channelMessage(hi)#6 add"); /* the journal says who is refused */
    refused(14, "no", 6);
    tui_client_enter(&C, "/discard");
    expect("add drop drop");
    assert_int_equal(C.m.outbox.n, 0);
    assert_int_equal(public()->timeline.pending, 0);
    stop();
}

/* Was refused for good, before the program was started anew: nothing is sent behind the user's
 * back. */
static void test_refused_in_an_earlier_run(void **state) {
    (void)state;
    struct saved_entry entries[] = {
        {.uuid = {{1}}, .to.public = true, .peer = "", .refused = "", .text = "unsent", .len = 6},
        {.uuid = {{2}},
         .to.public = true,
         .peer = "",
         .was_sent = true,
         .refused = "too long for us",
         .text = "refused",
         .len = 7}};
    start("ann");
    struct event e = {.kind = EV_LOADED,
                      .u.loaded = {.has_key = true,
                                   .user = uuid_of(ANN_TEXT),
                                   .name = "ann",
                                   .key = "k",
                                   .entries = entries,
                                   .nentries = 2}};
    tui_client_event(&C, &e);
    ready();
    joined("0", "", 0, 1);
    expect("connect channelJoin+key#1 add channelMessage(unsent)#2 users#3");
    assert_int_equal(C.m.outbox.entries[1]->state, OUT_FAILED);
    assert_string_equal(C.m.outbox.entries[1]->why, "too long for us");
    stored("0", "unsent", 1, 2);
    expect("drop");
    tui_client_enter(&C, "/retry");
    expect("add channelMessage(refused)#4");
    stop();
}

/* Without a screen the exit status tells, and nobody is there to decide later. */
static void test_plain_keeps_nothing_refused(void **state) {
    (void)state;
    go_online();
    C.m.plain = true;
    tui_client_enter(&C, "hi");
    refused(14, "too long for us", 4);
    expect("add channelMessage(hi)#4 drop");
    stop();
}

static void test_waits_for_the_connection(void **state) {
    (void)state;
    go_online();
    tui_client_closed(&C, 0, "");
    ignore();
    tui_client_enter(&C, "later");
    expect("add");
    tui_client_tick(&C, 2000);
    ready();
    expect("connect channelJoin+key(since 7)#4");
    joined("0", "", 7, 4);
    expect("add channelMessage(later)#5 users#6"); /* the journal learns that it may be stored */
    stop();
}

static void test_too_long(void **state) {
    (void)state;
    char text[202];
    memset(text, 'x', 201);
    text[201] = '\0';
    go_online();
    tui_client_enter(&C, text);
    assert_true(C.m.status_error);
    assert_int_equal(C.m.outbox.n, 0);
    assert_int_equal(strncmp(buf_cstr(&TRACE), "input(xxx", 9), 0);
    struct event e = {.kind = EV_DRAFT, .u.input.text = ""}; /* the line is cleared */
    tui_client_event(&C, &e);
    assert_string_equal(C.m.status, "");
    stop();
}

static void test_asks_before_many_lines(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "1\n2\n3\n4\n5");
    expect("add channelMessage(1\n2\n3\n4\n5)#4");
    tui_client_enter(&C, "1\n2\n3\n4\n5\n6");
    expect("");
    assert_int_equal(C.m.question.kind, QUESTION_PASTE);
    reply(false);
    expect("input(1\n2\n3\n4\n5\n6)");
    tui_client_enter(&C, "1\n2\n3\n4\n5\n6");
    reply(true);
    expect("add");
    stop();
}

/* --- Epochs --- */

#define NEXT_TEXT "e0000000-0000-4000-8000-000000000004"

static void page(const char *epoch, unsigned first, unsigned last, unsigned id) {
    struct buf b;
    buf_init(&b, 1u << 16);
    for (unsigned seq = last; seq >= first; seq--)
        buf_fmt(&b, "%s%s", b.len ? "," : "", message_json(BOB_TEXT, "0", "page", seq));
    frame("{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"0\","
          "\"messages\":[%s],\"messagesTotal\":1,\"messagesReceived\":%u,\"epoch\":\"%s\","
          "\"seq\":%u},\"requestID\":%u}",
          buf_cstr(&b), last - first + 1, epoch, last, id);
    buf_free(&b);
}

/* A page is read from another link than the one that tells of an epoch. */
static void test_a_page_before_its_epoch(void **state) {
    (void)state;
    static const char *const FOLLOWS[] = {"true", "false"};
    for (int i = 0; i < 2; i++) {
        go_online();
        said(BOB_TEXT, "0", "far", 12);
        expect("channelMessages(before 12)#4");
        page(NEXT_TEXT, 8, 11, 4);
        tui_client_tick(&C, 1000);
        expect("");
        frame("{\"type\":\"sys\",\"sys\":{\"type\":\"epoch\",\"recipientUUID\":\"0\","
              "\"epoch\":\"" NEXT_TEXT "\",\"seq\":12,\"follows\":%s}}",
              FOLLOWS[i]);
        expect(i == 0 ? "channelMessages(before 12)#5" : "channelMessages(before 13)#5");
        page(NEXT_TEXT, i == 0 ? 8 : 1, i == 0 ? 11 : 12, 5);
        expect("");
        assert_int_equal(public()->timeline.holes, 0);
        assert_true(timeline_covers(&public()->timeline, 7));
        stop();
    }
}

static void begin_with_a_mark(void) {
    struct saved_conversation saved = {.to.public = true, .peer = "", .open = true, .draft = ""};
    saved.read = (struct position){.epoch = uuid_of(EPOCH_TEXT), .seq = 5};
    start("ann");
    struct event e = {.kind = EV_LOADED, .u.loaded = {.has_key = true, .name = "ann", .key = "k"}};
    e.u.loaded.user = uuid_of(ANN_TEXT);
    e.u.loaded.conversations = &saved;
    e.u.loaded.nconversations = 1;
    tui_client_event(&C, &e);
    focus(false); /* or all is read at once */
    ready();
    ignore();
}

/* The answer to a join, with these messages. */
static void joined_in(const char *epoch, unsigned first, unsigned last, const char *recovered,
                      unsigned id) {
    struct buf b;
    buf_init(&b, 1u << 16);
    for (unsigned seq = first; seq <= last; seq++)
        buf_fmt(&b, "%s%s", b.len ? "," : "", message_json(BOB_TEXT, "0", "said", seq));
    frame("{\"type\":\"channelJoin\",\"channelJoin\":{\"recipientUUID\":\"0\",\"messages\":[%s],"
          "\"users\":[],\"usersTotal\":0,\"epoch\":\"%s\",\"seq\":%u%s},\"requestID\":%u}",
          buf_cstr(&b), epoch, last, recovered, id);
    buf_free(&b);
}

static void test_a_read_mark_of_an_epoch_that_is_followed(void **state) {
    (void)state;
    begin_with_a_mark(); /* in the same epoch: nothing is asked */
    joined_in(EPOCH_TEXT, 4, 9, "", 1);
    assert_null(strstr(buf_cstr(&TRACE), "channelJoin"));
    assert_int_equal(public()->read.seq, 5);
    stop();
    begin_with_a_mark();
    joined_in(NEXT_TEXT, 8, 9, "", 1);
    assert_non_null(strstr(buf_cstr(&TRACE), "channelJoin(since 5)#2"));
    assert_int_equal(public()->unread, 0); /* not known yet */
    ignore();
    joined_in(NEXT_TEXT, 6, 9, ",\"recovered\":true", 2);
    assert_int_equal(public()->read.seq, 5);
    assert_int_equal(public()->unread, 4);
    assert_int_equal(public()->unread_after.seq, 5);
    assert_null(strstr(buf_cstr(&TRACE), "channelJoin"));
    assert_int_equal(public()->timeline.holes, 0);
    stop();
}

static void test_a_read_mark_of_another_numbering(void **state) {
    (void)state;
    begin_with_a_mark();
    joined_in(NEXT_TEXT, 8, 9, "", 1);
    ignore();
    joined_in(NEXT_TEXT, 8, 9, ",\"recovered\":false", 2);
    assert_null(strstr(buf_cstr(&TRACE), "channelJoin"));
    assert_int_equal(public()->read.seq, 9);
    assert_int_equal(public()->unread, 0);
    stop();
}

static void test_a_read_mark_at_the_end(void **state) {
    (void)state;
    begin_with_a_mark();
    joined_in(NEXT_TEXT, 4, 5, "", 1);
    joined_in(NEXT_TEXT, 6, 5, ",\"recovered\":true", 2);
    assert_int_equal(public()->read.seq, 5);
    assert_int_equal(public()->timeline.n, 2);
    assert_int_equal(public()->unread, 0);
    stop();
}

/* --- Unread, activity, channels --- */

static void test_unread_and_line(void **state) {
    (void)state;
    go_online();
    focus(false);
    said(BOB_TEXT, "0", "one", 8);
    said(BOB_TEXT, "0", "hey Ann!", 9);
    said(BOB_TEXT, "0", "annual", 10);
    expect("bell notify(hey Ann!)");
    assert_int_equal(public()->unread, 3);
    assert_int_equal(public()->activity, ACTIVITY_MENTION);
    assert_int_equal(public()->unread_after.seq, 7);
    focus(true);
    assert_int_equal(public()->unread, 0);
    assert_int_equal(public()->unread_after.seq, 7); /* stays until one leaves or says something */
    tui_client_enter(&C, "hi");
    assert_int_equal(public()->unread_after.epoch, 0);
    stop();
}

static void test_never_yanked(void **state) {
    (void)state;
    go_online();
    struct event e = {.kind = EV_SCROLL};
    e.u.scroll = (struct scroll){.edge = SCROLL_BOTTOM, .at = public()->timeline.rows[0]->place};
    tui_client_event(&C, &e);
    said(BOB_TEXT, "0", "one", 8);
    said(BOB_TEXT, "0", "two", 9);
    assert_int_equal(public()->scroll.edge, SCROLL_BOTTOM);
    assert_int_equal(place_cmp(public()->scroll.at, e.u.scroll.at), 0);
    assert_int_equal(public()->below, 2);
    tui_client_action(&C, ACTION_BOTTOM);
    assert_int_equal(public()->below, 0);
    assert_int_equal(public()->scroll.edge, SCROLL_FOLLOW);
    stop();
}

static void unread_from_bob(unsigned seq) {
    frame("{\"type\":\"sys\",\"sys\":{\"type\":\"unread\",\"recipientUUID\":\"" BOB_TEXT
          "\",\"senderUUID\":\"" BOB_TEXT "\",\"senderUsername\":\"bob\",\"seq\":%u}}",
          seq);
}

static void test_private(void **state) {
    (void)state;
    go_online();
    unread_from_bob(3);
    unread_from_bob(4);
    expect("bell");
    assert_int_equal(C.m.nconversations, 2);
    struct conversation *bob = C.m.conversations[1];
    assert_string_equal(bob->name, "bob");
    assert_int_equal(bob->activity, ACTIVITY_PRIVATE);
    assert_int_equal(bob->unread, 2);
    draft("half a li");
    tui_client_action(&C, ACTION_NEXT_ACTIVITY);
    expect("input() channelJoin#4");
    assert_ptr_equal(model_current(&C.m), bob);
    char list[2000];
    snprintf(list, sizeof list, "%s", message_json(BOB_TEXT, ANN_TEXT, "x", 4));
    size_t len = strlen(list);
    snprintf(list + len, sizeof list - len, ",%s", message_json(BOB_TEXT, ANN_TEXT, "y", 3));
    joined(BOB_TEXT, list, 4, 4);
    assert_int_equal(bob->unread_after.seq, 2);
    assert_int_equal(bob->unread, 0);
    ignore();
    tui_client_action(&C, ACTION_GO_1);
    expect("input(half a li)");
    tui_client_tick(&C, 1500); /* one bell a second */
    said(BOB_TEXT, ANN_TEXT, "again", 5);
    assert_int_equal(bob->activity, ACTIVITY_PRIVATE);
    tui_client_enter(&C, "/part bob");
    expect("bell channelLeave#6");
    frame("{\"type\":\"channelLeave\",\"channelLeave\":{\"recipientUUID\":\"" BOB_TEXT
          "\"},\"requestID\":6}");
    assert_int_equal(C.m.nconversations, 1);
    stop();
}

/* A line that is entered while the channel is being left is not left behind. */
static void test_a_line_behind_part(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/join bob");
    joined(BOB_TEXT, "", 0, 4);
    tui_client_enter(&C, "/part");
    ignore();
    tui_client_enter(&C, "wait");
    frame("{\"type\":\"channelLeave\",\"channelLeave\":{\"recipientUUID\":\"" BOB_TEXT
          "\"},\"requestID\":5}");
    expect("add channelMessage(wait)#6 channelJoin(since 0)#7");
    refused(12, "not_joined", 6);
    joined(BOB_TEXT, "", 0, 7);
    expect("channelMessage(wait)#8");
    stop();
}

static void test_muted(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/mute");
    focus(false);
    said(BOB_TEXT, "0", "one", 8);
    assert_int_equal(public()->activity, ACTIVITY_NONE);
    said(BOB_TEXT, "0", "ann: two", 9);
    assert_int_equal(public()->activity, ACTIVITY_MENTION);
    expect("bell notify(ann: two)");
    stop();
}

static void test_members(void **state) {
    (void)state;
    go_online();
    size_t rows = public()->timeline.n;
    static const char *const EVENTS[] = {"signOut", "signIn", "channelLeave", "channelJoin"};
    static const size_t ONLINE[] = {1, 2, 1, 2}, MEMBERS[] = {2, 2, 1, 2}, ROWS[] = {0, 0, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        frame("{\"type\":\"sys\",\"sys\":{\"type\":\"%s\",\"recipientUUID\":\"0\",\"userUUID\":"
              "\"" BOB_TEXT "\",\"username\":\"bob\"}}",
              EVENTS[i]);
        assert_int_equal(members_online(&public()->members), ONLINE[i]);
        assert_int_equal(public()->members.n, MEMBERS[i]);
        assert_int_equal(public()->members.total, MEMBERS[i]);
        assert_int_equal(public()->timeline.n, rows + ROWS[i]);
    }
    stop();
}

/* --- What a server should not say --- */

static void test_hostile(void **state) {
    (void)state;
    go_online();
    uint64_t strange = C.m.strange;
    size_t rows = public()->timeline.n;
    frame("{\"type\":\"newThing\",\"newThing\":{}}");
    frame("{\"type\":\"sys\",\"sys\":{\"type\":\"newThing\"}}");
    said(BOB_TEXT, "0", "again", 7); /* a number of the past */
    said(BOB_TEXT, "0", "again", 1);
    said(BOB_TEXT, BOB_TEXT, "not ours", 9); /* somebody else's channel */
    said(BOB_TEXT, ANN_TEXT, "not joined", 9);
    joined("0", "", 3, 999); /* nobody asked */
    joined(BOB_TEXT, "", 3, 1);
    assert_int_equal(public()->timeline.n, rows);
    assert_true(C.m.strange > strange);
    assert_int_equal(C.m.nconversations, 1);
    stop();
}

/* Huge jumps are a hole, of which no more than a few pages are asked for. */
static void test_huge_numbers(void **state) {
    (void)state;
    go_online();
    said(BOB_TEXT, "0", "far", 4000000000u);
    expect("channelMessages(before 4000000000)#4");
    for (unsigned id = 4; id < 40 && C.m.last_id >= id; id++)
        frame("{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"0\","
              "\"messages\":[%s],\"messagesTotal\":1,\"messagesReceived\":1,\"epoch\":\"" EPOCH_TEXT
              "\",\"seq\":4000000000},\"requestID\":%u}",
              message_json(BOB_TEXT, "0", "z", 3999999999u - 2 * id), id);
    assert_true(C.m.last_id < 20);
    assert_true(public()->timeline.n < 50);
    stop();
}

static void test_many_members_and_channels(void **state) {
    (void)state;
    go_online();
    for (unsigned i = 0; i < 30000; i++) {
        char uuid[UUID_TEXT + 1];
        snprintf(uuid, sizeof uuid, "c0000000-0000-4000-8000-%012u", i);
        frame("{\"type\":\"sys\",\"sys\":{\"type\":\"channelJoin\",\"recipientUUID\":\"0\","
              "\"userUUID\":\"%s\",\"username\":\"user %u\"}}",
              uuid, i);
        if (i < 1000)
            frame("{\"type\":\"sys\",\"sys\":{\"type\":\"unread\",\"recipientUUID\":\"%s\","
                  "\"senderUUID\":\"%s\",\"senderUsername\":\"user %u\",\"seq\":1}}",
                  uuid, uuid, i);
        if (i == 1100)
            i = 29500; /* enough of the sorting */
    }
    assert_int_equal(public()->members.n, MEMBERS_MAX);
    assert_int_equal(C.m.nconversations, CONVERSATIONS_MAX);
    assert_true(C.m.roster.n <= ROSTER_MAX);
    assert_true(public()->timeline.notices <= TIMELINE_NOTICES_MAX);
    stop();
}

/* Bytes at random, and frames cut or changed at random: nothing of it may break anything. */
static void test_garbled(void **state) {
    (void)state;
    go_online();
    char text[2000], copy[2000];
    uint64_t seed = 42;
    for (unsigned i = 0; i < 4000; i++) {
        int n = snprintf(text, sizeof text, "{\"type\":\"channelMessage\",\"channelMessage\":%s}",
                         message_json(i % 2 ? BOB_TEXT : ANN_TEXT, i % 3 ? "0" : BOB_TEXT, "x", i));
        memcpy(copy, text, (size_t)n);
        for (unsigned k = 0; k < 2; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            copy[(seed >> 33) % (unsigned)n] = "0192ab{}\"9"[(seed >> 20) % 10];
        }
        tui_client_frame(&C, copy, (size_t)n);
    }
    assert_int_equal(C.m.nconversations, 1);
    stop();
}

/* 100,000 lines and all that belongs to them; and how long it takes to take them. */
static void test_room(void **state) {
    (void)state;
    go_online();
    for (unsigned i = 0; i < 3000; i++)
        said(BOB_TEXT, "0", "a message of a length that is usual among people who chat", 8 + i);
    assert_int_equal(public()->timeline.at.seq, 3007);
    assert_true(public()->timeline.bytes < 3100u * 300);
    stop();
}

static int setup(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_a_key),
        cmocka_unit_test(test_key_refused),
        cmocka_unit_test(test_key_refused_with_more_under_way),
        cmocka_unit_test(test_key_not_looked_at),
        cmocka_unit_test(test_first_run),
        cmocka_unit_test(test_dialogue_connection_refused),
        cmocka_unit_test(test_dialogue_offers_an_account),
        cmocka_unit_test(test_without_the_dialogue_it_is_asked),
        cmocka_unit_test(test_password_file),
        cmocka_unit_test(test_signed_out_elsewhere),
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_close_codes),
        cmocka_unit_test(test_go_away),
        cmocka_unit_test(test_limits_of_nonsense),
        cmocka_unit_test(test_go_away_at_once),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_ticks_before_their_time),
        cmocka_unit_test(test_no_wake_for_what_is_overdue),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failed_and_again),
        cmocka_unit_test(test_refused_in_an_earlier_run),
        cmocka_unit_test(test_plain_keeps_nothing_refused),
        cmocka_unit_test(test_waits_for_the_connection),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_asks_before_many_lines),
        cmocka_unit_test(test_a_page_before_its_epoch),
        cmocka_unit_test(test_a_read_mark_of_an_epoch_that_is_followed),
        cmocka_unit_test(test_a_read_mark_of_another_numbering),
        cmocka_unit_test(test_a_read_mark_at_the_end),
        cmocka_unit_test(test_unread_and_line),
        cmocka_unit_test(test_never_yanked),
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_a_line_behind_part),
        cmocka_unit_test(test_muted),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_huge_numbers),
        cmocka_unit_test(test_many_members_and_channels),
        cmocka_unit_test(test_garbled),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
