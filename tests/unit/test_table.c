/* test_table - ten thousand items in and out, growth, keys that hold one another's beginnings, and
 * removal while walking. */
#include "common/base/table.h"

#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 10000

struct item {
    struct table_node node;
    unsigned number, seen;
    char key[24];
};

static struct item ITEMS[MANY];

static int init(void **state) {
    (void)state;
    return secret_init() ? 0 : -1;
}

static void name_items(void) {
    for (unsigned i = 0; i < MANY; i++) {
        ITEMS[i] = (struct item){.number = i};
        snprintf(ITEMS[i].key, sizeof ITEMS[i].key, "item %u", i);
    }
}

static void fill(struct table *t) {
    assert_true(table_init(t));
    name_items();
    for (unsigned i = 0; i < MANY; i++)
        table_add(t, &ITEMS[i].node, ITEMS[i].key, strlen(ITEMS[i].key));
    assert_int_equal(t->count, MANY);
}

static struct item *find(const struct table *t, const char *key, size_t len) {
    struct table_node *n = table_find(t, key, len);
    return n ? container_of(n, struct item, node) : NULL;
}

static void test_empty(void **state) {
    (void)state;
    struct table t;
    assert_true(table_init(&t));
    assert_int_equal(t.count, 0);
    assert_null(find(&t, "x", 1));
    assert_null(find(&t, "", 0));
    table_free(&t);
    assert_null(t.slots);
}

static void test_many(void **state) {
    (void)state;
    struct table t;
    fill(&t);
    assert_true(t.mask + 1 >= MANY / 2); /* it grew: chains stay short */
    for (unsigned i = 0; i < MANY; i++) {
        char copy[24]; /* found by its bytes, not by its place */
        snprintf(copy, sizeof copy, "%s", ITEMS[i].key);
        assert_ptr_equal(find(&t, copy, strlen(copy)), &ITEMS[i]);
    }
    assert_null(find(&t, "item 10000", 10));
    assert_null(find(&t, "item", 4));
    table_free(&t);
}

static void test_remove(void **state) {
    (void)state;
    struct table t;
    fill(&t);
    for (unsigned i = 0; i < MANY; i += 2)
        table_remove(&t, &ITEMS[i].node);
    assert_int_equal(t.count, MANY / 2);
    for (unsigned i = 0; i < MANY; i++) {
        struct item *found = find(&t, ITEMS[i].key, strlen(ITEMS[i].key));
        assert_ptr_equal(found, i % 2 ? &ITEMS[i] : NULL);
    }
    for (unsigned i = 0; i < MANY; i += 2) /* what was removed can be added again */
        table_add(&t, &ITEMS[i].node, ITEMS[i].key, strlen(ITEMS[i].key));
    for (unsigned i = 0; i < MANY; i++)
        assert_ptr_equal(find(&t, ITEMS[i].key, strlen(ITEMS[i].key)), &ITEMS[i]);
    assert_int_equal(t.count, MANY);
    table_free(&t);
}

static void count_item(struct table_node *n, void *arg) {
    container_of(n, struct item, node)->seen++;
    ++*(unsigned *)arg;
}

static void test_each(void **state) {
    (void)state;
    struct table t;
    unsigned calls = 0;
    fill(&t);
    table_each(&t, count_item, &calls);
    assert_int_equal(calls, MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(ITEMS[i].seen, 1);
    table_free(&t);
}

/* Removes and frees two of three: a walk that looks at a node after its call is seen by ASan. */
static void remove_some(struct table_node *n, void *arg) {
    struct item *it = container_of(n, struct item, node);
    ITEMS[it->number].seen++;
    if (it->number % 3) {
        table_remove(arg, n);
        free(it);
    }
}

static void free_item(struct table_node *n, void *arg) {
    (void)arg;
    free(container_of(n, struct item, node));
}

static void test_remove_while_walking(void **state) {
    (void)state;
    struct table t;
    assert_true(table_init(&t));
    name_items();
    for (unsigned i = 0; i < MANY; i++) {
        struct item *it = malloc(sizeof *it);
        assert_non_null(it);
        *it = ITEMS[i];
        table_add(&t, &it->node, it->key, strlen(it->key));
    }
    table_each(&t, remove_some, &t);
    assert_int_equal(t.count, (MANY + 2) / 3);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(ITEMS[i].seen, 1);
        assert_int_equal(find(&t, ITEMS[i].key, strlen(ITEMS[i].key)) != NULL, i % 3 == 0);
    }
    table_each(&t, free_item, NULL);
    table_free(&t);
}

/* One key at the front of another, and keys with NULs in them, are different keys. */
static void test_keys_are_bytes(void **state) {
    (void)state;
    static const char BYTES[] = "\0\0a\0ab";
    struct table t;
    assert_true(table_init(&t));
    name_items();
    for (size_t len = 0; len < sizeof BYTES; len++)
        table_add(&t, &ITEMS[len].node, BYTES, len);
    for (size_t len = 0; len < sizeof BYTES; len++)
        assert_ptr_equal(find(&t, BYTES, len), &ITEMS[len]);
    table_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_remove_while_walking),
        cmocka_unit_test(test_keys_are_bytes),
    };
    return cmocka_run_group_tests(tests, init, NULL);
}
