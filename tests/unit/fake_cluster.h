/* fake_cluster - short texts for what a Cluster answers. Hosts are letters. Include it behind
 * resp_made.h. */
#ifndef TESTS_UNIT_FAKE_CLUSTER_H
#define TESTS_UNIT_FAKE_CLUSTER_H

#include "resp_made.h"

#include <stdio.h>
#include <stdlib.h>

/* "a:0-99,b:100-16383" as the answer to CLUSTER SLOTS, as resp_made reads it. */
static const char *slots_text(const char *ranges) {
    static char out[32768];
    size_t n = (size_t)snprintf(out, sizeof out, "[ ");
    while (*ranges) {
        char host = *ranges;
        char *end;
        unsigned long from = strtoul(ranges + 2, &end, 10), to = strtoul(end + 1, &end, 10);
        n += (size_t)snprintf(out + n, sizeof out - n, "[ :%lu :%lu [ '%c' :7000 'id' ] ] ", from,
                              to, host);
        ranges = *end ? end + 1 : end;
    }
    snprintf(out + n, sizeof out - n, "]");
    return out;
}

#endif
