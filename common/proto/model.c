/* model - naming channels. The id of a private channel is its two users in order, so that both
 * sides name the same channel without a look-up. */
#include "common/proto/model.h"

#include <string.h>

struct channel_id channel_public(void) {
    return (struct channel_id){.kind = CHANNEL_PUBLIC};
}

struct channel_id channel_dm(const struct uuid *a, const struct uuid *b) {
    bool ordered = uuid_cmp(a, b) <= 0;
    return (struct channel_id){
        .kind = CHANNEL_DM, .low = ordered ? *a : *b, .high = ordered ? *b : *a};
}

bool channel_eq(const struct channel_id *a, const struct channel_id *b) {
    return a->kind == b->kind && uuid_eq(&a->low, &b->low) && uuid_eq(&a->high, &b->high);
}

size_t channel_format(const struct channel_id *c, char out[CHANNEL_TEXT + 1]) {
    if (c->kind == CHANNEL_PUBLIC) {
        memcpy(out, "public", sizeof "public");
        return strlen(out);
    }
    memcpy(out, "dm:", 3);
    uuid_write(&c->low, out + 3);
    out[3 + UUID_TEXT] = ':';
    uuid_format(&c->high, out + 4 + UUID_TEXT);
    return CHANNEL_TEXT;
}

bool channel_parse(const char *text, size_t len, struct channel_id *out) {
    if (len == 6 && memcmp(text, "public", 6) == 0) {
        *out = channel_public();
        return true;
    }
    struct uuid low, high;
    if (len != CHANNEL_TEXT || memcmp(text, "dm:", 3) != 0 || text[3 + UUID_TEXT] != ':' ||
        !uuid_read(text + 3, UUID_TEXT, &low) ||
        !uuid_read(text + 4 + UUID_TEXT, UUID_TEXT, &high) || uuid_cmp(&low, &high) > 0)
        return false;
    *out = channel_dm(&low, &high);
    return true;
}

struct uuid channel_peer(const struct channel_id *c, const struct uuid *self) {
    return uuid_eq(&c->low, self) ? c->high : c->low;
}
