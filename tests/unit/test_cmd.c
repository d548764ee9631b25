/* test_cmd - the argument vector of every Redis command that there is, held against
 * tests/golden/commands.txt: one line a command, arguments quoted where they hold more than plain
 * characters. A script's SHA-1 stands there as <name>, its body as <body of name>, so that an
 * edited script is no change here. UPDATE_GOLDEN=1 in the environment writes the file anew instead
 * of comparing: read the diff before committing it. */
#include "common/redis/cmd.h"

#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define GOLDEN PROJECT_SOURCE_DIR "/tests/golden/commands.txt"
#define HEADER PROJECT_SOURCE_DIR "/common/redis/cmd.h"
#define ALICE "a11ce000-0000-4000-8000-000000000001"
#define BOB "b0b00000-0000-4000-8000-000000000002"
#define EPOCH "e90c0000-0000-4000-8000-000000000003"
#define MESSAGE "0e55a9e0-0000-4000-8000-000000000005"
#define NODE "0123456789abcdef"
#define KEY_HASH "AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDDDDDDD-_0"
#define ARGON2 "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"
#define NOW_MS 1714564800123
#define NASTY_NAME "j\u00fcrgen 'x\\"
#define NASTY_TEXT "two\nlines \"quoted\" {c:public} %s $1 \x01 \U0001F469"

/* A request for more memory than there is must come back as NULL, not end the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

static struct keyspace KS;
static struct uuid ALICE_ID, BOB_ID, EPOCH_ID, MESSAGE_ID;

static struct uuid uuid_of(const char *text) {
    struct uuid u;
    assert_true(uuid_read(text, strlen(text), &u));
    return u;
}

static int init(void **state) {
    (void)state;
    ALICE_ID = uuid_of(ALICE);
    BOB_ID = uuid_of(BOB);
    EPOCH_ID = uuid_of(EPOCH);
    MESSAGE_ID = uuid_of(MESSAGE);
    return keyspace_init(&KS, "chat:") ? 0 : -1;
}

static struct channel_id dm(void) {
    return channel_dm(&BOB_ID, &ALICE_ID);
}

static struct message message_of(struct channel_id channel, const char *text) {
    return (struct message){.uuid = MESSAGE_ID,
                            .sender = ALICE_ID,
                            .channel = channel,
                            .created_ms = NOW_MS,
                            .sender_name = "Alice B.",
                            .sender_name_len = 8,
                            .text = text,
                            .text_len = strlen(text)};
}

/* --- As text --- */

static void print_arg(struct buf *b, const struct cmd *c, size_t i) {
    const char *s = c->argv[i];
    size_t n = c->argvlen[i], body_len;
    if (c->script != SCRIPT_NONE && i == 1) {
        assert_int_equal(n, SCRIPT_SHA);
        assert_memory_equal(s, script_sha(c->script), SCRIPT_SHA);
        buf_fmt(b, "<%s>", script_name(c->script));
        return;
    }
    for (int k = 0; k < SCRIPTS; k++)
        if (s == script_body((enum script)k, &body_len) && n == body_len) {
            buf_fmt(b, "<body of %s>", script_name((enum script)k));
            return;
        }
    bool plain = n > 0;
    for (size_t k = 0; k < n; k++)
        plain = plain && isgraph((unsigned char)s[k]) && !strchr("\"\\<", s[k]);
    if (plain) {
        buf_add(b, s, n);
        return;
    }
    buf_char(b, '"');
    for (size_t k = 0; k < n; k++) {
        unsigned char ch = (unsigned char)s[k];
        if (ch == '"' || ch == '\\')
            buf_fmt(b, "\\%c", ch);
        else if (ch < 0x20 || ch >= 0x7f)
            buf_fmt(b, "\\x%02x", ch);
        else
            buf_char(b, s[k]);
    }
    buf_char(b, '"');
}

static void print(struct buf *b, const struct cmd *c) {
    assert_false(c->failed);
    assert_true(c->argc > 0);
    for (size_t i = 0; i < c->argc; i++) {
        if (i > 0)
            buf_char(b, ' ');
        print_arg(b, c, i);
    }
    buf_char(b, '\n');
}

/* --- Every builder. A case names the builders of cmd.h that it covers, which test_all_are_here
 * compares with the header. A case that builds several commands prints all but the last. --- */

static struct buf OUT;

static void b_auth(struct cmd *c) {
    cmd_auth(c, "", "pass word");
    print(&OUT, c);
    cmd_auth(c, "chatd", "s3cr3t");
}

static void b_select(struct cmd *c) {
    cmd_select(c, 15);
}

static void b_client_name(struct cmd *c) {
    cmd_client_name(c, "chatd-" NODE "-bus");
}

static void b_ping(struct cmd *c) {
    cmd_ping(c);
}

static void b_role(struct cmd *c) {
    cmd_role(c);
}

static void b_info(struct cmd *c) {
    cmd_info(c, "persistence");
}

static void b_persistence(struct cmd *c) {
    cmd_persistence(c);
}

static void b_wait(struct cmd *c) {
    cmd_wait(c, 1, 1000);
}

static void b_sentinel_master(struct cmd *c) {
    cmd_sentinel_master(c, "my-master");
}

static void b_asking(struct cmd *c) {
    cmd_asking(c);
}

static void b_cluster_slots(struct cmd *c) {
    cmd_cluster_slots(c);
}

static void b_script_load(struct cmd *c) {
    for (int s = 0; s < SCRIPTS; s++) {
        cmd_script_load(c, (enum script)s);
        assert_int_equal(c->script, SCRIPT_NONE); /* it isn't called */
        if (s + 1 < SCRIPTS)
            print(&OUT, c);
    }
}

static void b_schema_claim(struct cmd *c) {
    cmd_schema_claim(c, &KS);
}

static void b_schema_get(struct cmd *c) {
    cmd_schema_get(c, &KS);
}

static void b_append(struct cmd *c) {
    struct message m = message_of(channel_public(), "hello"), n = message_of(dm(), NASTY_TEXT);
    struct position known = {.epoch = MESSAGE_ID, .seq = 900719925474099};
    n.uuid = BOB_ID;
    n.sender_name = NASTY_NAME;
    n.sender_name_len = strlen(NASTY_NAME);
    cmd_append_begin(c, 1);
    cmd_append_keys(c, &KS, &m);
    cmd_append_args_begin(c, NODE, &EPOCH_ID, 600, "");
    cmd_append_args(c, &KS, &m, true, NULL);
    print(&OUT, c);
    cmd_append_begin(c, 2);
    cmd_append_keys(c, &KS, &m);
    cmd_append_keys(c, &KS, &n);
    cmd_append_args_begin(c, NODE, &EPOCH_ID, 600, HISTORY_ASKED);
    cmd_append_args(c, &KS, &m, true, NULL);
    cmd_append_args(c, &KS, &n, false, &known);
}

static void b_renew(struct cmd *c) {
    struct channel_id id = dm();
    struct position known = {.epoch = MESSAGE_ID, .seq = 17};
    cmd_renew(c, &KS, &id, &EPOCH_ID, &known, HISTORY_ASKED);
    print(&OUT, c);
    cmd_renew(c, &KS, &id, &EPOCH_ID, NULL, "5e7e7");
}

static void b_relog(struct cmd *c) {
    struct channel_id id = dm();
    cmd_relog(c, &KS, &id, &MESSAGE_ID, "0-0", 500);
    print(&OUT, c);
    cmd_relog(c, &KS, &id, &MESSAGE_ID, "500-0", 500);
}

static void b_position(struct cmd *c) {
    struct channel_id id = dm();
    cmd_position(c, &KS, &id);
}

static void b_place(struct cmd *c) {
    struct channel_id id = dm();
    cmd_place(c, &KS, &id);
}

static void b_log_length(struct cmd *c) {
    struct channel_id id = channel_public();
    cmd_log_length(c, &KS, &id);
}

static void b_log_back(struct cmd *c) {
    struct channel_id id = channel_public();
    cmd_log_back(c, &KS, &id, 0, 0, 10);
    print(&OUT, c);
    cmd_log_back(c, &KS, &id, 41, 7, 50);
    print(&OUT, c);
    cmd_log_back(c, &KS, &id, UINT64_MAX, UINT64_MAX, UINT32_MAX);
}

static void b_read(struct cmd *c) {
    struct channel_id id = dm();
    struct position known = {.epoch = MESSAGE_ID, .seq = 17};
    cmd_read(c, &KS, &id, 256, &EPOCH_ID, &known, &BOB_ID, "5e7e7");
    print(&OUT, c);
    cmd_read(c, &KS, &id, 256, &EPOCH_ID, &known, &(struct uuid){{0}}, HISTORY_ASKED);
}

static void b_log_forward(struct cmd *c) {
    struct channel_id id = dm();
    cmd_log_forward(c, &KS, &id, 0, 256);
    print(&OUT, c);
    cmd_log_forward(c, &KS, &id, 900719925474099, 1001);
}

static struct join_args join_of(struct channel_id id) {
    return (struct join_args){.channel = id,
                              .user = ALICE_ID,
                              .now_ms = NOW_MS,
                              .spare_epoch = EPOCH_ID,
                              .history = "",
                              .event = "s\nchannelJoin\n" ALICE "\nAlice",
                              .event_len = strlen("s\nchannelJoin\n" ALICE "\nAlice"),
                              .event_members_max = 1000,
                              .list_max = 100};
}

static void b_join(struct cmd *c) {
    struct join_args open = join_of(channel_public()), private = join_of(dm());
    struct join_args self = join_of(channel_dm(&ALICE_ID, &ALICE_ID));
    cmd_join(c, &KS, &open);
    print(&OUT, c);
    struct position known = {.epoch = MESSAGE_ID, .seq = 17};
    private.known = &known;
    cmd_join(c, &KS, &private);
    print(&OUT, c);
    cmd_join(c, &KS, &self);
}

static void b_announce(struct cmd *c) {
    struct channel_id id = channel_public();
    cmd_announce(c, &KS, &id, "s\nsignIn\nx", 10, 500);
}

static void b_leave(struct cmd *c) {
    struct channel_id id = dm();
    cmd_leave(c, &KS, &id, &BOB_ID, "s\nchannelLeave\nx", 16, 0);
}

static void b_channel_forget(struct cmd *c) {
    struct channel_id id = dm();
    cmd_channel_forget(c, &KS, &id);
}

static void b_user_channel_add(struct cmd *c) {
    struct channel_id id = dm();
    cmd_user_channel_add(c, &KS, &ALICE_ID, &id, NOW_MS);
}

static void b_user_channel_remove(struct cmd *c) {
    struct channel_id id = dm();
    cmd_user_channel_remove(c, &KS, &ALICE_ID, &id);
}

static void b_user_channels(struct cmd *c) {
    cmd_user_channels(c, &KS, &ALICE_ID, 50);
}

static void b_channel_touch(struct cmd *c) {
    struct channel_id id = dm();
    cmd_channel_touch(c, &KS, &id, NOW_MS);
}

static void b_name_get(struct cmd *c) {
    cmd_name_get(c, &KS, NASTY_NAME, strlen(NASTY_NAME));
}

static void b_name_ttl(struct cmd *c) {
    cmd_name_ttl(c, &KS, "alice b.", 8);
}

static void b_name_index(struct cmd *c) {
    cmd_name_index(c, &KS, NASTY_NAME, strlen(NASTY_NAME), &ALICE_ID);
    print(&OUT, c);
    cmd_name_indexed(c, &KS, "alice", 5);
    print(&OUT, c);
    cmd_name_unindex(c, &KS, "alice", 5);
}

static void b_name_claim(struct cmd *c) {
    cmd_name_claim(c, &KS, "alice b.", 8, &ALICE_ID, NULL, 60);
    print(&OUT, c);
    cmd_name_claim(c, &KS, "alice b.", 8, &ALICE_ID, &BOB_ID, 60);
}

static void b_name_confirm(struct cmd *c) {
    cmd_name_confirm(c, &KS, "alice b.", 8, &ALICE_ID);
}

static void b_user_create(struct cmd *c) {
    struct new_user u = {.uuid = ALICE_ID,
                         .name = NASTY_NAME,
                         .name_len = strlen(NASTY_NAME),
                         .password_hash = ARGON2,
                         .created_ms = NOW_MS,
                         .key_hash = KEY_HASH,
                         .key_expiry_ms = NOW_MS + 86400000,
                         .lapse_s = 60};
    cmd_user_create(c, &KS, &u);
}

static void b_user_index(struct cmd *c) {
    cmd_user_index(c, &KS, &ALICE_ID, NOW_MS);
}

static void b_user_get(struct cmd *c) {
    cmd_user_get(c, &KS, &ALICE_ID);
}

static void b_user_name(struct cmd *c) {
    cmd_user_name(c, &KS, &ALICE_ID);
}

static void b_user_ttl(struct cmd *c) {
    cmd_user_ttl(c, &KS, &ALICE_ID);
}

static void b_user_change(struct cmd *c) {
    cmd_user_change(c, &KS, &ALICE_ID);
    cmd_user_field(c, "name", "Alice B.", 8);
    cmd_user_field(c, "banned", "", 0);
}

static void b_user_confirm(struct cmd *c) {
    cmd_user_confirm(c, &KS, &ALICE_ID);
}

static void b_user_remove(struct cmd *c) {
    cmd_user_remove(c, &KS, &ALICE_ID);
}

static void b_user_unindex(struct cmd *c) {
    cmd_user_unindex(c, &KS, &ALICE_ID);
}

static void b_name_release(struct cmd *c) {
    cmd_name_release(c, &KS, "alice b.", 8, &ALICE_ID);
}

static void b_keys_list(struct cmd *c) {
    cmd_keys_list(c, &KS, &ALICE_ID);
}

static void b_keys_remove(struct cmd *c) {
    cmd_keys_remove(c, &KS, &ALICE_ID);
}

static void b_publish_all(struct cmd *c) {
    cmd_publish_all(c, &KS, "r\nx", 3);
}

static void b_users_count(struct cmd *c) {
    cmd_users_count(c, &KS);
}

static void b_users_page(struct cmd *c) {
    cmd_users_page(c, &KS, 0, 100);
    print(&OUT, c);
    cmd_users_page(c, &KS, UINT32_MAX, UINT32_MAX);
}

static void b_key_add(struct cmd *c) {
    struct new_key k = {.user = ALICE_ID,
                        .key_hash = KEY_HASH,
                        .expiry_ms = NOW_MS + 86400000,
                        .now_ms = NOW_MS,
                        .keys_max = 20,
                        .verified = "",
                        .rehashed = "",
                        .place = ""};
    cmd_key_add(c, &KS, &k);
    print(&OUT, c);
    k.verified = "$argon2id$before";
    k.rehashed = ARGON2;
    k.place = "iZ0_3mVhQ9ksw1-b";
    cmd_key_add(c, &KS, &k);
}

static void b_key_expiry(struct cmd *c) {
    cmd_key_expiry(c, &KS, &ALICE_ID, KEY_HASH);
}

static void b_key_revoke(struct cmd *c) {
    cmd_key_revoke(c, &KS, &ALICE_ID, KEY_HASH, "k\n" KEY_HASH, 2 + KEY_HASH_TEXT);
}

static void b_publish_user(struct cmd *c) {
    cmd_publish_user(c, &KS, &ALICE_ID, "x\n4004", 6);
}

static void b_count_get(struct cmd *c) {
    cmd_count_get(c, &KS, KEY_FAILS_NAME, "alice b.", 8);
    print(&OUT, c);
    cmd_count_get(c, &KS, KEY_FAILS_ADDR, "2001:db8::1", 11);
    print(&OUT, c);
    cmd_count_get(c, &KS, KEY_FAILS_BOTH, "192.0.2.1 alice b.", 18);
}

static void b_count_add(struct cmd *c) {
    cmd_count_add(c, &KS, KEY_FAILS_ADDR, "192.0.2.1", 9);
}

static void b_count_expire(struct cmd *c) {
    cmd_count_expire(c, &KS, KEY_FAILS_NAME, "alice b.", 8, 900);
}

static void b_count_expire_once(struct cmd *c) {
    cmd_count_expire_once(c, &KS, KEY_MADE_ADDR, "192.0.2.1", 9, 3600);
}

static void b_count_ttl(struct cmd *c) {
    cmd_count_ttl(c, &KS, KEY_MADE_ADDR, "192.0.2.1", 9);
}

static void b_count_clear(struct cmd *c) {
    cmd_count_clear(c, &KS, KEY_FAILS_NAME, "alice b.", 8);
}

static void b_beat(struct cmd *c) {
    cmd_beat(c, &KS, NODE, 15000);
}

static void b_online(struct cmd *c) {
    cmd_online_begin(c, &KS, NODE, true);
    cmd_online_user(c, &ALICE_ID);
    cmd_online_user(c, &BOB_ID);
    print(&OUT, c);
    cmd_online_begin(c, &KS, NODE, false);
    cmd_online_user(c, &ALICE_ID);
}

static void b_reap(struct cmd *c) {
    cmd_reap(c, &KS, NODE "borrowed", strlen(NODE), 500);
}

static void b_online_count(struct cmd *c) {
    cmd_online_count(c, &KS);
}

static void b_online_page(struct cmd *c) {
    cmd_online_page(c, &KS, 200, 100);
}

static void b_online_among(struct cmd *c) {
    cmd_online_among_begin(c, &KS);
    cmd_online_user(c, &ALICE_ID);
    cmd_online_user(c, &BOB_ID);
}

static void b_node_gone(struct cmd *c) {
    cmd_node_gone(c, &KS, NODE);
}

static void b_subscribe_channel(struct cmd *c) {
    struct channel_id id = dm();
    cmd_subscribe_channel(c, &KS, &id, true);
    print(&OUT, c);
    cmd_subscribe_channel(c, &KS, &id, false);
}

static void b_subscribe_user(struct cmd *c) {
    cmd_subscribe_user(c, &KS, &ALICE_ID, true);
    print(&OUT, c);
    cmd_subscribe_user(c, &KS, &ALICE_ID, false);
}

static void b_subscribe_all(struct cmd *c) {
    cmd_subscribe_all(c, &KS);
}

static void b_log_info(struct cmd *c) {
    struct channel_id id = dm();
    cmd_log_info(c, &KS, &id);
}

static void b_by_score(struct cmd *c) {
    cmd_by_score(c, "chat:users", 10, "-inf", 0, 500);
    print(&OUT, c);
    cmd_by_score(c, "chat:users", 10, "1714564800123", 7, 500);
}

static void b_purge(struct cmd *c) {
    struct purge_args a = {.channel = channel_public(),
                           .id = MESSAGE_ID,
                           .epoch = EPOCH_ID,
                           .up_to = 17,
                           .entries = 100,
                           .grace_ms = 86400000,
                           .spare_epoch = BOB_ID,
                           .history = "5e7e7"};
    cmd_purge(c, &KS, &a);
    print(&OUT, c);
    a = (struct purge_args){.channel = dm(),
                            .id = MESSAGE_ID,
                            .epoch = EPOCH_ID,
                            .after = 100,
                            .up_to = 900719925474099,
                            .mode = PURGE_FROM,
                            .what = BOB_ID,
                            .announce = true,
                            .spare_epoch = ALICE_ID,
                            .history = HISTORY_EITHER};
    cmd_purge(c, &KS, &a);
    print(&OUT, c);
    a.mode = PURGE_ONE;
    cmd_purge(c, &KS, &a);
}

static void b_restore(struct cmd *c) {
    struct restore_args a = {.channel = dm(),
                             .id = MESSAGE_ID,
                             .purge = EPOCH_ID,
                             .after = "17-0",
                             .entries = 100,
                             .spare_epoch = BOB_ID,
                             .history = HISTORY_EITHER};
    cmd_restore(c, &KS, &a);
}

static void b_rename(struct cmd *c) {
    struct rename_args a = {.channel = dm(),
                            .id = MESSAGE_ID,
                            .epoch = EPOCH_ID,
                            .sender = BOB_ID,
                            .name = "deleted user",
                            .after = "17-0",
                            .entries = 100,
                            .spare_epoch = ALICE_ID,
                            .history = HISTORY_EITHER};
    cmd_rename(c, &KS, &a);
    print(&OUT, c);
    a.trash = &MESSAGE_ID;
    cmd_rename(c, &KS, &a);
}

static void b_marks(struct cmd *c) {
    struct channel_id id = channel_public();
    cmd_marks(c, &KS, &id, 17, 101);
}

static void b_purges(struct cmd *c) {
    struct channel_id id = channel_public();
    cmd_purges(c, &KS, &id, NOW_MS);
    print(&OUT, c);
    cmd_purge_get(c, &KS, &id, &MESSAGE_ID);
}

static const struct {
    const char *covers; /* names in cmd.h without cmd_, a space around each */
    void (*build)(struct cmd *c);
} CASES[] = {
    {" auth ", b_auth},
    {" select ", b_select},
    {" client_name ", b_client_name},
    {" ping ", b_ping},
    {" role ", b_role},
    {" info ", b_info},
    {" persistence ", b_persistence},
    {" wait ", b_wait},
    {" sentinel_master ", b_sentinel_master},
    {" cluster_slots ", b_cluster_slots},
    {" asking ", b_asking},
    {" script_load ", b_script_load},
    {" schema_claim ", b_schema_claim},
    {" schema_get ", b_schema_get},
    {" append_begin append_keys append_args_begin append_args ", b_append},
    {" renew ", b_renew},
    {" relog ", b_relog},
    {" position ", b_position},
    {" place ", b_place},
    {" log_length ", b_log_length},
    {" log_back ", b_log_back},
    {" log_forward ", b_log_forward},
    {" read ", b_read},
    {" join ", b_join},
    {" announce ", b_announce},
    {" leave ", b_leave},
    {" channel_forget ", b_channel_forget},
    {" user_channel_add ", b_user_channel_add},
    {" user_channel_remove ", b_user_channel_remove},
    {" user_channels ", b_user_channels},
    {" channel_touch ", b_channel_touch},
    {" name_get ", b_name_get},
    {" name_ttl ", b_name_ttl},
    {" name_index name_indexed name_unindex ", b_name_index},
    {" name_claim ", b_name_claim},
    {" name_confirm ", b_name_confirm},
    {" user_create ", b_user_create},
    {" user_index ", b_user_index},
    {" user_get ", b_user_get},
    {" user_name ", b_user_name},
    {" user_ttl ", b_user_ttl},
    {" user_change user_field ", b_user_change},
    {" user_confirm ", b_user_confirm},
    {" user_remove ", b_user_remove},
    {" user_unindex ", b_user_unindex},
    {" name_release ", b_name_release},
    {" keys_list ", b_keys_list},
    {" keys_remove ", b_keys_remove},
    {" publish_all ", b_publish_all},
    {" users_count ", b_users_count},
    {" users_page ", b_users_page},
    {" key_add ", b_key_add},
    {" key_expiry ", b_key_expiry},
    {" key_revoke ", b_key_revoke},
    {" publish_user ", b_publish_user},
    {" count_get ", b_count_get},
    {" count_add ", b_count_add},
    {" count_expire ", b_count_expire},
    {" count_expire_once ", b_count_expire_once},
    {" count_ttl ", b_count_ttl},
    {" count_clear ", b_count_clear},
    {" beat ", b_beat},
    {" online_begin online_user ", b_online},
    {" reap ", b_reap},
    {" online_count ", b_online_count},
    {" online_page ", b_online_page},
    {" online_among_begin ", b_online_among},
    {" node_gone ", b_node_gone},
    {" subscribe_channel ", b_subscribe_channel},
    {" subscribe_user ", b_subscribe_user},
    {" subscribe_all ", b_subscribe_all},
    {" log_info ", b_log_info},
    {" by_score ", b_by_score},
    {" purge ", b_purge},
    {" restore ", b_restore},
    {" rename ", b_rename},
    {" marks ", b_marks},
    {" purges purge_get ", b_purges},
    /* what the builders are made of, tested below and through them */
    {" init free begin begin_script borrow literal copy key i64 uuid channel_key user_key "
     "global_key"
     " tailed_key ",
     NULL},
};

static char *read_file(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1u << 18);
    assert_non_null(text);
    if (!f)
        fail_msg("%s can't be read; UPDATE_GOLDEN=1 makes the golden one", path);
    size_t n = fread(text, 1, (1u << 18) - 1, f);
    assert_true(n > 0 && feof(f));
    fclose(f);
    return text;
}

static void check_line_by_line(const char *text, const char *expected) {
    for (unsigned line = 1; *text || *expected; line++) {
        size_t n = strcspn(text, "\n"), m = strcspn(expected, "\n");
        if (n != m || memcmp(text, expected, n) != 0)
            fail_msg("line %u of commands.txt\n  is:       %.*s\n  expected: %.*s", line, (int)n,
                     text, (int)m, expected);
        text += n + (text[n] == '\n');
        expected += m + (expected[m] == '\n');
    }
}

static void test_golden(void **state) {
    (void)state;
    struct cmd c;
    cmd_init(&c); /* one for all, as chatd does it */
    buf_init(&OUT, 1u << 20);
    for (size_t i = 0; i < COUNT(CASES); i++)
        if (CASES[i].build) {
            CASES[i].build(&c);
            print(&OUT, &c);
        }
    cmd_free(&c);
    const char *text = buf_cstr(&OUT);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(GOLDEN, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, OUT.len, f), OUT.len);
        assert_int_equal(fclose(f), 0);
    } else {
        char *expected = read_file(GOLDEN);
        check_line_by_line(text, expected);
        free(expected);
    }
    buf_free(&OUT);
}

/* Each case gives the same with a fresh struct cmd: nothing of an earlier command is left in a
 * reused one. */
static void test_reuse(void **state) {
    (void)state;
    struct cmd reused;
    cmd_init(&reused);
    buf_init(&OUT, 1u << 20);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(CASES); i++) {
            if (!CASES[i].build)
                continue;
            struct cmd fresh;
            cmd_init(&fresh);
            CASES[i].build(&reused);
            CASES[i].build(&fresh);
            assert_int_equal(reused.argc, fresh.argc);
            assert_int_equal(reused.script, fresh.script);
            for (size_t k = 0; k < fresh.argc; k++) {
                assert_int_equal(reused.argvlen[k], fresh.argvlen[k]);
                assert_memory_equal(reused.argv[k], fresh.argv[k], fresh.argvlen[k]);
            }
            cmd_free(&fresh);
        }
    cmd_free(&reused);
    buf_free(&OUT);
}

/* A builder that is in cmd.h and in no case would go untested. */
static void test_all_are_here(void **state) {
    (void)state;
    char *header = read_file(HEADER);
    unsigned found = 0;
    for (const char *at = header; (at = strstr(at, "\nvoid cmd_")); found++) {
        at += strlen("\nvoid cmd_");
        char name[64];
        snprintf(name, sizeof name, " %.*s ", (int)strcspn(at, "("), at);
        size_t i = 0;
        while (i < COUNT(CASES) && !strstr(CASES[i].covers, name))
            i++;
        if (i == COUNT(CASES))
            fail_msg("cmd_%.*s has no case here", (int)strcspn(at, "("), at);
    }
    assert_true(found >= 60);
    free(header);
}

/* --- Parts --- */

static void check_arg(const struct cmd *c, size_t i, const char *expected) {
    assert_true(i < c->argc);
    assert_int_equal(c->argvlen[i], strlen(expected));
    assert_memory_equal(c->argv[i], expected, strlen(expected));
}

static void test_numbers(void **state) {
    (void)state;
    static const int64_t VALUES[] = {0, 1, -1, 9, 10, 1714564800123, -42, INT64_MAX, INT64_MIN};
    struct cmd c;
    cmd_init(&c);
    cmd_begin(&c, "X");
    for (size_t i = 0; i < COUNT(VALUES); i++) {
        char text[32];
        snprintf(text, sizeof text, "%" PRId64, VALUES[i]);
        cmd_i64(&c, VALUES[i]);
        check_arg(&c, i + 1, text);
    }
    cmd_free(&c);
}

/* What is copied may change behind it; what is borrowed is where it was. */
static void test_copies_and_borrows(void **state) {
    (void)state;
    struct cmd c;
    char text[] = "text", empty[1] = "";
    cmd_init(&c);
    cmd_begin(&c, "SET");
    cmd_copy(&c, text, 4);
    cmd_borrow(&c, text, 4);
    cmd_copy(&c, empty, 0);
    cmd_borrow(&c, empty, 0);
    cmd_copy(&c, NULL, 0);
    cmd_copy(&c, "a\0b", 3);
    memcpy(text, "TEXT", 4);
    assert_int_equal(c.argc, 7);
    check_arg(&c, 0, "SET");
    check_arg(&c, 1, "text");
    check_arg(&c, 2, "TEXT");
    assert_ptr_equal(c.argv[2], text);
    check_arg(&c, 3, "");
    check_arg(&c, 4, "");
    check_arg(&c, 5, "");
    assert_int_equal(c.argvlen[6], 3);
    assert_memory_equal(c.argv[6], "a\0b", 3);
    assert_false(c.failed);
    cmd_free(&c);
}

/* Many chunks and many growths: no argument moves or changes while others are added. */
static void test_many_arguments(void **state) {
    (void)state;
    struct cmd c;
    cmd_init(&c);
    for (int round = 0; round < 3; round++) {
        cmd_online_begin(&c, &KS, NODE, true);
        size_t first = c.argc;
        struct uuid users[3000];
        for (size_t i = 0; i < COUNT(users); i++) {
            users[i] = uuid_make();
            cmd_online_user(&c, &users[i]);
        }
        assert_false(c.failed);
        assert_int_equal(c.argc, first + COUNT(users));
        for (size_t i = 0; i < COUNT(users); i++) {
            char text[UUID_TEXT + 1];
            uuid_format(&users[i], text);
            check_arg(&c, first + i, text);
        }
        check_arg(&c, 0, "EVALSHA");
        check_arg(&c, first - 1, "1");
    }
    cmd_free(&c);
}

/* Copies of every size, those larger than a chunk too, side by side. */
static void test_sizes(void **state) {
    (void)state;
    struct cmd c;
    char *big = malloc(20000);
    assert_non_null(big);
    for (size_t i = 0; i < 20000; i++)
        big[i] = (char)i;
    cmd_init(&c);
    cmd_begin(&c, "X");
    for (size_t len = 0; len < 20000; len = len * 2 + 1)
        for (int i = 0; i < 3; i++)
            cmd_copy(&c, big + i, len);
    size_t at = 1;
    for (size_t len = 0; len < 20000; len = len * 2 + 1)
        for (int i = 0; i < 3; i++, at++) {
            assert_int_equal(c.argvlen[at], len);
            assert_memory_equal(c.argv[at], big + i, len);
        }
    assert_int_equal(c.argc, at);
    cmd_free(&c);
    free(big);
}

static void test_no_memory(void **state) {
    (void)state;
    struct cmd c;
    cmd_init(&c);
    cmd_begin(&c, "SET");
    cmd_copy(&c, "x", (size_t)1 << 62); /* never read: there is nowhere to copy it to */
    assert_true(c.failed);
    cmd_literal(&c, "more");
    assert_true(c.failed); /* an argument is missing: it must not be sent */
    cmd_ping(&c);
    assert_false(c.failed);
    assert_int_equal(c.argc, 1);
    check_arg(&c, 0, "PING");
    cmd_free(&c);
}

/* A text that isn't there must not silently move all arguments behind it. */
static void test_nothing_borrowed(void **state) {
    (void)state;
    struct cmd c;
    cmd_init(&c);
    cmd_begin(&c, "SET");
    cmd_borrow(&c, NULL, 0);
    assert_true(c.failed || c.argc == 2);
    cmd_begin(&c, "SET");
    cmd_borrow(&c, NULL, 4);
    assert_true(c.failed);
    cmd_free(&c);
}

static void test_freed(void **state) {
    (void)state;
    struct cmd c;
    cmd_init(&c);
    cmd_free(&c);
    cmd_ping(&c);
    cmd_select(&c, 1);
    cmd_free(&c);
    assert_int_equal(c.argc, 0);
    assert_int_equal(c.script, SCRIPT_NONE);
    cmd_ping(&c);
    check_arg(&c, 0, "PING");
    cmd_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_all_are_here),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_copies_and_borrows),
        cmocka_unit_test(test_many_arguments),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_nothing_borrowed),
        cmocka_unit_test(test_freed),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
