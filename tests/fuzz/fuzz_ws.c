/* fuzz_ws - the frames of a client. The first byte says in how large pieces the rest comes; however
 * it is cut, the same must be read. */
#include "tests/fuzz/fuzz.h"

#include "chatd/net/ws_parser.h"

#include <string.h>

/* A hash of all that was read, and how it ended. */
static uint64_t read_in(const uint8_t *data, size_t size, size_t step) {
    struct ws_parser p = {0};
    uint64_t sum = 14695981039346656037u;
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step, used = 0;
        char *exact = malloc(n);
        MUST(exact);
        memcpy(exact, data + at, n);
        while (used < n) {
            struct ws_piece piece = {0};
            size_t before = used;
            enum ws_event e = ws_parser_next(&p, exact, n, &used, &piece);
            MUST(used > before && used <= n);
            if (e == WS_BROKEN) {
                free(exact);
                return sum ^ 1;
            }
            if (e > WS_DATA) {
                MUST(piece.len <= WS_CONTROL_MAX);
                sum = (sum ^ (uint64_t)e) * 1099511628211u;
                MUST(e != WS_CLOSE || ws_close_answer(piece.bytes, piece.len) < 5000);
            }
            for (size_t i = 0; e != WS_MORE && i < piece.len; i++)
                sum = (sum ^ (unsigned char)piece.bytes[i]) * 1099511628211u;
            if (e == WS_DATA && piece.last)
                sum = (sum ^ 256) * 1099511628211u;
        }
        free(exact);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    MUST(read_in(data + 1, size - 1, *data % 32 + 1u) == read_in(data + 1, size - 1, size));
    return 0;
}
