/* test_hub - who is joined to what, and that each joined session gets each message once: those that
 * come while a join is under way, too. The sessions are real, their sockets fakes. */
#include "chatd/session/hub.h"

#include "chatd/session/session.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake_wire.h"

#define PEOPLE 5
#define HELD_MAX 1024

static struct sessions ALL;
static struct hub HUB;
static struct lws WSI[PEOPLE];
static struct session *S[PEOPLE];
static struct address ADDRESS = {.text = "192.0.2.1"};
static unsigned OPENED, CLOSED;
static int HOOK_ARG;

static void gone(struct session *s) {
    (void)s;
}

static void opened(struct channel *ch, void *arg) {
    assert_ptr_equal(arg, &HOOK_ARG);
    assert_ptr_equal(hub_find(&HUB, &ch->id), ch);
    OPENED++;
}

static void closed(struct channel *ch, void *arg) {
    assert_ptr_equal(arg, &HOOK_ARG);
    assert_int_equal(ch->count, 0);
    assert_int_equal(ch->pins, 0);
    assert_ptr_equal(hub_find(&HUB, &ch->id), ch);
    CLOSED++;
}

static int init(void **state) {
    (void)state;
    log_set_level(LOG_ERROR);
    return secret_init() ? 0 : -1;
}

static int setup(void **state) {
    (void)state;
    OPENED = CLOSED = 0;
    memset(WSI, 0, sizeof WSI);
    if (!sessions_init(&ALL, 1u << 20, gone) || !hub_init(&HUB, opened, closed, &HOOK_ARG))
        return -1;
    for (int i = 0; i < PEOPLE; i++)
        S[i] = session_new(&ALL, &WSI[i], &ADDRESS, 10, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < PEOPLE; i++) {
        while (S[i]->subs)
            sub_close(&HUB, S[i]->subs);
        session_detach(S[i]);
    }
    sessions_flush(&ALL);
    assert_int_equal(ALL.count, 0);
    assert_int_equal(HUB.channels.count, 0);
    assert_null(HUB.ring);
    assert_int_equal(OPENED, CLOSED);
    hub_free(&HUB);
    sessions_free(&ALL);
    for (int i = 0; i < PEOPLE; i++)
        fake_wire_free(&WSI[i]);
    return 0;
}

static struct channel *pin_public(void) {
    struct channel_id id = channel_public();
    struct channel *ch = hub_pin(&HUB, &id);
    assert_non_null(ch);
    return ch;
}

static struct sub *join(struct channel *ch, int who, uint64_t from) {
    struct sub *sub = sub_open(ch, S[who]);
    assert_non_null(sub);
    sub_joined(sub, from);
    return sub;
}

static struct frame *frame_of(const char *text) {
    struct buf b;
    buf_init(&b, 1000);
    buf_str(&b, text);
    struct frame *f = frame_text(&b);
    buf_free(&b);
    assert_non_null(f);
    return f;
}

/* Message n as everyone gets it is "<n>", as its sender gets it "[n]". */
static uint32_t say(struct channel *ch, uint64_t n, const struct session *sender) {
    char text[32];
    snprintf(text, sizeof text, "<%llu>", (unsigned long long)n);
    struct frame *f = frame_of(text);
    snprintf(text, sizeof text, "[%llu]", (unsigned long long)n);
    struct frame *own = sender ? frame_of(text) : NULL;
    uint32_t given = hub_fan_out(ch, n, f, sender, own);
    sessions_flush(&ALL);
    frame_unref(f);
    frame_unref(own);
    return given;
}

/* All that this one has got, without the frames' headers. */
static void check_got(int who, const char *expected) {
    sessions_flush(&ALL);
    char got[8192] = "";
    size_t n = 0;
    for (size_t i = 0; i < WSI[who].len && n < sizeof got - 1;) {
        size_t len = (unsigned char)WSI[who].bytes[i + 1];
        memcpy(got + n, WSI[who].bytes + i + 2, len);
        n += len;
        i += 2 + len;
    }
    got[n] = '\0';
    assert_string_equal(got, expected);
}

/* --- Channels --- */

static void test_pins(void **state) {
    (void)state;
    struct uuid a = uuid_make(), b = uuid_make();
    struct channel_id public = channel_public(), private = channel_dm(&a, &b);
    assert_null(hub_find(&HUB, &public));
    struct channel *ch = hub_pin(&HUB, &public);
    assert_int_equal(OPENED, 1);
    assert_ptr_equal(hub_pin(&HUB, &public), ch);
    assert_int_equal(OPENED, 1);
    struct channel *other = hub_pin(&HUB, &private);
    assert_ptr_not_equal(other, ch);
    assert_true(channel_eq(&other->id, &private));
    hub_unpin(&HUB, ch);
    assert_int_equal(CLOSED, 0);
    assert_ptr_equal(hub_find(&HUB, &public), ch);
    hub_unpin(&HUB, ch);
    assert_int_equal(CLOSED, 1);
    assert_null(hub_find(&HUB, &public));
    assert_ptr_equal(hub_find(&HUB, &private), other);
    hub_unpin(&HUB, other);
    assert_int_equal(CLOSED, 2);
}

static void test_subs_keep_a_channel(void **state) {
    (void)state;
    struct channel_id id = channel_public();
    struct channel *ch = pin_public();
    struct sub *one = sub_open(ch, S[0]), *two = sub_open(ch, S[1]);
    hub_unpin(&HUB, ch);
    assert_ptr_equal(hub_find(&HUB, &id), ch);
    sub_close(&HUB, one);
    assert_ptr_equal(hub_find(&HUB, &id), ch);
    sub_close(&HUB, two);
    assert_null(hub_find(&HUB, &id));
    assert_int_equal(CLOSED, 1);
}

static unsigned ring_length(void) {
    unsigned n = 0;
    struct channel *ch = HUB.ring;
    if (ch)
        do {
            assert_ptr_equal(ch->next->prev, ch);
            assert_ptr_equal(ch->prev->next, ch);
            assert_ptr_equal(hub_find(&HUB, &ch->id), ch);
            n++;
        } while ((ch = ch->next) != HUB.ring);
    return n;
}

static void test_ring(void **state) {
    (void)state;
    struct channel *chs[20];
    for (unsigned i = 0; i < 20; i++) {
        struct uuid a = uuid_make(), b = uuid_make();
        struct channel_id id = channel_dm(&a, &b);
        chs[i] = hub_pin(&HUB, &id);
        assert_non_null(chs[i]);
        assert_int_equal(ring_length(), i + 1);
    }
    for (unsigned i = 0; i < 20; i++) {
        if (i % 3 == 0)
            HUB.ring = chs[(i * 7 + 1) % 20 > i ? (i * 7 + 1) % 20 : i]; /* the check goes round */
        hub_unpin(&HUB, chs[i]);
        assert_int_equal(ring_length(), 19 - i);
    }
}

static struct channel *VISITED[64];
static unsigned VISITS;

static void visit(struct channel *ch, void *arg) {
    assert_ptr_equal(arg, &HOOK_ARG);
    assert_ptr_equal(hub_find(&HUB, &ch->id), ch);
    VISITED[VISITS++] = ch;
}

static void visit_and_close(struct channel *ch, void *arg) {
    visit(ch, arg);
    hub_unpin(&HUB, ch);
}

static void visit_and_close_all(struct channel *ch, void *arg) {
    visit(ch, arg);
    while (HUB.channels.count > 1)
        hub_unpin(&HUB, ch->next);
    hub_unpin(&HUB, ch);
}

static void make_channels(unsigned n) {
    VISITS = 0;
    for (unsigned i = 0; i < n; i++) {
        struct uuid a = uuid_make();
        struct channel_id id = channel_dm(&a, &a);
        assert_non_null(hub_pin(&HUB, &id));
    }
}

/* Every channel once, though the one that is visited, or all others, may be closed by the visit. */
static void test_each(void **state) {
    (void)state;
    make_channels(0);
    hub_each(&HUB, visit, &HOOK_ARG);
    assert_int_equal(VISITS, 0);
    make_channels(20);
    hub_each(&HUB, visit, &HOOK_ARG);
    assert_int_equal(VISITS, 20);
    for (unsigned i = 0; i < VISITS; i++)
        for (unsigned k = 0; k < i; k++)
            assert_ptr_not_equal(VISITED[i], VISITED[k]);
    VISITS = 0;
    hub_each(&HUB, visit_and_close, &HOOK_ARG);
    assert_int_equal(VISITS, 20);
    assert_null(HUB.ring);
    make_channels(20);
    hub_each(&HUB, visit_and_close_all, &HOOK_ARG);
    assert_int_equal(VISITS, 1);
    assert_null(HUB.ring);
}

/* --- Subs --- */

static void test_subs(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    struct uuid a = uuid_make();
    struct channel_id self = channel_dm(&a, &a);
    struct channel *other = hub_pin(&HUB, &self);
    assert_null(sub_find(S[0], ch));
    struct sub *x = sub_open(ch, S[0]), *y = sub_open(other, S[0]), *z = sub_open(ch, S[1]);
    assert_ptr_equal(sub_find(S[0], ch), x);
    assert_ptr_equal(sub_find(S[0], other), y);
    assert_ptr_equal(sub_find(S[1], ch), z);
    assert_null(sub_find(S[1], other));
    assert_int_equal(S[0]->sub_count, 2);
    assert_int_equal(ch->count, 2);
    struct uuid b = uuid_make();
    struct channel_id their = channel_dm(&b, &b);
    struct channel *third = hub_pin(&HUB, &their);
    struct sub *w = sub_open(third, S[1]);
    assert_null(sub_find(S[0], third)); /* looked for among its sessions: there are fewer */
    assert_ptr_equal(sub_find(S[1], third), w);
    hub_unpin(&HUB, third);
    sub_close(&HUB, w);
    assert_false(x->joined);
    sub_close(&HUB, x);
    assert_null(sub_find(S[0], ch));
    assert_ptr_equal(sub_find(S[0], other), y);
    assert_int_equal(S[0]->sub_count, 1);
    hub_unpin(&HUB, ch);
    hub_unpin(&HUB, other);
}

/* Subs leave from the front, the middle and the back, and the rest still get everything. */
static void test_close_in_any_order(void **state) {
    (void)state;
    static const int ORDERS[][PEOPLE] = {
        {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}, {1, 3, 0, 4, 2}};
    for (size_t o = 0; o < sizeof ORDERS / sizeof *ORDERS; o++) {
        struct channel *ch = pin_public();
        for (int i = 0; i < PEOPLE; i++)
            join(ch, i, 0);
        for (uint32_t i = 0; i < PEOPLE; i++) {
            assert_int_equal(say(ch, i + 1, NULL), PEOPLE - i);
            sub_close(&HUB, sub_find(S[ORDERS[o][i]], ch));
            assert_null(sub_find(S[ORDERS[o][i]], ch));
            for (uint32_t k = 0; k < ch->count; k++)
                assert_int_equal(ch->subs[k]->index, k);
        }
        assert_int_equal(say(ch, 9, NULL), 0);
        hub_unpin(&HUB, ch);
    }
}

/* --- Fan-out --- */

static void test_fan_out(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    join(ch, 0, 0);
    join(ch, 1, 0);
    join(ch, 2, 2); /* came later: its snapshot had 1 and 2 */
    assert_int_equal(say(ch, 1, NULL), 2);
    assert_int_equal(say(ch, 2, S[1]), 2);
    assert_int_equal(say(ch, 3, S[1]), 3);
    check_got(0, "<1><2><3>");
    check_got(1, "<1>[2][3]");
    check_got(2, "<3>");
    check_got(3, "");
    hub_unpin(&HUB, ch);
}

/* The sender may have gone, or have left the channel. */
static void test_fan_out_of_an_absent_sender(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    join(ch, 0, 0);
    assert_int_equal(say(ch, 1, S[1]), 1);
    check_got(0, "<1>");
    check_got(1, "");
    hub_unpin(&HUB, ch);
}

/* One frame for all: nothing is copied. */
static void test_fan_out_shares(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    for (int i = 0; i < PEOPLE; i++)
        join(ch, i, 0);
    struct frame *f = frame_of("<1>");
    hub_fan_out(ch, 1, f, NULL, NULL);
    assert_int_equal(f->refs, 1 + PEOPLE);
    sessions_flush(&ALL);
    assert_int_equal(f->refs, 1);
    frame_unref(f);
    hub_unpin(&HUB, ch);
}

static void test_channels_are_apart(void **state) {
    (void)state;
    struct uuid a = uuid_make();
    struct channel_id self = channel_dm(&a, &a);
    struct channel *ch = pin_public(), *other = hub_pin(&HUB, &self);
    join(ch, 0, 0);
    join(other, 0, 0);
    join(other, 1, 0);
    say(ch, 1, NULL);
    say(other, 1, NULL);
    say(other, 2, NULL);
    check_got(0, "<1><1><2>");
    check_got(1, "<1><2>");
    hub_unpin(&HUB, ch);
    hub_unpin(&HUB, other);
}

/* --- Joining --- */

/* For every point at which the snapshot may have been taken: what it has is not given again, what
 * came behind it is not lost. */
static void test_joining(void **state) {
    (void)state;
    static const char *const EXPECTED[] = {"<1><2><3><4>", "<2><3><4>", "<3><4>", "<4>"};
    for (int from = 0; from <= 3; from++) {
        struct channel *ch = pin_public();
        struct sub *sub = sub_open(ch, S[from]);
        assert_int_equal(say(ch, 1, NULL), 0); /* held: the answer must come first */
        assert_int_equal(say(ch, 2, NULL), 0);
        assert_int_equal(say(ch, 3, NULL), 0);
        check_got(from, "");
        sub_joined(sub, (uint64_t)from);
        assert_int_equal(say(ch, 4, NULL), 1);
        check_got(from, EXPECTED[from]);
        sub_close(&HUB, sub);
        hub_unpin(&HUB, ch);
    }
}

/* The snapshot was newer than what this node has delivered: that comes by and by, and is known
 * already. */
static void test_joined_before_the_feed_came_there(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    struct sub *sub = sub_open(ch, S[0]);
    say(ch, 1, NULL);
    sub_joined(sub, 3);
    for (uint64_t seq = 2; seq <= 5; seq++)
        say(ch, seq, NULL);
    check_got(0, "<4><5>");
    hub_unpin(&HUB, ch);
}

static void test_joining_is_cut_off(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    struct sub *sub = sub_open(ch, S[0]);
    struct frame *f = frame_of("x");
    for (uint64_t seq = 1; seq <= HELD_MAX; seq++)
        hub_fan_out(ch, seq, f, NULL, NULL);
    assert_int_equal(S[0]->closing, CLOSE_NONE);
    assert_int_equal(f->refs, 1 + HELD_MAX);
    for (uint64_t seq = HELD_MAX + 1; seq <= HELD_MAX + 5; seq++)
        hub_fan_out(ch, seq, f, NULL, NULL);
    assert_int_equal(S[0]->closing, CLOSE_SLOW_CONSUMER);
    assert_int_equal(f->refs, 1 + HELD_MAX);
    sub_joined(sub, 0); /* a hole is behind what was held: nothing of it may be given */
    check_got(0, "");
    assert_int_equal(f->refs, 1);
    frame_unref(f);
    hub_unpin(&HUB, ch);
}

/* A join that fails drops what was held for it. */
static void test_closed_while_joining(void **state) {
    (void)state;
    struct channel *ch = pin_public();
    struct sub *sub = sub_open(ch, S[0]);
    struct frame *f = frame_of("x");
    hub_fan_out(ch, 1, f, NULL, NULL);
    assert_int_equal(f->refs, 2);
    sub_close(&HUB, sub);
    assert_int_equal(f->refs, 1);
    frame_unref(f);
    check_got(0, "");
    hub_unpin(&HUB, ch);
}

/* --- A new epoch --- */

static unsigned TOLD;

static void tell(struct sub *sub, void *arg) {
    struct frame *f = frame_of(arg);
    session_push(sub->session, f);
    frame_unref(f);
    TOLD++;
}

static void test_new_epoch(void **state) {
    (void)state;
    char epoch[] = "{epoch}";
    struct channel *ch = pin_public();
    join(ch, 0, 0);
    join(ch, 1, 500);
    TOLD = 0;
    say(ch, 501, NULL);
    hub_new_epoch(ch, 0, tell, epoch); /* the data was lost: numbers begin at 1 */
    assert_int_equal(TOLD, 2);
    assert_int_equal(say(ch, 1, NULL), 2);
    assert_int_equal(say(ch, 2, NULL), 2);
    check_got(0, "<501>{epoch}<1><2>");
    check_got(1, "<501>{epoch}<1><2>");
    hub_unpin(&HUB, ch);
}

static void test_new_epoch_behind_the_old(void **state) {
    (void)state;
    char epoch[] = "{epoch}";
    struct channel *ch = pin_public();
    join(ch, 0, 0);
    hub_new_epoch(ch, 100, tell, epoch);
    assert_int_equal(say(ch, 100, NULL), 0); /* not of this epoch */
    assert_int_equal(say(ch, 101, NULL), 1);
    check_got(0, "{epoch}<101>");
    hub_unpin(&HUB, ch);
}

/* Someone whose join is under way is told by its answer, and gets what is new from there. */
static void test_new_epoch_while_joining(void **state) {
    (void)state;
    char epoch[] = "{epoch}";
    struct channel *ch = pin_public();
    struct sub *sub = sub_open(ch, S[0]);
    TOLD = 0;
    say(ch, 501, NULL);
    hub_new_epoch(ch, 0, tell, epoch);
    assert_int_equal(TOLD, 0);
    say(ch, 1, NULL);
    say(ch, 2, NULL);
    sub_joined(sub, 1);
    say(ch, 3, NULL);
    check_got(0, "<2><3>"); /* and not 501, which is of the old epoch */
    hub_unpin(&HUB, ch);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_pins),
        TEST(test_subs_keep_a_channel),
        TEST(test_ring),
        TEST(test_each),
        TEST(test_subs),
        TEST(test_close_in_any_order),
        TEST(test_fan_out),
        TEST(test_fan_out_of_an_absent_sender),
        TEST(test_fan_out_shares),
        TEST(test_channels_are_apart),
        TEST(test_joining),
        TEST(test_joined_before_the_feed_came_there),
        TEST(test_joining_is_cut_off),
        TEST(test_closed_while_joining),
        TEST(test_new_epoch),
        TEST(test_new_epoch_behind_the_old),
        TEST(test_new_epoch_while_joining),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
