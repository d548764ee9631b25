/* complete - see complete.h. */
#include "chatctl/cli/complete.h"

#include "chatctl/ops/lookup.h"
#include "chatctl/table/commands.h"
#include "chatctl/table/settings.h"
#include "chatctl/term/words.h"
#include "common/base/clock.h"
#include "common/base/sanitize.h"
#include "common/proto/validate.h"
#include "common/redis/reply.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

#define NAMES_MAX 100  /* candidates that anybody would look at */
#define SEARCH_MS 120  /* spent on looking for them */
#define ANSWER_MS 100  /* a Redis that takes longer is as good as down */
#define GIVE_UP_MS 250 /* then the program ends, wherever it is */
#define ONLINE_PAGES 4
#define CHANNELS_MAX 200 /* the most active ones */

struct search {
    const char *word; /* to be completed */
    const char *lead; /* "--as=": stands before each candidate */
    size_t found;
    char names[NAMES_MAX][NAME_MAX_BYTES + 1]; /* those given out, so that none is twice */
    complete_redis_fn *redis;
    complete_fn *fn;
    void *arg;
};

static void give(struct search *s, const char *candidate, const char *help) {
    char text[512];
    if (strncasecmp(candidate, s->word, strlen(s->word)) != 0)
        return;
    snprintf(text, sizeof text, "%s%s", s->lead, candidate);
    s->fn(text, help ? help : "", s->arg);
}

/* --- Commands and options --- */

static void give_verbs(struct search *s, const char *noun) {
    const struct command *c;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (c->noun && strcmp(c->noun, noun) == 0)
            give(s, c->verb, c->help);
}

/* A noun's description is its verbs. */
static void give_noun(struct search *s, const char *noun) {
    char verbs[256] = "";
    const struct command *c;
    for (size_t i = 0; (c = commands_at(i)); i++)
        if (c->noun && strcmp(c->noun, noun) == 0) {
            size_t len = strlen(verbs);
            snprintf(verbs + len, sizeof verbs - len, "%s%s", len ? ", " : "", c->verb);
        }
    give(s, noun, verbs);
}

static void give_first_words(struct search *s) {
    const struct command *c;
    const char *before = "";
    for (size_t i = 0; (c = commands_at(i)); i++) {
        if (!c->noun)
            give(s, c->verb, c->help);
        else if (strcmp(c->noun, before) != 0)
            give_noun(s, c->noun);
        before = c->noun ? c->noun : "";
    }
}

static void give_opts(struct search *s, const struct command_line *cl) {
    const struct opt *tables[] = {cl->command ? cl->command->opts : NULL, GLOBAL_OPTS};
    for (size_t t = 0; t < 2; t++)
        for (const struct opt *o = tables[t]; o && o->name; o++) {
            char flag[64];
            snprintf(flag, sizeof flag, "--%s", o->name);
            give(s, flag, o->help);
        }
}

static void give_choices(struct search *s, const char *choices) {
    char word[64];
    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(c, "|"), c);
        give(s, word, "");
    }
}

/* --- Users --- */

/* A name that would act on the terminal is not offered. */
static bool is_plain(const char *name) {
    struct buf safe;
    buf_init(&safe, 4 * NAME_MAX_BYTES + 16);
    sanitize(&safe, name, strlen(name), false);
    bool same = strcmp(buf_cstr(&safe), name) == 0;
    buf_free(&safe);
    return same;
}

static void give_name(struct search *s, const char *name, const char *help) {
    if (s->found == NAMES_MAX || !*name || !is_plain(name) ||
        strncasecmp(name, s->word, strlen(s->word)) != 0)
        return;
    for (size_t i = 0; i < s->found; i++)
        if (strcmp(s->names[i], name) == 0)
            return;
    snprintf(s->names[s->found++], sizeof s->names[0], "%s", name);
    give(s, name, help);
}

/* The user of exactly this name, whom a long list might hide. */
static void give_exact(struct search *s, struct redis_sync *redis) {
    char folded[NAME_FOLDED_MAX + 1];
    struct user_row row = {0};
    size_t len;
    struct err e;
    if (name_check(s->word, strlen(s->word), row.name, &len, &e) ||
        !name_fold(row.name, len, folded, &len))
        return;
    cmd_name_get(redis_sync_cmd(redis), redis_sync_keys(redis), folded, len);
    const struct redisReply *r = redis_sync_do(redis, &e);
    if (!r || reply_uuid(r, &row.uuid, &e) || uuid_is_nil(&row.uuid) ||
        lookup_names(redis, &row, 1, &e))
        return;
    give_name(s, row.name, "");
}

/* Users who are online come first, then the newest; as many as time and taste allow. */
static void give_users(struct search *s, struct redis_sync *redis, uint64_t deadline) {
    struct user_row *rows = calloc(LOOKUP_PAGE, sizeof *rows);
    static const enum global_key SOURCES[] = {KEY_ONLINE, KEY_USERS};
    give_exact(s, redis);
    for (size_t k = 0; rows && k < 2; k++)
        for (uint64_t at = 0; s->found < NAMES_MAX && clock_mono_ms() < deadline;
             at += LOOKUP_PAGE) {
            size_t n;
            struct err e;
            if (k == 0 && at >= ONLINE_PAGES * LOOKUP_PAGE)
                break;
            if (lookup_page(redis, SOURCES[k], at, k == 1, rows, &n, &e) ||
                lookup_names(redis, rows, n, &e) || n == 0)
                break;
            for (size_t i = 0; i < n; i++)
                give_name(s, rows[i].name, k == 0 ? "online" : "");
        }
    free(rows);
}

/* --- Channels --- */

/* alice,bob or bob,alice, as the word begins. */
static void give_pair(struct search *s, const struct user_row *low, const struct user_row *high) {
    char pair[2 * NAME_MAX_BYTES + 2];
    if (!*low->name || !*high->name || !is_plain(low->name) || !is_plain(high->name))
        return;
    snprintf(pair, sizeof pair, "%s,%s", low->name, high->name);
    if (strncasecmp(pair, s->word, strlen(s->word)) != 0)
        snprintf(pair, sizeof pair, "%s,%s", high->name, low->name);
    give(s, pair, "");
}

static void give_channels(struct search *s, struct redis_sync *redis) {
    struct cmd *c = redis_sync_cmd(redis);
    struct user_row *rows = calloc(2 * CHANNELS_MAX, sizeof *rows);
    size_t n = 0, pairs = 0;
    struct err e;
    cmd_begin(c, "ZRANGE");
    cmd_global_key(c, redis_sync_keys(redis), KEY_CHANNEL_INDEX);
    cmd_i64(c, 0);
    cmd_i64(c, CHANNELS_MAX - 1);
    cmd_literal(c, "REV");
    const struct redisReply *r = rows ? redis_sync_do(redis, &e) : NULL;
    if (!r || reply_array(r, &n, &e))
        n = 0;
    for (size_t i = 0; i < n && i < CHANNELS_MAX; i++) {
        const char *id;
        size_t len;
        struct channel_id ch;
        if (reply_str(reply_item(r, i), &id, &len, &e) || !id || !channel_parse(id, len, &ch) ||
            ch.kind != CHANNEL_DM)
            continue;
        rows[2 * pairs].uuid = ch.low;
        rows[2 * pairs++ + 1].uuid = ch.high;
    }
    if (pairs && lookup_names(redis, rows, 2 * pairs, &e) == ERR_OK)
        for (size_t i = 0; i < pairs; i++)
            give_pair(s, &rows[2 * i], &rows[2 * i + 1]);
    free(rows);
}

/* --- What belongs here --- */

static enum completion give_value(struct search *s, const struct command_line *cl, enum value value,
                                  const char *choices) {
    struct redis_sync *redis = NULL;
    if (value == VALUE_FILE)
        return COMPLETE_FILES;
    if (value == VALUE_CHOICE)
        give_choices(s, choices);
    if (value == VALUE_CHANNEL)
        give(s, "public", "the public channel");
    if (value == VALUE_USER || value == VALUE_CHANNEL)
        redis = s->redis(cl, s->arg);
    if (redis && value == VALUE_USER)
        give_users(s, redis, clock_mono_ms() + SEARCH_MS);
    if (redis && value == VALUE_CHANNEL)
        give_channels(s, redis);
    return COMPLETE_WORDS;
}

/* --name=value in one word */
static enum completion give_long(struct search *s, const struct command_line *cl) {
    char lead[64];
    size_t len = strcspn(s->word, "=");
    if (!s->word[len]) {
        give_opts(s, cl);
        return COMPLETE_WORDS;
    }
    const struct opt *o = len > 2 ? parse_find_opt(cl, s->word + 2, len - 2) : NULL;
    if (!o || len + 2 > sizeof lead)
        return COMPLETE_WORDS;
    snprintf(lead, sizeof lead, "%.*s", (int)len + 1, s->word);
    s->lead = lead;
    s->word += len + 1;
    enum completion kind = give_value(s, cl, o->value, o->choices);
    s->lead = "";
    return kind;
}

static enum completion give_argument(struct search *s, const struct command_line *cl) {
    const struct param *p = cl->command->params;
    bool help = !cl->command->noun && strcmp(cl->command->verb, "help") == 0;
    if (help && cl->nargs == 0)
        give_first_words(s);
    else if (help && cl->nargs == 1)
        give_verbs(s, cl->args[0]);
    for (size_t i = 0; p && p->name && i < cl->nargs && !p->many; i++)
        p++;
    if (p && p->name)
        return give_value(s, cl, p->value, NULL);
    if (!cl->only_args)
        give_opts(s, cl);
    return COMPLETE_WORDS;
}

static enum completion look(struct search *s, const struct command_line *cl) {
    if (cl->pending)
        return give_value(s, cl, cl->pending->value, cl->pending->choices);
    if (*s->word == '-' && !cl->only_args)
        return give_long(s, cl);
    if (cl->command)
        return give_argument(s, cl);
    if (cl->noun)
        give_verbs(s, cl->noun);
    else
        give_first_words(s);
    return COMPLETE_WORDS;
}

enum completion complete(size_t n, char **words, complete_redis_fn *redis, complete_fn *fn,
                         void *arg) {
    struct search *s = calloc(1, sizeof *s);
    struct command_line cl = {0};
    enum completion kind = COMPLETE_WORDS;
    bool ok = s && n && parse_init(&cl, n);
    for (size_t i = 0; ok && i + 1 < n; i++)
        ok = parse_feed(&cl, words[i]);
    if (ok) {
        *s =
            (struct search){.word = words[n - 1], .lead = "", .redis = redis, .fn = fn, .arg = arg};
        kind = look(s, &cl);
    }
    parse_free(&cl);
    free(s);
    return kind;
}

/* --- chatctl __complete --- */

struct source {
    struct ctl_settings set;
    struct redis_sync *redis;
};

static struct redis_sync *open_quickly(const struct command_line *cl, void *arg) {
    struct source *src = arg;
    struct err e;
    if (!settings_load(&src->set, cl))
        return NULL;
    src->redis = redis_sync_open(&src->set.uri, &src->set.keys, ANSWER_MS, &e);
    return src->redis;
}

static void print_candidate(const char *candidate, const char *help, void *arg) {
    (void)arg;
    printf("%s\t%s\n", candidate, help);
}

static void give_up(int number) {
    (void)number;
    _exit(0);
}

/* As the user typed it; an open quote is closed. */
static char *unquoted(char *word) {
    struct words w;
    char *text = NULL;
    if (words_split(&w, word)) {
        const char *alone = *word == '#' ? word : ""; /* where no word is found */
        text = strdup(w.n ? w.v[0] : alone);
        words_free(&w);
    }
    return text ? text : word; /* lives as long as the program */
}

int complete_main(size_t n, char **words) {
    struct itimerval limit = {.it_value = {.tv_usec = GIVE_UP_MS * 1000}};
    struct source src = {.redis = NULL};
    bool quoted = n && strcmp(words[0], "--quoted") == 0;
    signal(SIGALRM, give_up);
    setitimer(ITIMER_REAL, &limit, NULL);
    if (!freopen("/dev/null", "w", stderr)) /* a prompt is no place for complaints */
        return 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was found counts, even if time runs out */
    for (size_t i = quoted; quoted && i < n; i++)
        words[i] = unquoted(words[i]);
    if (n > quoted &&
        complete(n - quoted, words + quoted, open_quickly, print_candidate, &src) == COMPLETE_FILES)
        puts(":files");
    redis_sync_close(src.redis);
    settings_free(&src.set);
    return 0;
}
