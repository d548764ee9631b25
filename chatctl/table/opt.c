/* opt - see opt.h. */
#include "chatctl/table/opt.h"

#include "chatctl/table/invocation.h"

#include <string.h>

static const struct parsed_opt *find_opt(const struct invocation *in, const char *name) {
    const struct parsed_opt *found = NULL;
    for (size_t i = 0; i < in->nparsed; i++) /* the last one counts */
        if (strcmp(in->parsed[i].opt->name, name) == 0)
            found = &in->parsed[i];
    return found;
}

bool opt_given(const struct invocation *in, const char *name) {
    return find_opt(in, name) != NULL;
}

const char *opt_text(const struct invocation *in, const char *name) {
    const struct parsed_opt *p = find_opt(in, name);
    return p ? p->text : NULL;
}

int64_t opt_number(const struct invocation *in, const char *name, int64_t dflt) {
    const struct parsed_opt *p = find_opt(in, name);
    return p ? p->number : dflt;
}
