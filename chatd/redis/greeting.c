/* greeting - see greeting.h. */
#include "chatd/redis/greeting.h"

#include "common/base/log.h"
#include "common/redis/grants.h"
#include "common/redis/topology.h"

#include <stdio.h>
#include <string.h>

/* --- Answers: go on, try again later, or refused for good --- */

static bool is_fine(struct greeting *g, const struct redisReply *reply) {
    struct err e;
    enum err_code code = reply_ok(reply, &e);
    if (code == ERR_OK)
        return true;
    if (!reply)
        return false; /* went down already */
    if (code == ERR_UNAVAILABLE || reply_is_error(reply, "ERR max number"))
        g->end(g->arg, GREETING_LATER, e.detail);
    else
        g->end(g->arg, GREETING_REFUSED, reply_error(reply));
    return false;
}

static void answered(struct greeting *g) {
    if (--g->due == 0)
        g->end(g->arg, GREETING_DONE, NULL);
}

static void on_greeting(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    if (is_fine(g, reply))
        answered(g);
}

static void on_schema(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    const char *version;
    size_t len;
    struct err e;
    if (!is_fine(g, reply))
        return;
    if (reply_str(reply, &version, &len, &e) || !version || strcmp(version, SCHEMA_VERSION) != 0) {
        char why[96];
        snprintf(why, sizeof why, "the data under prefix %s has another schema than %s",
                 g->ks->prefix, SCHEMA_VERSION);
        g->end(g->arg, GREETING_REFUSED, why);
        return;
    }
    answered(g);
}

/* A Redis that throws keys away when it is full loses whatever it likes: a user's name as well as
 * messages. Redis' default, without a limit of its memory, throws nothing away. */
static void judge_eviction(struct greeting *g, const struct redisReply *memory) {
    char policy[32], refusal[128];
    if (!durability_evicts(memory, policy, sizeof policy)) {
        answered(g);
        return;
    }
    snprintf(refusal, sizeof refusal,
             "Redis throws data away when it is full: set maxmemory-policy noeviction (it is %s)",
             policy);
    if (g->link->durability != DURABILITY_REDIS) {
        g->end(g->arg, GREETING_REFUSED, refusal);
        return;
    }
    if (!g->evicts)
        log_warn("redis_evicts", "reason=\"%s\"", refusal);
    g->evicts = true;
    answered(g);
}

static void on_memory(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    if (reply) /* else it went down already */
        judge_eviction(arg, reply);
}

/* Not being allowed to look is no reason to stay away. */
static void on_run(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    if (!reply)
        return; /* went down already */
    reply_run(reply, g->run);
    answered(g);
}

static void on_role(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    if (!is_fine(g, reply))
        return;
    if (topology_is_master(reply))
        answered(g);
    else
        g->end(g->arg, GREETING_LATER, "it is no master");
}

/* A promise that Redis isn't set up to keep is refused; if none was asked for, that is told once.
 */
static void judge_durability(struct greeting *g, const struct persistence *p) {
    char why[128], refusal[160];
    enum durability asked = g->link->durability;
    bool kept = durability_kept(asked ? asked : DURABILITY_EVERYSEC, p, why, sizeof why);
    if (!kept && asked) {
        snprintf(refusal, sizeof refusal, "durability %s: %s", durability_name(asked), why);
        g->end(g->arg, GREETING_REFUSED, refusal);
        return;
    }
    if (!kept && !g->told)
        log_warn("little_durability", "reason=\"%s\"", why);
    g->told = true;
    answered(g);
}

static void on_info(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct persistence p;
    if (!reply)
        return;
    durability_from_info(reply, &p);
    judge_durability(arg, &p);
}

static void on_config(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    struct persistence p;
    if (!reply)
        return;
    if (durability_from_config(reply, &p)) {
        judge_durability(g, &p);
        return;
    }
    cmd_info(g->cmd, "persistence");
    g->send(g->arg, g->cmd, on_info, g, NULL);
}

/* A command that it will need some time is asked for now: it had better not serve at all. */
static void on_grant(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    struct greeting *g = arg;
    char why[256];
    if (!reply)
        return; /* went down already */
    g->asked = grant_next(g->asked, GRANT_CHATD);
    if (reply_is_denied(reply)) {
        snprintf(why, sizeof why, "user %s may not: %s (%s)",
                 *g->uri->user ? g->uri->user : "default", g->asked->command, reply_error(reply));
        g->end(g->arg, GREETING_REFUSED, why);
    } else
        answered(g);
}

static void on_sentinel_greeting(const struct redisReply *reply, void *arg, link_aux aux) {
    (void)aux;
    if (reply)
        answered(arg);
}

/* --- Questions --- */

static void ask(struct greeting *g, link_reply_fn fn) {
    g->due++;
    g->send(g->arg, g->cmd, fn, g, NULL);
}

static void ask_grants(struct greeting *g) {
    g->asked = NULL;
    for (const struct grant *next = NULL; (next = grant_next(next, GRANT_CHATD));) {
        grant_ask(g->cmd, g->ks, next);
        ask(g, on_grant);
    }
}

static void greet_store(struct greeting *g) {
    ask_grants(g);
    cmd_info(g->cmd, "server");
    ask(g, on_run);
    cmd_info(g->cmd, "memory");
    ask(g, on_memory);
    cmd_persistence(g->cmd);
    ask(g, on_config);
    if (!g->link->shard) {
        cmd_schema_claim(g->cmd, g->ks);
        ask(g, on_greeting);
        cmd_schema_get(g->cmd, g->ks);
        ask(g, on_schema);
    }
    for (enum script i = 0; i < SCRIPTS; i++) {
        cmd_script_load(g->cmd, i);
        ask(g, on_greeting);
    }
}

void greeting_begin(struct greeting *g) {
    link_reply_fn fn = g->link->sentinel ? on_sentinel_greeting : on_greeting;
    g->due = 0;
    g->run[0] = '\0';
    if (*g->uri->password) {
        cmd_auth(g->cmd, g->uri->user, g->uri->password);
        ask(g, fn);
    }
    if (g->uri->db) {
        cmd_select(g->cmd, g->uri->db);
        ask(g, fn);
    }
    cmd_client_name(g->cmd, g->name);
    ask(g, fn);
    if (g->link->master) {
        cmd_role(g->cmd);
        ask(g, on_role);
    }
    if (g->link->role == LINK_STORE)
        greet_store(g);
}
