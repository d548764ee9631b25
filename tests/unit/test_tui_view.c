/* test_tui_view - the model on a fake screen, as text, held against tests/golden/view_*.txt:
 * UPDATE_GOLDEN=1 writes them anew; read the diff before committing it. */
#include "chattui/view/view.h"

#include "common/base/uuid.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOON 1764072000000 /* 2025-11-25 12:00:00 UTC */
#define MINUTE 60000
#define DAY (24 * 60 * MINUTE)

static struct model m;
static struct grid g;
static struct view_state view;
static struct keymap keymap;
static struct input_look look;
static struct conversation *public_channel;
static struct uuid epoch;

static struct uuid user(uint8_t n) {
    struct uuid u = {{0}};
    u.b[15] = n;
    return u;
}

static int set_up(void **state) {
    (void)state;
    struct model_options options = {.server = "ws://chat.example/ws", .user = "alice", .seed = 1};
    tuning_defaults(&options.tuning);
    assert_true(model_init(&m, &options));
    m.me = user(1);
    m.conn.state = CONN_ONLINE;
    m.show_members = false;
    epoch = user(99);
    struct recipient everybody = {.public = true};
    public_channel = model_open(&m, &everybody, "public");
    assert_non_null(public_channel);
    timeline_set_epoch(&public_channel->timeline, &(struct position){epoch, 0}, NOON);
    look = (struct input_look){.prompt = "", .text = ""};
    keymap_init(&keymap);
    view = (struct view_state){.keymap = &keymap};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    model_free(&m);
    grid_free(&g);
    return 0;
}

/* The next message of the public channel. */
static void say(uint8_t who, const char *name, const char *text, int64_t ms, bool mention) {
    struct timeline *t = &public_channel->timeline;
    uint64_t seq = t->at.seq + 1;
    struct timeline_message message = {.seq = seq,
                                       .uuid = user((uint8_t)(100 + seq)),
                                       .sender = user(who),
                                       .time_ms = ms,
                                       .name = name,
                                       .name_len = strlen(name),
                                       .text = text,
                                       .text_len = strlen(text),
                                       .mine = who == 1,
                                       .mention = mention};
    assert_int_equal(timeline_fill(t, seq - 1, seq + 1, &message, 1), 1);
}

static void draw(int rows, int cols) {
    assert_true(grid_resize(&g, rows, cols));
    view_draw(&g, &m, &look, &view);
}

static void check(const char *name, int rows, int cols) {
    char path[512], *want = calloc(1, 1 << 16);
    struct buf out;
    buf_init(&out, 1 << 16);
    draw(rows, cols);
    grid_text(&g, &out);
    snprintf(path, sizeof path, "%s/tests/golden/view_%s.txt", PROJECT_SOURCE_DIR, name);
    FILE *f = fopen(path, getenv("UPDATE_GOLDEN") ? "w" : "r");
    if (!f)
        fail_msg("%s can't be opened; UPDATE_GOLDEN=1 makes it", path);
    if (getenv("UPDATE_GOLDEN"))
        fwrite(out.data, 1, out.len, f);
    else {
        size_t n = fread(want, 1, (1 << 16) - 1, f);
        want[n] = '\0';
        assert_string_equal(buf_cstr(&out), want);
    }
    fclose(f);
    free(want);
    buf_free(&out);
}

/* The screen as text; to be freed. */
static char *screen(int rows, int cols) {
    struct buf out;
    buf_init(&out, 1 << 20);
    draw(rows, cols);
    grid_text(&g, &out);
    char *text = strdup(buf_cstr(&out));
    buf_free(&out);
    assert_non_null(text);
    return text;
}

static void check_has(const char *text, bool wanted) {
    char *s = screen(24, 80);
    if ((strstr(s, text) != NULL) != wanted)
        fail_msg("\"%s\" is%s on the screen:\n%s", text, wanted ? " not" : "", s);
    free(s);
}

static void add_people(void) {
    static const char *const NAMES[] = {"alice", "bob", "carol", "dave"};
    for (uint8_t i = 0; i < 4; i++) {
        struct uuid u = user((uint8_t)(i + 1));
        struct person *p = roster_put(&m.roster, &u, NAMES[i], strlen(NAMES[i]));
        assert_non_null(p);
        p->online = i < 3;
        members_add(&public_channel->members, p);
    }
    public_channel->members.total = 4;
    members_sort(&public_channel->members);
}

static struct conversation *add_private(uint8_t who, const char *name) {
    struct recipient to = {.user = user(who)};
    struct conversation *c = model_open(&m, &to, name);
    assert_non_null(c);
    return c;
}

/* A conversation with one of each kind of thing. */
static void converse(void) {
    add_people();
    say(2, "bob", "good morning", NOON - DAY, false);
    say(1, "alice", "good morning, bob", NOON, false);
    say(3, "carol",
        "日本語 and emoji 😀 take two columns each, "
        "and a long line goes on below",
        NOON, false);
    public_channel->unread_after = timeline_place(&public_channel->timeline, 3);
    say(2, "bob", "alice: did you see it?", NOON + MINUTE, true);
    say(4, "dave-with-a-long-name", "/me waves", NOON + 2 * MINUTE, false);
    struct conversation *bob = add_private(2, "bob"), *carol = add_private(3, "carol");
    bob->activity = ACTIVITY_PRIVATE;
    bob->unread = 2;
    carol->activity = ACTIVITY_MENTION;
    carol->unread = 1;
    add_private(1, "alice")->muted = true;
}

static void test_conversation(void **state) {
    (void)state;
    converse();
    look = (struct input_look){.prompt = "", .text = "a draft", .len = 7, .cursor = 7};
    check("80x24", 24, 80);
    assert_int_equal(g.cursor_row, 23);
    assert_int_equal(g.cursor_col, 15);
    m.show_members = true;
    check("members", 24, 80);
    check("wide", 20, 160);
    check("narrow", 10, 40);
}

static void test_too_small(void **state) {
    (void)state;
    converse();
    check("too_small", 5, 20);
    for (int rows = 1; rows < 30; rows++)
        for (int cols = 1; cols < 90; cols += 2)
            free(screen(rows, cols)); /* under the sanitizers */
}

static void test_foreign_text_is_sanitized(void **state) {
    (void)state;
    say(2, "b\x1b]0;x\x07",
        "\x1b[2J\rroot: \xe2\x80\xae"
        "evil\x9b",
        NOON, false);
    char *s = screen(24, 80);
    for (const char *p = s; *p; p++)
        assert_true(*p == '\n' || (unsigned char)*p >= ' ');
    assert_non_null(strstr(s, "^[[2J^Mroot: evil"));
    assert_null(strstr(s, "\xe2\x80\xae"));
    free(s);
}

static void fill(int n) {
    char text[64];
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "message %d.", i);
        say(2, "bob", text, NOON + i * 1000, false);
    }
}

static void scroll_by(int lines) {
    struct layout l = view_layout(&m, &look, 24, 80);
    public_channel->scroll = view_scroll(&m, &l, lines);
}

/* Nobody can look like the server. */
static void test_the_server_speaks(void **state) {
    (void)state;
    say(2, "server", "I am the server", NOON, false);
    say(0, "server", "it is late", NOON + 1000, false);
    check_has(" server │ I am the server", true);
    check_has("[server] │ it is late", true);
}

static void test_scrolling(void **state) {
    (void)state;
    fill(100); /* 21 lines are seen; a day line before the first */
    check_has("message 99.", true);
    check_has("message 78.", false);
    check_has("below", false);
    scroll_by(-20);
    assert_int_equal(public_channel->scroll.edge, SCROLL_BOTTOM);
    check_has("bob │ message 79.", true); /* at the bottom, and nothing stands over it */
    check_has("message 80.", false);
    check_has("Alt+End", true);
    fill(10); /* what comes does not move it */
    public_channel->below = 10;
    check_has("message 79.", true);
    check_has("10 new below", true);
    scroll_by(-1000);
    assert_true(public_channel->scroll.at_top);
    check_has("message 0.", true);
    scroll_by(1000);
    assert_int_equal(public_channel->scroll.edge, SCROLL_FOLLOW);
    check_has("message 9.", true);
}

static void test_scrolling_there_and_back(void **state) {
    (void)state;
    char text[400];
    for (int i = 0; i < 60; i++) { /* of many heights */
        memset(text, 'w', sizeof text);
        for (int k = 7; k < 399; k += 7)
            text[k] = ' ';
        text[1 + i * 6] = '\0';
        say(2, "bob", text, NOON + i * 1000, false);
    }
    for (int step = 1; step < 40; step++) {
        public_channel->scroll = (struct scroll){0};
        char *before = screen(24, 80);
        scroll_by(-40);
        char *up = screen(24, 80);
        scroll_by(-step);
        scroll_by(step);
        char *again = screen(24, 80);
        assert_string_equal(up, again);
        scroll_by(40);
        char *back = screen(24, 80);
        assert_string_equal(before, back);
        free(before);
        free(up);
        free(again);
        free(back);
    }
}

static void test_scroll_from_the_top(void **state) {
    (void)state;
    fill(100);
    public_channel->scroll =
        (struct scroll){.edge = SCROLL_TOP, .at = timeline_place(&public_channel->timeline, 31)};
    check_has("message 30.", true);
    check_has("message 29.", false);
    check_has("message 50.", true);
    public_channel->scroll.at = timeline_place(&public_channel->timeline, 95);
    check_has("message 99.", true); /* there is no more: filled from above */
    check_has("message 79.", true);
}

static void test_pending_and_failed(void **state) {
    (void)state;
    say(2, "bob", "hello", NOON, false);
    struct uuid uuid = user(200);
    struct recipient everybody = {.public = true};
    struct outbox_entry *line = outbox_add(&m.outbox, &uuid, &everybody, "on its way", 10);
    assert_non_null(line);
    struct timeline_message message = {.uuid = uuid,
                                       .seq = line->order,
                                       .time_ms = NOON + MINUTE,
                                       .sender = m.me,
                                       .name = "alice",
                                       .name_len = 5,
                                       .text = "on its way",
                                       .text_len = 10,
                                       .mine = true};
    assert_true(timeline_add_pending(&public_channel->timeline, &message));
    line->state = OUT_SENT;
    check_has("alice … on its way", true);
    check_has("1 unsent", true);
    line->state = OUT_FAILED;
    snprintf(line->why, sizeof line->why, "too \x1b[1mlong");
    check("failed", 12, 80);
}

/* What was not sent is told whatever there is to say of the connection. */
static void test_offline_with_lines_unsent(void **state) {
    (void)state;
    struct uuid uuid = user(200);
    struct recipient everybody = {.public = true};
    assert_non_null(outbox_add(&m.outbox, &uuid, &everybody, "unsent", 6));
    m.conn.state = CONN_WAITING;
    memset(m.conn.trouble, 'x', 40);
    check_has("reconnecting in 0 s │ 1 unsent │ xxx", true);
    memset(m.conn.trouble, 'x', 60);
    check_has(" reconnecting in 0 s │ 1 unsent\n xxx", true);
    fill(100);
    scroll_by(-20);
    check_has("↓ more below · Alt+End\n xxx", true);
}

/* The screen's text in one line, without what is drawn between its words. */
static char *said_on(int rows, int cols) {
    static const char *const DRAWN[] = {"│", "─", "└", "\n", " "};
    char *s = screen(rows, cols), *to = s;
    for (const char *at = s; *at;) {
        size_t skip = 0;
        for (size_t i = 0; i < sizeof DRAWN / sizeof *DRAWN && !skip; i++)
            skip = strncmp(at, DRAWN[i], strlen(DRAWN[i])) == 0 ? strlen(DRAWN[i]) : 0;
        if (!skip)
            *to++ = *at++;
        else if (at += skip, to > s && to[-1] != ' ')
            *to++ = ' ';
    }
    *to = '\0';
    return s;
}

static void check_whole(const char *text) {
    static const int COLS[] = {40, 80, 200};
    for (size_t i = 0; i < sizeof COLS / sizeof *COLS; i++) {
        char *s = said_on(24, COLS[i]);
        if (!strstr(s, text))
            fail_msg("at %d columns \"%s\" is not whole:\n%s", COLS[i], text, s);
        free(s);
    }
}

/* As long as what is said may be: so is all that is shorter. */
static void words(char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; strlen(text) + 8 < size; i++)
        snprintf(text + strlen(text), size - strlen(text), "%sw%d", i ? " " : "", i);
}

static void test_what_is_said_is_whole(void **state) {
    (void)state;
    fill(30);
    words(m.status, sizeof m.status);
    check_whole(m.status);
    scroll_by(-10);
    check_whole(m.status);
    m.conn.state = CONN_WAITING;
    check_whole(m.status);
    m.status[0] = '\0';
    words(m.conn.trouble, sizeof m.conn.trouble);
    check_whole(m.conn.trouble);
    m.question.kind = QUESTION_PASTE;
    words(m.question.text, sizeof m.question.text);
    check_whole(m.question.text);
}

/* Rows that no message is. */
static void test_rules_are_whole(void **state) {
    (void)state;
    struct timeline *t = &public_channel->timeline;
    struct uuid other = user(98);
    fill(10);
    timeline_purge(t, &epoch, 7);
    check_whole("older messages were removed on the server");
    timeline_set_epoch(t, &(struct position){other, 4000000000u}, NOON);
    check_whole("up to 4000000000 messages not loaded yet");
    check_whole("the server's numbering began anew: what is above may be incomplete there");
    check_whole("older messages can't be loaded: the server's numbering began anew");
    other = user(97);
    timeline_set_epoch(t, &(struct position){other, 1}, NOON);
    check_whole("up to 4000000000 messages missing here, and no longer to be had");
    m.tuning.fold_lines = 1;
    say(2, "bob", "1\n2\n3", NOON, false);
    check_whole("a long message goes on: Alt+w shows it");
    m.tuning.fold_lines = 0;
}

static void test_why_a_line_is_not_sent_is_whole(void **state) {
    (void)state;
    struct uuid uuid = user(200);
    struct recipient everybody = {.public = true};
    struct outbox_entry *entry = outbox_add(&m.outbox, &uuid, &everybody, "unsent", 6);
    assert_non_null(entry);
    struct timeline_message row = {
        .uuid = uuid, .seq = 1, .name = "", .text = "unsent", .text_len = 6};
    assert_true(timeline_add_pending(&public_channel->timeline, &row));
    entry->state = OUT_FAILED;
    words(entry->why, sizeof entry->why);
    check_whole(entry->why);
    check_whole("- /retry or /discard");
}

/* A member can't fill the screens of others; who wants to see it all can. */
static void test_long_messages_are_folded(void **state) {
    (void)state;
    char text[400] = "";
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d\n", i);
    m.tuning.fold_lines = 8;
    say(2, "bob", text, NOON, false);
    say(2, "bob", "8\n8\n8\n8\n8\n8\n8\nfits", NOON, false);
    check_has("│ 7\n", true);
    check_has("│ 8\n", true); /* of the other message */
    check_has("│ 9\n", false);
    check_has("└ a long message goes on: Alt+w shows it\n", true);
    check_has("│ fits", true);
    scroll_by(-100);
    check_has("12:00          bob │ 0", true);
    public_channel->scroll = (struct scroll){0};
    m.show_whole = true;
    check_has("│ 99\n", true);
    check_has("goes on", false);
    m.show_whole = false;
    snprintf(m.search.text, sizeof m.search.text, "99"); /* what a search has found is whole */
    m.search.at = timeline_place(&public_channel->timeline, 1);
    check_has("│ 99\n", true);
    m.search.text[0] = '\0';
    m.tuning.fold_lines = 0;
    check_has("│ 99\n", true);
}

/* Nobody knows who is there while there is no connection, and a word to the user is no reason not
 * to tell. */
static void test_offline(void **state) {
    (void)state;
    converse();
    m.show_members = true;
    check_has("public  4 members, 3 online ", true);
    check_has("│3/4 online\n", true);
    check_has("│• bob\n", true);
    m.conn.state = CONN_OFFLINE;
    snprintf(m.conn.trouble, sizeof m.conn.trouble, "kicked");
    check_has("online", false);
    check_has("│  bob\n", true);
    check_has("\n offline │ new: ", true);
    snprintf(m.status, sizeof m.status, "something to know");
    check_has("\n offline │ something to know\n", true);
}

static void test_cleared(void **state) {
    (void)state;
    fill(3);
    public_channel->timeline.cleared = timeline_place(&public_channel->timeline, 3);
    check_has("message", false);
    check_has("│ cleared: /clear off shows it again\n", true);
}

static void test_gaps(void **state) {
    (void)state;
    fill(10);
    timeline_purge(&public_channel->timeline, &epoch, 7);
    check("gap", 10, 80);
}

static void test_dialog(void **state) {
    (void)state;
    m.dialog.state = DIALOG_EDITING;
    m.dialog.focus = FIELD_PASSWORD;
    snprintf(m.dialog.text[FIELD_SERVER], sizeof m.dialog.text[FIELD_SERVER],
             "ws://127.0.0.1:8080/ws");
    snprintf(m.dialog.text[FIELD_NAME], sizeof m.dialog.text[FIELD_NAME], "alice");
    snprintf(m.dialog.text[FIELD_PASSWORD], sizeof m.dialog.text[FIELD_PASSWORD], "sécret");
    snprintf(m.dialog.error, sizeof m.dialog.error, "wrong username or password");
    m.conn.state = CONN_SIGNED_OUT;
    check("dialog", 24, 80);
    char *s = screen(8, 40); /* the smallest: all fields are there */
    assert_null(strstr(s, "cret"));
    assert_non_null(strstr(s, "••••••"));
    assert_non_null(strstr(s, "New account"));
    free(s);
}

static void test_question_and_status(void **state) {
    (void)state;
    converse();
    m.question.kind = QUESTION_PASTE;
    snprintf(m.question.text, sizeof m.question.text, "Send 12 lines? y/n");
    check_has("Send 12 lines? y/n", true);
    snprintf(m.status, sizeof m.status, "something to know");
    check_has("something to know", true);
}

static void test_help(void **state) {
    (void)state;
    m.show_help = true;
    view.help_top = 100000;
    draw(24, 80);
    assert_in_range(view.help_top, 1, 1000);
    view.help_top = 0;
    check_has("Alt+a", true);
    char *s = screen(24, 40); /* what a key does stands below it, set in */
    assert_non_null(strstr(s, "\n   Alt+a\n     go to the next channel where\n     something"));
    free(s);
}

static void test_channels_scroll_with_the_current(void **state) {
    (void)state;
    char name[16];
    for (uint8_t i = 2; i < 60; i++) {
        snprintf(name, sizeof name, "user%d", i);
        add_private(i, name);
    }
    m.current = 50;
    struct layout l = view_layout(&m, &look, 24, 80);
    check_has("51 user51", true);
    assert_int_equal(view_channel_at(&m, &l, l.channels.row + l.channels.rows - 1, 2), 50);
    assert_int_equal(view_channel_at(&m, &l, 0, 2), -1);
    assert_int_equal(view_channel_at(&m, &l, 3, 40), -1);
}

int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    setenv("TZ", "UTC", 1);
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_conversation),
        T(test_too_small),
        T(test_foreign_text_is_sanitized),
        T(test_the_server_speaks),
        T(test_scrolling),
        T(test_scrolling_there_and_back),
        T(test_scroll_from_the_top),
        T(test_pending_and_failed),
        T(test_offline_with_lines_unsent),
        T(test_what_is_said_is_whole),
        T(test_rules_are_whole),
        T(test_why_a_line_is_not_sent_is_whole),
        T(test_long_messages_are_folded),
        T(test_offline),
        T(test_cleared),
        T(test_gaps),
        T(test_dialog),
        T(test_question_and_status),
        T(test_help),
        T(test_channels_scroll_with_the_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
