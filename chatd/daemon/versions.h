/* versions - of chatd and of the libraries it runs with, which is what advisories are about. */
#ifndef CHATD_DAEMON_VERSIONS_H
#define CHATD_DAEMON_VERSIONS_H

#include <stddef.h>

struct library {
    const char *name; /* as a label, too: [a-z]+ */
    const char *version;
};

/* The i-th library, from 0; name NULL: there are no more. */
struct library versions_library(size_t i);
/* "0.1.0\nlibwebsockets 4.1.6 …": what --version prints behind the name. */
const char *versions_text(void);
/* "libwebsockets=4.1.6 …", for the log. */
const char *versions_log(void);

#endif
