/* tuning - see tuning.h. */
#include "chattui/model/tuning.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    struct tuning_def def;
    size_t offset;
} ROWS[] = {
#define X(field, name, dflt, least, most, help)                                                    \
    {{name, help, dflt, least, most}, offsetof(struct tuning, field)},
    TUNING_TABLE(X)
#undef X
};

#define NROWS (sizeof ROWS / sizeof *ROWS)

const struct tuning_def *tuning_def(size_t i) {
    return i < NROWS ? &ROWS[i].def : NULL;
}

int tuning_get(const struct tuning *t, size_t i) {
    int value;
    memcpy(&value, (const char *)t + ROWS[i].offset, sizeof value);
    return value;
}

void tuning_put(struct tuning *t, size_t i, int value) {
    memcpy((char *)t + ROWS[i].offset, &value, sizeof value);
}

void tuning_defaults(struct tuning *t) {
    for (size_t i = 0; i < NROWS; i++)
        tuning_put(t, i, ROWS[i].def.dflt);
}

static const char *read_switch(const char *value, int *out) {
    if (strcmp(value, "on") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "1") == 0)
        *out = 1;
    else if (strcmp(value, "off") == 0 || strcmp(value, "no") == 0 || strcmp(value, "0") == 0)
        *out = 0;
    else
        return "it is either on or off";
    return NULL;
}

static const char *read_number(const char *value, const struct tuning_def *def, int *out) {
    char *end;
    long n = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || n < def->least || n > def->most)
        return "the number is out of its range, or none";
    *out = (int)n;
    return NULL;
}

const char *tuning_set(struct tuning *t, const char *name, const char *value) {
    for (size_t i = 0; i < NROWS; i++) {
        const struct tuning_def *def = &ROWS[i].def;
        if (strcmp(def->name, name) != 0)
            continue;
        int n;
        const char *wrong = def->most == 1 ? read_switch(value, &n) : read_number(value, def, &n);
        if (!wrong)
            tuning_put(t, i, n);
        return wrong;
    }
    return "there is no such setting";
}
