/* fuzz_head - the head of an HTTP request, as far as chatd reads it by itself; and Origin, Host and
 * a list of origins, a line each. */
#include "tests/fuzz/fuzz.h"

#include "chatd/net/head.h"

#include <string.h>

static void read_head(const char *s, size_t len) {
    struct head_line line;
    size_t head = head_length(s, len);
    MUST(head == 0 || (head >= 4 && head <= len && memcmp(s + head - 4, "\r\n\r\n", 4) == 0));
    bool good = head && !head_problem(s, head);
    for (size_t i = 0; good && i < head; i++)
        MUST(((unsigned char)s[i] >= 0x20 && s[i] != 0x7f) || strchr("\t\r\n", s[i]));
    if (!head_line_read(s, len, &line))
        return;
    MUST(line.path >= s && line.path + line.path_len <= s + len);
    MUST(!memchr(line.path, ' ', line.path_len) && !memchr(line.path, '?', line.path_len));
    MUST(!memmem(line.path, line.path_len, "\r\n", 2));
}

/* A page of nobody in particular gets in nowhere. */
static void read_origin(char *text) {
    char *host = text + strcspn(text, "\n"), *list = host;
    if (*host)
        *host++ = '\0';
    list = host + strcspn(host, "\n");
    if (*list)
        *list++ = '\0';
    if (head_origin_allowed(text, host, ""))
        MUST(strstr(text, "://") && text[strcspn(text, ":") + 3]);
    if (head_origin_allowed(text, "", list) && !head_origin_allowed(text, "", ""))
        MUST(strchr(list, '*') || strcasestr(list, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    MUST(text);
    read_head((const char *)data, size);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    read_origin(text);
    free(text);
    return 0;
}
