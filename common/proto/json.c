/* json - see json.h. A document is read twice: by the scan here, which knows the whole grammar and
 * builds nothing, and then by cJSON, which sees only what the scan let through. Both take linear
 * time; looking for duplicate keys takes k log k for an object of k keys.
 */
#include "common/proto/json.h"

#include "common/base/secret.h"
#include "common/proto/validate.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/* ---- The arena. Holds all the nodes and strings of the documents alive; a piece that doesn't fit
 * comes from malloc. Wiped when given back, as a document may hold a password. ---- */

#define ARENA_SIZE ((size_t)256 * 1024)
#define ALIGNMENT 16

static struct {
    _Alignas(ALIGNMENT) unsigned char block[ARENA_SIZE];
    size_t used;
    size_t documents; /* alive */
    size_t spilled;   /* allocations alive that came from malloc */
} arena;

/* Stands before a block from malloc, so that it can be wiped. */
struct spill {
    _Alignas(ALIGNMENT) size_t size;
};

static void *spill_alloc(size_t size) {
    struct spill *s = size <= SIZE_MAX - sizeof *s ? malloc(sizeof *s + size) : NULL;
    if (!s)
        return NULL;
    s->size = size;
    arena.spilled++;
    return s + 1;
}

static void *arena_alloc(size_t size) {
    if (size > ARENA_SIZE - arena.used)
        return spill_alloc(size);
    unsigned char *p = arena.block + arena.used;
    /* never beyond ARENA_SIZE, which is a multiple of ALIGNMENT too */
    arena.used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

static void arena_free(void *p) {
    unsigned char *bytes = p;
    if (!p || (bytes >= arena.block && bytes < arena.block + ARENA_SIZE))
        return;
    struct spill *s = (struct spill *)p - 1;
    secret_wipe(p, s->size);
    free(s);
    arena.spilled--;
}

static void arena_reset(void) {
    ASAN_UNPOISON_MEMORY_REGION(arena.block, arena.used);
    secret_wipe(arena.block, arena.used);
    ASAN_POISON_MEMORY_REGION(arena.block, ARENA_SIZE);
    arena.used = 0;
}

/* cJSON has one set of hooks for the whole process: they are ours only while we are in it, so that
 * other users of cJSON (the tests) get what they expect. */
static cJSON *tree_parse(const char *text, size_t len) {
    cJSON_Hooks hooks = {.malloc_fn = arena_alloc, .free_fn = arena_free};
    cJSON_InitHooks(&hooks);
    cJSON *tree = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    cJSON_InitHooks(NULL);
    return tree;
}

static void tree_free(cJSON *tree) {
    if (arena.spilled == 0)
        return; /* all of it is in the arena, and goes with that */
    cJSON_Hooks hooks = {.malloc_fn = arena_alloc, .free_fn = arena_free};
    cJSON_InitHooks(&hooks);
    cJSON_Delete(tree);
    cJSON_InitHooks(NULL);
}

/* ---- The scan. ---- */

#define VALUES_DEFAULT 1000
#define NUMBER_MAX 63  /* characters of a number: cJSON as released (1.7.15) reads no more */
#define KEYS_INLINE 64 /* keys of open objects remembered without malloc */
#define KEYS_LINEAR 16 /* an object of at most so many is compared each with each */

/* A key as it stands in the text, without its quotes. */
struct key {
    const char *text;
    size_t len;
    bool escaped;
};

/* One pass over the text. Functions return false when they have filled `e`. */
struct scan {
    const char *start, *at, *end;
    size_t values, max_values;
    struct key *keys; /* of all the objects that are open now, outermost first */
    size_t key_count, key_size;
    struct key first_keys[KEYS_INLINE];
    struct err *e;
};

static bool scan_fail(struct scan *s, const char *at, const char *what) {
    err_set(s->e, ERR_BAD_JSON, "%s at byte %zu", what, (size_t)(at - s->start));
    return false;
}

static bool fail_here(struct scan *s) {
    return scan_fail(s, s->at,
                     s->at == s->end ? "the text ends too early" : "unexpected character");
}

static bool is_digit(const struct scan *s) {
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool next_is(const struct scan *s, char c) {
    return s->at < s->end && *s->at == c;
}

static bool accept(struct scan *s, char c) {
    if (!next_is(s, c))
        return false;
    s->at++;
    return true;
}

static void skip_space(struct scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* Eight bytes at once: is one of them below 0x20, a quote or a backslash? */
static bool has_special(uint64_t w) {
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), backslash = w ^ (ones * '\\');
    return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           high;
}

static void skip_plain(struct scan *s) {
    uint64_t w;
    while ((size_t)(s->end - s->at) >= sizeof w) {
        memcpy(&w, s->at, sizeof w);
        if (has_special(w))
            break;
        s->at += sizeof w;
    }
    while (s->at < s->end && (unsigned char)*s->at >= 0x20 && *s->at != '"' && *s->at != '\\')
        s->at++;
}

/* The value of four hex digits, -1 if they are not. */
static int32_t hex4(const char *p, const char *end) {
    if (end - p < 4)
        return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static bool is_high(int32_t unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* After "\u". A character beyond U+FFFF is a pair of them. */
static bool scan_unicode(struct scan *s) {
    const char *escape = s->at - 2;
    int32_t unit = hex4(s->at, s->end);
    if (unit < 0)
        return scan_fail(s, escape, "bad \\u escape");
    if (unit == 0)
        return scan_fail(s, escape, "\\u0000");
    s->at += 4;
    if (is_high(unit) && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u' &&
        is_low(hex4(s->at + 2, s->end))) {
        s->at += 6;
        return true;
    }
    if (is_high(unit) || is_low(unit))
        return scan_fail(s, escape, "lone surrogate");
    return true;
}

/* After a backslash. */
static bool scan_escape(struct scan *s) {
    if (accept(s, 'u'))
        return scan_unicode(s);
    if (s->at == s->end)
        return fail_here(s);
    if (!memchr("\"\\/bfnrt", *s->at, 8))
        return scan_fail(s, s->at - 1, "bad escape");
    s->at++;
    return true;
}

/* At the opening quote, and then after the closing one. */
static bool scan_string(struct scan *s, bool *escaped) {
    s->at++;
    *escaped = false;
    for (;;) {
        skip_plain(s);
        if (accept(s, '"'))
            return true;
        if (!accept(s, '\\'))
            return s->at == s->end ? fail_here(s) : scan_fail(s, s->at, "raw control character");
        *escaped = true;
        if (!scan_escape(s))
            return false;
    }
}

/* Has a number of the JSON grammar a finite value? Only an exponent can take it out of range.
 * strtod gets it without the decimal point, which it would want as the locale has it. */
static bool is_finite(const char *number, size_t len) {
    char text[NUMBER_MAX + 32];
    memcpy(text, number, len);
    text[len] = '\0';
    char *e = strpbrk(text, "eE");
    if (!e)
        return true;
    long exponent = strtol(e + 1, NULL, 10);
    if (exponent > 1000)
        exponent = 1000;
    if (exponent < -1000)
        exponent = -1000;
    char *point = memchr(text, '.', (size_t)(e - text));
    if (point) {
        exponent -= e - point - 1;
        memmove(point, point + 1, (size_t)(e - point - 1));
        e--;
    }
    snprintf(e, sizeof text - (size_t)(e - text), "e%ld", exponent);
    return isfinite(strtod(text, NULL));
}

static bool scan_digits(struct scan *s) {
    if (!is_digit(s))
        return fail_here(s);
    while (is_digit(s))
        s->at++;
    return true;
}

static bool scan_number(struct scan *s) {
    const char *begin = s->at;
    accept(s, '-');
    if (accept(s, '0')) {
        if (is_digit(s))
            return scan_fail(s, begin, "number with a leading zero");
    } else if (!scan_digits(s))
        return false;
    if (accept(s, '.') && !scan_digits(s))
        return false;
    if (accept(s, 'e') || accept(s, 'E')) {
        if (!accept(s, '+'))
            accept(s, '-');
        if (!scan_digits(s))
            return false;
    }
    size_t len = (size_t)(s->at - begin);
    if (len > NUMBER_MAX)
        return scan_fail(s, begin, "number too long");
    return is_finite(begin, len) || scan_fail(s, begin, "number out of range");
}

static bool scan_word(struct scan *s, const char *word) {
    for (; *word; word++)
        if (!accept(s, *word))
            return fail_here(s);
    return true;
}

/* The next code point of a key that the scan has found to be right; -1 at its end. */
static int32_t next_point(const char **at, const char *end) {
    const char *p = *at;
    if (p == end)
        return -1;
    int32_t c = (unsigned char)*p++;
    if (c >= 0x80) {
        int more = 1 + (c >= 0xE0) + (c >= 0xF0);
        c &= 0x3F >> more;
        while (more-- > 0)
            c = c << 6 | (*p++ & 0x3F);
    } else if (c == '\\') {
        const char *plain = strchr("b\bf\fn\nr\rt\t", *p);
        c = plain ? plain[1] : *p;
        if (*p++ == 'u') {
            c = hex4(p, end);
            p += 4;
            if (is_high(c)) {
                c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2, end) - 0xDC00);
                p += 6;
            }
        }
    }
    *at = p;
    return c;
}

/* By code points, which for unescaped keys is the order of their bytes. */
static int compare_keys(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (!a->escaped && !b->escaped) {
        int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
        return order ? order : (a->len > b->len) - (a->len < b->len);
    }
    const char *p = a->text, *q = b->text;
    for (;;) {
        int32_t c = next_point(&p, a->text + a->len), d = next_point(&q, b->text + b->len);
        if (c != d || c < 0)
            return (c > d) - (c < d);
    }
}

static bool same_key(const struct key *a, const struct key *b) {
    if (!a->escaped && !b->escaped)
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    return compare_keys(a, b) == 0;
}

static bool fail_duplicate(struct scan *s, const struct key *k) {
    return scan_fail(s, k->text - 1, "duplicate key");
}

static bool grow_keys(struct scan *s) {
    size_t size = s->key_size * 2;
    bool inlined = s->keys == s->first_keys;
    struct key *keys = realloc(inlined ? NULL : s->keys, size * sizeof *keys);
    if (!keys) {
        err_set(s->e, ERR_INTERNAL, "out of memory");
        return false;
    }
    if (inlined)
        memcpy(keys, s->first_keys, sizeof s->first_keys);
    s->keys = keys;
    s->key_size = size;
    return true;
}

/* Adds a key to the innermost object, whose keys begin at `base`. */
static bool add_key(struct scan *s, size_t base, struct key k) {
    if (s->key_count - base < KEYS_LINEAR)
        for (size_t i = base; i < s->key_count; i++)
            if (same_key(&s->keys[i], &k))
                return fail_duplicate(s, &k);
    if (s->key_count == s->key_size && !grow_keys(s))
        return false;
    s->keys[s->key_count++] = k;
    return true;
}

/* At the end of the innermost object: forgets its keys, after a look at those that add_key let
 * pass. */
static bool drop_keys(struct scan *s, size_t base) {
    struct key *keys = s->keys + base;
    size_t count = s->key_count - base;
    s->key_count = base;
    if (count <= KEYS_LINEAR)
        return true;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (same_key(&keys[i - 1], &keys[i]))
            return fail_duplicate(s, keys[i - 1].text > keys[i].text ? &keys[i - 1] : &keys[i]);
    return true;
}

static bool scan_value(struct scan *s, unsigned depth);

static bool scan_member(struct scan *s, size_t base, unsigned depth) {
    if (!next_is(s, '"'))
        return fail_here(s);
    struct key k = {.text = s->at + 1};
    if (!scan_string(s, &k.escaped))
        return false;
    k.len = (size_t)(s->at - 1 - k.text);
    if (!add_key(s, base, k))
        return false;
    skip_space(s);
    if (!accept(s, ':'))
        return fail_here(s);
    skip_space(s);
    return scan_value(s, depth);
}

/* `depth` is that of the object itself, 1 for the outermost. */
static bool scan_object(struct scan *s, unsigned depth) {
    size_t base = s->key_count;
    s->at++;
    skip_space(s);
    if (accept(s, '}'))
        return true;
    for (;;) {
        if (!scan_member(s, base, depth + 1))
            return false;
        skip_space(s);
        if (accept(s, '}'))
            return drop_keys(s, base);
        if (!accept(s, ','))
            return fail_here(s);
        skip_space(s);
    }
}

static bool scan_array(struct scan *s, unsigned depth) {
    s->at++;
    skip_space(s);
    if (accept(s, ']'))
        return true;
    for (;;) {
        if (!scan_value(s, depth + 1))
            return false;
        skip_space(s);
        if (accept(s, ']'))
            return true;
        if (!accept(s, ','))
            return fail_here(s);
        skip_space(s);
    }
}

static bool scan_value(struct scan *s, unsigned depth) {
    if (s->at == s->end)
        return fail_here(s);
    if (++s->values > s->max_values)
        return scan_fail(s, s->at, "too many values");
    bool escaped, nests = *s->at == '{' || *s->at == '[';
    if (nests && depth > JSON_DEPTH_MAX)
        return scan_fail(s, s->at, "nested too deeply");
    switch (*s->at) {
    case '{':
        return scan_object(s, depth);
    case '[':
        return scan_array(s, depth);
    case '"':
        return scan_string(s, &escaped);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return next_is(s, '-') || is_digit(s) ? scan_number(s) : fail_here(s);
    }
}

static bool fail_utf8(struct scan *s) {
    for (;;) {
        size_t n = 1, left = (size_t)(s->end - s->at);
        while (n <= 4 && n <= left && !utf8_valid(s->at, n))
            n++;
        if (n > 4 || n > left)
            return scan_fail(s, s->at, "invalid UTF-8");
        s->at += n;
    }
}

static bool scan_document(struct scan *s) {
    size_t len = (size_t)(s->end - s->at);
    if (!utf8_valid(s->at, len))
        return fail_utf8(s);
    if (len >= 3 && memcmp(s->at, "\xEF\xBB\xBF", 3) == 0)
        return scan_fail(s, s->at, "byte order mark");
    skip_space(s);
    if (s->at < s->end && !next_is(s, '{'))
        return scan_fail(s, s->at, "not an object");
    if (!scan_value(s, 1))
        return false;
    skip_space(s);
    return s->at == s->end || scan_fail(s, s->at, "text after the object");
}

static bool scan(const char *text, size_t len, size_t max_values, struct err *e) {
    struct scan s;
    s.start = s.at = text;
    s.end = text + len;
    s.values = 0;
    s.max_values = max_values ? max_values : VALUES_DEFAULT;
    s.keys = s.first_keys;
    s.key_count = 0;
    s.key_size = KEYS_INLINE;
    s.e = e;
    bool ok = scan_document(&s);
    if (s.keys != s.first_keys)
        free(s.keys);
    return ok;
}

/* ---- The interface. A struct json is a cJSON under another name. ---- */

struct json *json_parse(const char *text, size_t len, size_t max_values, struct err *e) {
    if (!scan(text, len, max_values, e))
        return NULL;
    cJSON *tree = tree_parse(text, len);
    if (!tree) {
        if (arena.documents == 0)
            arena_reset();
        err_set(e, ERR_INTERNAL, "out of memory"); /* cJSON takes all that the scan lets through */
        return NULL;
    }
    arena.documents++;
    return (struct json *)tree;
}

void json_free(struct json *doc) {
    if (!doc)
        return;
    tree_free((cJSON *)doc);
    if (--arena.documents == 0)
        arena_reset();
}

/* NULL: not there, or null. */
static const cJSON *find(const struct json *obj, const char *key) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive((const cJSON *)obj, key);
    return v && cJSON_IsNull(v) ? NULL : v;
}

enum json_result json_str(const struct json *obj, const char *key, const char **s, size_t *len) {
    const cJSON *v = find(obj, key);
    if (!v)
        return JSON_ABSENT;
    if (!cJSON_IsString(v))
        return JSON_WRONG;
    *s = v->valuestring;
    *len = strlen(v->valuestring); /* the scan refused \u0000 */
    return JSON_OK;
}

#define INTEGER_END 9007199254740992.0 /* 2^53: from here on doubles skip integers */

enum json_result json_i64(const struct json *obj, const char *key, int64_t *v) {
    const cJSON *n = find(obj, key);
    if (!n)
        return JSON_ABSENT;
    if (!cJSON_IsNumber(n) || n->valuedouble <= -INTEGER_END || n->valuedouble >= INTEGER_END)
        return JSON_WRONG;
    int64_t whole = (int64_t)n->valuedouble;
    if (n->valuedouble < (double)whole || n->valuedouble > (double)whole)
        return JSON_WRONG;
    *v = whole;
    return JSON_OK;
}

enum json_result json_u64(const struct json *obj, const char *key, uint64_t max, uint64_t *v) {
    int64_t n;
    enum json_result result = json_i64(obj, key, &n);
    if (result != JSON_OK)
        return result;
    if (n < 0 || (uint64_t)n > max)
        return JSON_WRONG;
    *v = (uint64_t)n;
    return JSON_OK;
}

enum json_result json_bool(const struct json *obj, const char *key, bool *v) {
    const cJSON *b = find(obj, key);
    if (!b)
        return JSON_ABSENT;
    if (!cJSON_IsBool(b))
        return JSON_WRONG;
    *v = cJSON_IsTrue(b);
    return JSON_OK;
}

static enum json_result container(const cJSON *c, bool kind, const struct json **v) {
    if (!c)
        return JSON_ABSENT;
    if (!kind)
        return JSON_WRONG;
    *v = (const struct json *)c;
    return JSON_OK;
}

enum json_result json_obj(const struct json *obj, const char *key, const struct json **v) {
    const cJSON *c = find(obj, key);
    return container(c, cJSON_IsObject(c), v);
}

enum json_result json_arr(const struct json *obj, const char *key, const struct json **v) {
    const cJSON *c = find(obj, key);
    return container(c, cJSON_IsArray(c), v);
}

const struct json *json_first(const struct json *arr) {
    return arr ? (const struct json *)((const cJSON *)arr)->child : NULL;
}

const struct json *json_next(const struct json *value) {
    return value ? (const struct json *)((const cJSON *)value)->next : NULL;
}

bool json_is_obj(const struct json *value) {
    return cJSON_IsObject((const cJSON *)value);
}

const char *json_library(void) {
    return cJSON_Version();
}
