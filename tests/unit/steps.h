/* steps - the words of a row's script, one after the other:
 *
 *     struct steps steps = steps_of(row->steps);
 *     for (char *step; (step = steps_next(&steps));)
 *
 * Include it behind cmocka.h. */
#ifndef TESTS_UNIT_STEPS_H
#define TESTS_UNIT_STEPS_H

#include <stdio.h>
#include <string.h>

struct steps {
    char text[512]; /* each word ends with a NUL once it was given */
    size_t at;
};

static struct steps steps_of(const char *script) {
    struct steps s = {.at = 0};
    assert_true((size_t)snprintf(s.text, sizeof s.text - 1, "%s", script) < sizeof s.text - 1);
    return s;
}

/* NULL: that was the last. */
static char *steps_next(struct steps *s) {
    s->at += strspn(s->text + s->at, " ");
    char *step = s->text + s->at;
    s->at += strcspn(step, " ");
    if (s->text[s->at])
        s->text[s->at++] = '\0';
    return *step ? step : NULL;
}

#endif
