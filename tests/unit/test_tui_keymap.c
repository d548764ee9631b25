/* test_tui_keymap - the keys of actions: every default is a key, none means two things, users
 * change them. */
#include "chattui/model/keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum action find(const struct keymap *k, const char *name) {
    struct key key;
    assert_true(key_read(name, &key));
    return keymap_find(k, key);
}

static void test_defaults(void **state) {
    (void)state;
    struct keymap k;
    struct buf keys;
    keymap_init(&k);
    buf_init(&keys, 1000);
    for (enum action a = ACTION_NONE + 1; a < ACTIONS;
         a++) { /* all are keys, no key is there twice */
        buf_reset(&keys);
        keymap_keys(&k, a, &keys);
        assert_string_equal(buf_cstr(&keys), action_def(a)->keys);
    }
    buf_free(&keys);
    assert_int_equal(find(&k, "Alt+1"), ACTION_GO_1);
    assert_int_equal(find(&k, "Ctrl+N"), ACTION_NEXT_CHANNEL);
    assert_int_equal(find(&k, "Alt+Left"), ACTION_PREV_CHANNEL);
    assert_int_equal(find(&k, "Shift+Tab"), ACTION_COMPLETE_BACK);
    assert_int_equal(find(&k, "a"), ACTION_NONE);
}

static void test_bind(void **state) {
    (void)state;
    struct keymap k;
    char why[200];
    keymap_init(&k);
    assert_true(keymap_bind(&k, "members", "F2 Alt+1", why, sizeof why));
    assert_int_equal(find(&k, "F2"), ACTION_MEMBERS);
    assert_int_equal(find(&k, "Alt+1"), ACTION_MEMBERS);
    assert_int_equal(find(&k, "Alt+m"), ACTION_NONE);
    assert_true(keymap_bind(&k, "members", "", why, sizeof why));
    assert_int_equal(find(&k, "F2"), ACTION_NONE);
    assert_false(keymap_bind(&k, "member", "F2", why, sizeof why));
    assert_non_null(strstr(why, "\"member\""));
    assert_false(keymap_bind(&k, "help", "F3 F99", why, sizeof why));
    assert_non_null(strstr(why, "\"F99\""));
    assert_int_equal(find(&k, "F1"), ACTION_HELP);
    assert_int_equal(find(&k, "F3"), ACTION_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
