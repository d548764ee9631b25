/* test_tui_journal - what is kept, and that it is there again however the program ended. */
#include "chattui/io/files.h"
#include "chattui/io/journal.h"
#include "chattui/io/record.h"
#include "chattui/io/settings.h"
#include "common/base/secret.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVER_DIR "ws%3A%2F%2Fh%2Fws"

static char dir[64];
static char state[128], empty[] = "", url[] = "ws://h", alice[] = "Alice", nobody[] = "";
static struct uuid persisted;
static bool was_persisted;

static void on_event(struct event *e, void *arg) {
    (void)arg;
    assert_int_equal(e->kind, EV_PERSISTED);
    persisted = e->u.input.uuid;
    was_persisted = e->u.input.yes;
}

static int setup(void **s) {
    (void)s;
    /* In memory: fdatasync takes its time on a busy disk. */
    snprintf(dir, sizeof dir, "/dev/shm/test-store-XXXXXX");
    if (!mkdtemp(dir)) {
        snprintf(dir, sizeof dir, "/tmp/test-store-XXXXXX");
        assert_non_null(mkdtemp(dir));
    }
    snprintf(state, sizeof state, "%s/a/b/chattui", dir);
    return 0;
}

static int teardown(void **s) {
    char command[100];
    (void)s;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : -1;
}

static struct tui_journal *open_as(char *server, char *user) {
    static struct tui_settings set; /* lives as long as the journal */
    set = (struct tui_settings){.server = server, .user = user, .state = state, .ca = empty};
    char why[300] = "";
    struct tui_journal *s = tui_journal_open(&set, why, sizeof why);
    if (!s)
        fail_msg("%s", why);
    return s;
}

static struct event load(struct tui_journal *s) {
    struct event e;
    tui_journal_load(s, &e);
    return e;
}

static struct uuid id(unsigned n) {
    struct uuid u = {{0}};
    u.b[14] = (uint8_t)(n >> 8);
    u.b[15] = (uint8_t)n;
    return u;
}

static void add(struct tui_journal *s, unsigned n, const char *text) {
    struct saved_entry entry = {.uuid = id(n),
                                .to.public = true,
                                .created_ms = 1000 + n,
                                .text = text,
                                .len = strlen(text)};
    struct effect fx = {.kind = EFFECT_OUTBOX_ADD, .entry = &entry};
    was_persisted = false;
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
    assert_true(was_persisted);
    assert_true(uuid_eq(&persisted, &entry.uuid));
}

static void drop(struct tui_journal *s, unsigned n) {
    struct effect fx = {.kind = EFFECT_OUTBOX_DROP, .uuid = id(n)};
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
}

/* The lines' numbers, as "1 2 3". */
static void check_lines(struct tui_journal *s, const char *expected) {
    char text[4096] = "";
    struct event e = load(s);
    for (size_t i = 0; i < e.u.loaded.nentries; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", i ? " " : "",
                 e.u.loaded.entries[i].uuid.b[14] * 256u + e.u.loaded.entries[i].uuid.b[15]);
    assert_string_equal(text, expected);
}

static void path_of(char out[300], const char *name) {
    snprintf(out, 300, "%s/%s/%s", state, SERVER_DIR, name);
}

static long size_of(const char *name) {
    char path[300];
    struct stat st;
    path_of(path, name);
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void test_key(void **st) {
    struct tui_journal *s = open_as(url, nobody);
    struct event e = load(s);
    (void)st;
    assert_false(e.u.loaded.has_key);
    assert_string_equal(e.u.loaded.name, "");
    struct effect fx = {.kind = EFFECT_SAVE_KEY, .uuid = id(7), .name = "Alice", .key = "secret"};
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
    tui_journal_close(s);

    char path[300];
    struct stat info;
    path_of(path, "alice/key");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    path_of(path, "alice");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);

    s = open_as(url, nobody); /* the last one */
    e = load(s);
    assert_true(e.u.loaded.has_key);
    assert_string_equal(e.u.loaded.name, "Alice");
    assert_string_equal(e.u.loaded.key, "secret");
    tui_journal_close(s);

    s = open_as(nobody, nobody); /* there, too */
    e = load(s);
    assert_string_equal(e.u.loaded.server, "ws://h/ws");
    assert_string_equal(e.u.loaded.key, "secret");
    tui_journal_close(s);

    char other[] = "ws://other", bob[] = "bob", shouting[] = "ALICE";
    s = open_as(other, alice);
    assert_false(load(s).u.loaded.has_key);
    tui_journal_close(s);
    s = open_as(url, bob);
    assert_false(load(s).u.loaded.has_key);
    tui_journal_close(s);
    s = open_as(url, shouting);
    assert_true(load(s).u.loaded.has_key);
    fx.kind = EFFECT_FORGET_KEY;
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
    assert_false(load(s).u.loaded.has_key);
    tui_journal_close(s);
    s = open_as(url, alice);
    assert_false(load(s).u.loaded.has_key);
    assert_null(tui_journal_trouble(s));
    tui_journal_close(s);
}

static void test_lines(void **st) {
    struct tui_journal *s = open_as(url, alice);
    (void)st;
    add(s, 1, "one");
    add(s, 2, "two\nentries \"quoted\" \x01 \xC3\xBC");
    add(s, 3, "three");
    check_lines(s, "1 2 3");
    drop(s, 1);
    drop(s, 99); /* unknown: nothing */
    tui_journal_close(s);
    s = open_as(url, alice);
    check_lines(s, "2 3");
    assert_string_equal(load(s).u.loaded.entries[0].text, "two\nentries \"quoted\" \x01 \xC3\xBC");
    assert_int_equal(load(s).u.loaded.entries[0].created_ms, 1002);
    drop(s, 2);
    drop(s, 3);
    assert_int_equal(size_of("alice/outbox-0"), 0);
    tui_journal_close(s);
    s = open_as(url, alice);
    check_lines(s, "");
    tui_journal_close(s);
}

/* Told again, with more known: in its place. */
static void test_line_again(void **st) {
    struct tui_journal *s = open_as(url, alice);
    (void)st;
    add(s, 1, "one");
    add(s, 2, "two");
    struct saved_entry entry = {.uuid = id(1),
                                .to.user = id(50),
                                .peer = "Bob",
                                .was_sent = true,
                                .refused = "too long",
                                .from = {id(60), 17},
                                .text = "one",
                                .len = 3};
    struct effect fx = {.kind = EFFECT_OUTBOX_ADD, .entry = &entry};
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
    tui_journal_close(s);
    s = open_as(url, alice);
    check_lines(s, "1 2");
    const struct saved_entry *back = &load(s).u.loaded.entries[0];
    assert_true(back->was_sent && !back->to.public && back->from.seq == 17);
    assert_true(uuid_eq(&back->to.user, &entry.to.user) &&
                uuid_eq(&back->from.epoch, &entry.from.epoch));
    assert_string_equal(back->peer, "Bob");
    assert_string_equal(back->refused, "too long");
    assert_string_equal(load(s).u.loaded.entries[1].refused, "");
    tui_journal_close(s);
}

/* A record that the machine's end has torn, and bytes that are none of ours. */
static void test_torn(void **st) {
    struct tui_journal *s = open_as(url, alice);
    char path[300];
    (void)st;
    add(s, 1, "one");
    add(s, 2, "two");
    tui_journal_close(s);
    path_of(path, "alice/outbox-0");
    long whole = size_of("alice/outbox-0");
    for (long cut = whole - 1; cut > whole / 2; cut--) {
        assert_int_equal(truncate(path, cut), 0);
        s = open_as(url, alice);
        bool there = load(s).u.loaded.nentries == 2; /* but for the line feed it is whole */
        check_lines(s, there ? "1 2" : "1");
        assert_true(there == (cut == whole - 1));
        add(s, 2, "two"); /* and what comes behind is not torn with it */
        tui_journal_close(s);
        s = open_as(url, alice);
        check_lines(s, "1 2");
        tui_journal_close(s);
        assert_true(size_of("alice/outbox-0") == whole);
    }
    FILE *f = fopen(path, "a");
    fputs("\n\xff\xfe{}\n{\"record\":\"line\"}\n{\"record\":\"newer\",\"x\":1}\n[]\n{", f);
    fclose(f);
    s = open_as(url, alice);
    check_lines(s, "1 2");
    tui_journal_close(s);
}

static void test_growth(void **st) {
    struct tui_journal *s = open_as(url, alice);
    char text[5001];
    (void)st;
    memset(text, 'x', 5000);
    text[5000] = '\0';
    add(s, 1, "stays");
    for (unsigned i = 2; i < 1000; i++) {
        add(s, i, text);
        drop(s, i);
        assert_true(size_of("alice/outbox-0") < (1 << 20) + 30000);
    }
    check_lines(s, "1");
    add(s, 5000, "behind");
    tui_journal_close(s);
    s = open_as(url, alice);
    check_lines(s, "1 5000");
    tui_journal_close(s);
}

static void test_side_by_side(void **st) {
    struct tui_journal *a = open_as(url, alice), *b, *c;
    (void)st;
    add(a, 1, "of a");
    b = open_as(url, alice);
    check_lines(b, "");
    add(b, 2, "of b");
    check_lines(a, "1");
    tui_journal_close(b);
    check_lines(a, "1");
    c = open_as(url, alice); /* the first that comes takes what b left */
    check_lines(c, "2");
    tui_journal_close(a);
    add(c, 3, "of c");
    b = open_as(url, alice);
    check_lines(b, "1");
    tui_journal_close(c);
    tui_journal_close(b);
    b = open_as(url, alice);
    check_lines(b, "1 2 3");
    assert_int_equal(size_of("alice/outbox-1"), -1);
    tui_journal_close(b);
}

static void save_channel(struct tui_journal *s, unsigned n, const char *draft) {
    struct saved_conversation c = {.to.user = id(n),
                                   .peer = "peer",
                                   .open = true,
                                   .muted = n % 2,
                                   .pinned = true,
                                   .read = {id(9), n},
                                   .draft = draft};
    struct effect fx = {.kind = EFFECT_SAVE_CONVERSATION, .conversation = &c};
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
}

static void test_channels(void **st) {
    struct tui_journal *s = open_as(url, alice);
    (void)st;
    for (unsigned i = 0; i < 20; i++)
        for (unsigned n = 1; n <= 3; n++)
            save_channel(s, n, i < 19 ? "not yet" : "final \xC3\xBC\n");
    tui_journal_close(s);
    s = open_as(url, alice);
    struct event e = load(s);
    assert_int_equal(e.u.loaded.nconversations, 3);
    const struct saved_conversation *c = &e.u.loaded.conversations[2];
    assert_string_equal(c->draft, "final \xC3\xBC\n");
    assert_string_equal(c->peer, "peer");
    assert_true(c->open && c->muted && c->pinned && c->read.seq == 3);
    assert_true(size_of("alice/channels") < 1000);
    tui_journal_close(s);
}

/* Signed in as somebody else: the files are theirs from then on. */
static void test_another_user(void **st) {
    struct tui_journal *s = open_as(url, alice);
    struct effect fx = {.kind = EFFECT_SAVE_KEY, .uuid = id(8), .name = "bob", .key = "bobs"};
    (void)st;
    add(s, 1, "of alice");
    assert_true(tui_journal_carry_out(s, &fx, on_event, NULL));
    check_lines(s, "");
    add(s, 2, "of bob");
    tui_journal_close(s);
    s = open_as(url, nobody);
    check_lines(s, "2");
    tui_journal_close(s);
    s = open_as(url, alice);
    check_lines(s, "1");
    tui_journal_close(s);
}

/* A directory that can't be: said at once. */
static void test_no_directory(void **st) {
    char why[300] = "", nowhere[] = "/proc/nowhere/x";
    struct tui_settings set = {.server = url, .user = alice, .state = nowhere};
    (void)st;
    assert_null(tui_journal_open(&set, why, sizeof why));
    assert_non_null(strstr(why, "/proc/nowhere/x"));
}

static void test_names(void **st) {
    char a[FILES_NAME], b[FILES_NAME], text[1000];
    (void)st;
    files_name("..", a);
    assert_string_equal(a, "%2E.");
    files_name("ws://h/x_y-z", a);
    assert_string_equal(a, "ws%3A%2F%2Fh%2Fx_y-z");
    memset(text, 'x', sizeof text);
    text[999] = '\0';
    files_name(text, a);
    text[998] = '\0';
    files_name(text, b);
    assert_true(strlen(a) < 100 && strcmp(a, b) != 0);
}

/* Killed while it writes as fast as it can: every line that was told to be kept is there. */
static void test_killed(void **st) {
    (void)st;
    for (unsigned round = 0; round < 10; round++) {
        int told[2], status;
        unsigned n = 0;
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        if (child == 0) {
            struct tui_journal *s = open_as(url, alice);
            for (unsigned i = 1; i < 60000; i++) {
                add(s, i, "a line that is to be kept");
                if (i > 3)
                    drop(s, i - 3);
                if (write(told[1], &i, sizeof i) < 0)
                    _exit(1);
            }
            _exit(0);
        }
        close(told[1]);
        for (unsigned i = 0; i < 20 + 37 * round; i++)
            assert_int_equal(read(told[0], &n, sizeof n), sizeof n);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        while (read(told[0], &n, sizeof n) == sizeof n)
            ;
        close(told[0]);
        struct tui_journal *s = open_as(url, alice);
        struct event e = load(s);
        unsigned found = 0;
        for (size_t i = 0; i < e.u.loaded.nentries; i++) {
            unsigned got =
                e.u.loaded.entries[i].uuid.b[14] * 256u + e.u.loaded.entries[i].uuid.b[15];
            found += got + 1 >= n && got <= n;
        }
        assert_int_equal(found, 2); /* the one before may be dropped by now, for n + 1 */
        while (load(s).u.loaded.nentries) {
            struct effect fx = {.kind = EFFECT_OUTBOX_DROP,
                                .uuid = load(s).u.loaded.entries[0].uuid};
            tui_journal_carry_out(s, &fx, on_event, NULL);
        }
        tui_journal_close(s);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_key),      TEST(test_lines),        TEST(test_line_again),
        TEST(test_torn),     TEST(test_growth),       TEST(test_side_by_side),
        TEST(test_channels), TEST(test_another_user), TEST(test_no_directory),
        TEST(test_names),    TEST(test_killed)};
    return secret_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
