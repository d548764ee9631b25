/* test_tui_slash - commands, completion, aliases and search, as one types them. */
#include "tui_trace.h"

#include "chattui/base/match.h"
#include "chattui/update/describe.h"
#include "chattui/update/internal.h"
#include "chattui/update/slash.h"
#include "common/base/secret.h"

#include <locale.h>

static struct conversation *current(void) {
    return model_current(&C.m);
}

static const char *last_text(void) {
    static char text[8192];
    const struct timeline *t = &current()->timeline;
    const struct row *r = timeline_row(t, t->n - t->pending - 1);
    snprintf(text, sizeof text, "%.*s", (int)r->text_len, row_text(r));
    return text;
}

static void tab(const char *text, bool back) {
    struct event e = {.kind = EV_COMPLETE};
    e.u.input.text = text;
    e.u.input.len = e.u.input.cursor = strlen(text);
    e.u.input.back = back;
    tui_client_event(&C, &e);
}

/* --- The table --- */

static void test_table(void **state) {
    (void)state;
    const struct slash_def *d;
    size_t n = 0;
    for (; (d = slash_at(n)); n++) {
        assert_ptr_equal(slash_find(d->name, strlen(d->name)), d);
        assert_true(d->least <= d->most && d->most <= SLASH_ARGS);
        assert_true(*d->help && (d->most > 0) == (*d->args != '\0'));
        for (size_t i = 0; i < d->most; i++)
            assert_true(d->values[i] != SLASH_WORDS || d->words);
    }
    assert_true(n > 20);
    assert_null(slash_find("jo", 2));
}

/* Every command without arguments, and with one that makes no sense: none breaks, all say
 * something. */
static void test_every_command(void **state) {
    (void)state;
    const struct slash_def *d;
    for (size_t i = 0; (d = slash_at(i)); i++)
        for (int how = 0; how < 3; how++) {
            char line[100];
            go_online();
            snprintf(line, sizeof line, "/%s%s", d->name,
                     how == 0   ? ""
                     : how == 1 ? " zzz"
                                : " zzz \"y y\" x");
            tui_client_enter(&C, line);
            bool back = strstr(buf_cstr(&TRACE), "input(/") != NULL;
            if (how == 0 && d->least > 0) {
                assert_true(back && C.m.status_error);
                assert_non_null(strstr(C.m.status, "usage: /"));
            }
            stop();
        }
}

static void test_unknown(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/jion bob");
    expect("input(/jion bob)");
    assert_string_equal(C.m.status, "no command /jion: did you mean /join?");
    static const char *const NOBODY[] = {"/join \"\"", "/msg \"\" secret", "/msg bob \"\""};
    for (size_t i = 0; i < sizeof NOBODY / sizeof *NOBODY; i++) {
        tui_client_enter(&C, NOBODY[i]);
        assert_non_null(strstr(buf_cstr(&TRACE), NOBODY[i]));
        assert_non_null(strstr(C.m.status, "usage: /"));
        buf_reset(&TRACE);
    }
    tui_client_enter(&C, "//slashed");
    expect("add channelMessage(/slashed)#4");
    tui_client_enter(&C, "   ");
    expect("");
    stop();
}

/* --- Talking --- */

static void test_join_and_msg(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/join BOB");
    expect("input() channelJoin#4");
    assert_string_equal(current()->name, "bob");
    joined(BOB_TEXT, "", 0, 4);
    ignore();
    tui_client_enter(&C, "/join public");
    tui_client_enter(&C, "/msg bob hi  there ");
    expect("input() add channelMessage(hi  there)#5");
    tui_client_enter(&C, "/join nobody");
    expect("users#6");
    frame(
        "{\"type\":\"users\",\"users\":{\"total\":3,\"received\":1,\"users\":[{\"UUID\":\"" BOB_TEXT
        "\",\"Username\":\"bob\",\"OnLine\":true}]},\"requestID\":6}");
    expect("users#7");
    frame(
        "{\"type\":\"users\",\"users\":{\"total\":3,\"received\":0,\"users\":[]},\"requestID\":7}");
    expect("");
    assert_string_equal(C.m.status, "there is no user nobody");
    stop();
}

static void test_me(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/me waves");
    expect("add channelMessage(/me waves)#4");
    assert_string_equal(describe_action("/me waves", 9), "waves");
    assert_null(describe_action("/me", 3));
    assert_null(describe_action("/mean", 5));
    stop();
}

static void test_part(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/part");
    assert_string_equal(C.m.status, "nobody leaves the public channel");
    expect("input(/part)");
    tui_client_enter(&C, "/join bob");
    tui_client_enter(&C, "hi");
    ignore();
    tui_client_enter(&C, "/part");
    assert_true(C.m.status_error); /* a message waits */
    expect("input(/part)");
    stop();
}

static void test_lists(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/names");
    assert_string_equal(last_text(), "2 members\nonline: ann, bob");
    tui_client_enter(&C, "/list");
    assert_string_equal(last_text(), "1 public");
    tui_client_enter(&C, "/users online");
    expect("users#4");
    frame(
        "{\"type\":\"users\",\"users\":{\"total\":1,\"received\":1,\"users\":[{\"UUID\":\"" ANN_TEXT
        "\",\"Username\":\"ann\",\"OnLine\":true}]},\"requestID\":4}");
    assert_string_equal(last_text(), "1 users: ann (online)");
    stop();
}

static void test_links(void **state) {
    (void)state;
    go_online();
    said(BOB_TEXT, "0", "see https://a.example/x?y=1, or (http://b.example/z).", 8);
    tui_client_enter(&C, "/url");
    assert_string_equal(last_text(), "1 https://a.example/x?y=1\n2 http://b.example/z");
    tui_client_enter(&C, "/url 2");
    tui_client_action(&C, ACTION_OPEN);
    expect("open(http://b.example/z) open(http://b.example/z)");
    tui_client_enter(&C, "/url 9");
    assert_true(C.m.status_error);
    size_t at = 0, len;
    assert_null(match_link("https://", 8, &at, &len));
    at = 0;
    assert_null(match_link("xhttp:/ /x", 10, &at, &len));
    stop();
}

static void test_clear_mute_pin(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/clear");
    assert_int_equal(timeline_first(&current()->timeline), current()->timeline.n);
    said(BOB_TEXT, "0", "new", 8);
    assert_int_equal(timeline_first(&current()->timeline), current()->timeline.n - 1);
    tui_client_enter(&C, "/clear off");
    assert_int_equal(timeline_first(&current()->timeline), 0);
    tui_client_enter(&C, "/pin on");
    tui_client_enter(&C, "/mute");
    assert_true(current()->pinned && current()->muted);
    tui_client_enter(&C, "/mute maybe");
    assert_true(C.m.status_error);
    stop();
}

static void test_settings(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/set bell off");
    assert_int_equal(C.m.tuning.bell, 0);
    tui_client_enter(&C, "/set paste-lines 0");
    assert_true(C.m.status_error);
    assert_int_equal(C.m.tuning.paste_lines, 5);
    tui_client_enter(&C, "/set nonsense 1");
    assert_string_equal(C.m.status, "nonsense: there is no such setting");
    tui_client_enter(&C, "/set members off");
    assert_false(C.m.show_members);
    tui_client_enter(&C, "/set bell");
    assert_int_equal(strncmp(last_text(), "bell off: ", 10), 0);
    stop();
}

static void test_aliases(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/alias w /msg bob");
    tui_client_enter(&C, "/alias shrug (shrugs)");
    ignore();
    tui_client_enter(&C, "/w psst");
    assert_int_equal(C.m.outbox.n, 1);
    assert_string_equal(C.m.outbox.entries[0]->text, "psst");
    tui_client_enter(&C, "/shrug well");
    assert_string_equal(C.m.outbox.entries[1]->text, "(shrugs) well");
    tui_client_enter(&C, "/alias join /part");
    assert_true(C.m.status_error);
    tui_client_enter(&C, "/alias loop /loop");
    tui_client_enter(&C, "/loop");
    assert_true(C.m.status_error); /* expanded once */
    tui_client_enter(&C, "/unalias w");
    tui_client_enter(&C, "/w x");
    assert_true(C.m.status_error);
    stop();
}

static void test_connection(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/reconnect");
    expect("close connect");
    tui_client_closed(&C, 0, "no");
    tui_client_enter(&C, "/connect");
    expect("connect");
    tui_client_enter(&C, "/connect ws://other/ws");
    assert_true(C.m.status_error);
    stop();
    go_online();
    tui_client_enter(&C, "/signout");
    expect("signOut#4");
    frame("{\"type\":\"unauthorized\",\"unauthorized\":{\"userUUID\":\"" ANN_TEXT
          "\"},\"requestID\":4}");
    expect("forget-key close");
    assert_string_equal(C.m.dialog.error, "signed out");
    stop();
}

static void test_quit(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/quit");
    expect("close quit(0)");
    stop();
    go_online();
    tui_client_enter(&C, "hi");
    ignore();
    tui_client_enter(&C, "/quit");
    expect("");
    assert_int_equal(C.m.question.kind, QUESTION_QUIT);
    reply(false);
    expect("");
    tui_client_enter(&C, "/quit now");
    expect("close quit(0)");
    stop();
}

static void test_help(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/help join");
    assert_string_equal(last_text(),
                        "/join NAME - open the conversation with somebody, or `public`");
    tui_client_enter(&C, "/help");
    assert_true(C.m.show_help);
    struct keymap keymap;
    struct buf b;
    buf_init(&b, 65536);
    describe_help(&b, NULL);
    assert_non_null(strstr(buf_cstr(&b), "/search [TEXT]"));
    assert_null(strstr(buf_cstr(&b), "Alt+a"));
    keymap_init(&keymap);
    assert_true(keymap_bind(&keymap, "go-9", "F9", NULL, 0));
    assert_true(keymap_bind(&keymap, "open", "", NULL, 0));
    describe_help(&b, &keymap);
    assert_non_null(strstr(buf_cstr(&b), "  Alt+a                go to the next"));
    assert_non_null(strstr(buf_cstr(&b), "  Alt+1 ... F9         go to that"));
    assert_non_null(strstr(buf_cstr(&b), "  (no key)             open"));
    buf_free(&b);
    stop();
}

/* --- Searching --- */

static void test_search(void **state) {
    (void)state;
    go_online();
    for (unsigned i = 8; i < 40; i++)
        said(BOB_TEXT, "0", i % 10 == 0 ? "A Needle" : "hay", i);
    tui_client_enter(&C, "/search needle");
    assert_int_equal(current()->scroll.at.seq, 30);
    assert_int_equal(current()->scroll.edge, SCROLL_TOP);
    tui_client_action(&C, ACTION_OLDER_MATCH);
    assert_int_equal(current()->scroll.at.seq, 20);
    tui_client_action(&C, ACTION_OLDER_MATCH);
    tui_client_action(&C, ACTION_OLDER_MATCH);
    assert_string_equal(C.m.status, "no older match for \"needle\"");
    tui_client_action(&C, ACTION_NEWER_MATCH);
    assert_int_equal(current()->scroll.at.seq, 20);
    tui_client_enter(&C, "/search");
    assert_string_equal(C.m.search.text, "");
    stop();
}

/* A search goes on through what isn't loaded yet. */
static void test_search_loads(void **state) {
    (void)state;
    start("ann");
    load(true, false);
    ready();
    joined("0", message_json(BOB_TEXT, "0", "hay", 70), 70, 1);
    expect("connect channelJoin+key#1 channelMessages(before 70)#2 users#3");
    tui_client_enter(&C, "/search needle");
    expect("");
    for (unsigned id = 2, seq = 69; id < 6; id++, seq--) {
        if (id == 3)
            id++;
        frame("{\"type\":\"channelRead\",\"channelMessages\":{\"recipientUUID\":\"0\",\"messages\":"
              "[%s],\"messagesTotal\":70,\"messagesReceived\":1,\"epoch\":\"" EPOCH_TEXT
              "\",\"seq\":70},\"requestID\":%u}",
              message_json(BOB_TEXT, "0", id == 5 ? "needle" : "hay", seq), id);
    }
    expect("channelMessages(before 69)#4 channelMessages(before 68)#5");
    assert_int_equal(current()->scroll.at.seq, 67);
    stop();
}

static void test_mentions(void **state) {
    (void)state;
    go_online();
    said(BOB_TEXT, "0", "ann?", 8);
    said(BOB_TEXT, "0", "anna", 9);
    said(BOB_TEXT, "0", "(Ann)", 10);
    said(BOB_TEXT, "0", "x", 11);
    tui_client_action(&C, ACTION_PREV_MENTION);
    assert_int_equal(current()->scroll.at.seq, 10);
    tui_client_action(&C, ACTION_PREV_MENTION);
    assert_int_equal(current()->scroll.at.seq, 8);
    tui_client_action(&C, ACTION_NEXT_MENTION);
    assert_int_equal(current()->scroll.at.seq, 10);
    tui_client_action(&C, ACTION_BOTTOM);
    stop();
}

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
        bool mentioned;
    } CASES[] = {{"ann", "ann", true},    {"ANN: x", "ann", true}, {"@ann", "ann", true},
                 {"joann", "ann", false}, {"ann_", "ann", false},  {"anné", "ann", false},
                 {"", "ann", false},      {"ann", "", false},      {"a b: hi", "a b", true}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(match_name(CASES[i].text, strlen(CASES[i].text), CASES[i].name),
                         CASES[i].mentioned);
    assert_true(match_text("ÄPFEL", strlen("ÄPFEL"), "äpf"));
    assert_true(match_text("ПРИВЕТ", strlen("ПРИВЕТ"), "привет"));
    assert_false(match_text("abc", 3, "abcd"));
    assert_false(match_text("\xff\xfe", 2, "x"));
}

/* --- Completion --- */

static void test_completion(void **state) {
    (void)state;
    go_online();
    frame(
        "{\"type\":\"sys\",\"sys\":{\"type\":\"channelJoin\",\"recipientUUID\":\"0\",\"userUUID\":"
        "\"c0000000-0000-4000-8000-000000000001\",\"username\":\"Bo Li\"}}");
    tab("b", false);
    expect("input(bob: )"); /* spoke last */
    tab("bob: ", false);
    expect("input(Bo Li: )");
    tab("Bo Li: ", true);
    expect("input(bob: )");
    tab("hi b", false);
    expect("input(hi bob )");
    tab("/msg bo", false);
    expect("input(/msg bob )");
    tab("/msg bob ", false);
    expect("input(/msg \"Bo Li\" )");
    tui_client_enter(&C, "/join \"Bo Li\"");
    assert_string_equal(current()->name, "Bo Li");
    ignore();
    tab("/jo", false);
    expect("input(/join )");
    tab("/set be", false);
    expect("input(/set bell )");
    tab("/set bell o", true);
    expect("input(/set bell off)");
    tab("/help qui", false);
    expect("input(/help quit )");
    tab("/buffer pub", false);
    expect("input(/buffer public)");
    tab("zzz", false);
    expect("");
    draft("zz");
    assert_null(C.m.completion.text);
    stop();
}

static void test_commands_by_mistake(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, " /msg bob secret"); /* a blank makes it a message: asked for */
    assert_int_equal(C.m.question.kind, QUESTION_PASTE);
    struct event no = {.kind = EV_REPLY};
    no.u.input.text = "";
    tui_client_event(&C, &no);
    expect("input( /msg bob secret)");
    tui_client_enter(&C, "/quit\nmore"); /* a text that was pasted */
    expect("input(/quit\nmore)");
    assert_non_null(strstr(C.m.status, "nothing is done"));
    tui_client_enter(&C, " / is a blank and a slash");
    assert_int_equal(C.m.question.kind, QUESTION_NONE);
    ignore();
    stop();
}

static void check_link(const char *text, const char *want) {
    size_t at = 0, len = 0;
    const char *link = match_link(text, strlen(text), &at, &len);
    assert_non_null(link);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(link, want, len);
}

static void test_links_to_their_end(void **state) {
    (void)state;
    check_link("(https://en.example/C_(language))", "https://en.example/C_(language)");
    check_link("see https://en.example/C_(language).", "https://en.example/C_(language)");
    check_link("(see https://a.example/b)", "https://a.example/b");
    check_link("https://m\xc3\xbcller.example/\xc3\xa4, ja",
               "https://m\xc3\xbcller.example/\xc3\xa4");
    check_link("https://a.example/\xe2\x80\xaegpj", "https://a.example/"); /* no bidi */
    check_link("\xe3\x80\x8chttps://a.example/b\xe3\x80\x8d", "https://a.example/b");
}

static void join_member(unsigned n, const char *name) {
    char text[300];
    snprintf(text, sizeof text,
             "{\"type\":\"sys\",\"sys\":{\"type\":\"channelJoin\",\"recipientUUID\":\"0\","
             "\"userUUID\":\"c0000000-0000-4000-8000-0000000000%02u\",\"username\":\"%s\"}}",
             n, name);
    frame("%s", text);
}

/* Behind punctuation, in quotes, over blanks, and as the protocol compares names. */
static void test_completion_of_names(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"@bo", "input(@bob )"},
        {"(bo", "input((bob )"},
        {"hi @bo", "input(hi @bob )"},
        {"M\xc3\x9c", "input(M\xc3\xbcller: )"},
        {"mu\xcc\x88l", "input(M\xc3\xbcller: )"}, /* decomposed */
        {"ann l", "input(Ann Lee: )"},
        {"hi ann l", "input(hi Ann Lee )"},
        {"well ann", "input(well Ann Lee )"},
        {"/msg \"ann", "input(/msg \"Ann Lee\" )"},
        {"/msg \"ann l", "input(/msg \"Ann Lee\" )"},
        {"/msg ann l", "input(/msg \"Ann Lee\" )"},
        {"/join ann l", "input(/join \"Ann Lee\" )"},
        {"/join M\xc3\x9c", "input(/join M\xc3\xbcller )"},
        {"/msg bob hi @m\xc3\x9c", "input(/msg bob hi @M\xc3\xbcller )"},
        {"/msg \"Ann Lee\" bo", "input(/msg \"Ann Lee\" bob )"},
        {"/me greets (ann l", "input(/me greets (Ann Lee )"},
    };
    go_online();
    join_member(1, "Ann Lee");
    join_member(2, "M\xc3\xbcller");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        draft("");
        tab(CASES[i][0], false);
        expect(CASES[i][1]);
    }
    assert_non_null(roster_find(&C.m.roster, "M\xc3\x9cLLER", 7));
    stop();
}

static void test_fuzzy(void **state) {
    (void)state;
    go_online();
    tui_client_enter(&C, "/join bob");
    tui_client_enter(&C, "/buffer pbc");
    assert_string_equal(current()->name, "public");
    tui_client_enter(&C, "/buffer bb");
    assert_string_equal(current()->name, "bob");
    tui_client_enter(&C, "/buffer xyz");
    assert_true(C.m.status_error);
    stop();
}

static int setup(void **state) {
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") && secret_init() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_command),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_join_and_msg),
        cmocka_unit_test(test_me),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_clear_mute_pin),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_quit),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_search_loads),
        cmocka_unit_test(test_mentions),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_commands_by_mistake),
        cmocka_unit_test(test_links_to_their_end),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_completion_of_names),
        cmocka_unit_test(test_fuzzy),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
