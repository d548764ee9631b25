/* cmd_user - the rows of the commands about users. */
#include "chatctl/commands/user_commands.h"
#include "chatctl/table/commands.h"

/* clang-format off */
#define END_PARAMS {NULL, VALUE_NONE, false, false}
#define END_OPTS {NULL, 0, VALUE_NONE, NULL, NULL, NULL}
/* clang-format on */

static const struct param USER[] = {{"USER", VALUE_USER, false, false}, END_PARAMS};
static const struct param NEW_USER[] = {{"NAME", VALUE_TEXT, false, false}, END_PARAMS};
static const struct param USER_AND_NAME[] = {
    {"USER", VALUE_USER, false, false}, {"NAME", VALUE_TEXT, false, false}, END_PARAMS};

static const struct opt LIST_OPTS[] = {
    {"online", 'o', VALUE_NONE, NULL, NULL, "only users who are online"},
    {"banned", 0, VALUE_NONE, NULL, NULL, "only users who are banned"},
    {"match", 'm', VALUE_TEXT, "GLOB", NULL, "only names that match, of either case: 'a*'"},
    {"sort", 's', VALUE_CHOICE, NULL, "created|name", "by creation (default) or by name"},
    {"reverse", 0, VALUE_NONE, NULL, NULL, "the other way round: newest first"},
    {"limit", 'l', VALUE_NUMBER, "N", NULL, "at most N"},
    END_OPTS};
static const struct opt PASSWORD_OPTS[] = {{"password-file", 0, VALUE_FILE, "FILE", NULL,
                                            "the password is the first line of FILE; - is stdin"},
                                           END_OPTS};
static const struct opt PASSWD_OPTS[] = {
    {"password-file", 0, VALUE_FILE, "FILE", NULL,
     "the password is the first line of FILE; - is stdin"},
    {"keep-sessions", 0, VALUE_NONE, NULL, NULL, "whoever is signed in stays so"},
    END_OPTS};
static const struct opt DELETE_OPTS[] = {
    {"with-messages", 0, VALUE_NONE, NULL, NULL, "the user's messages go, too, for good"},
    END_OPTS};
static const struct opt BAN_OPTS[] = {
    {"for", 0, VALUE_DURATION, "TIME", NULL, "how long; without it for ever"},
    {"reason", 0, VALUE_TEXT, "TEXT", NULL, "why; for user show, the user isn't told"},
    END_OPTS};
static const struct opt KICK_OPTS[] = {
    {"keep-sessions", 0, VALUE_NONE, NULL, NULL, "close the connections only: programs come back"},
    END_OPTS};

const struct command CMD_USER[] = {
    {"user", "list", NULL, LIST_OPTS, "list users",
     "In the order of creation users are printed as they are read: memory does not grow with\n"
     "their number. --sort name needs about 100 bytes a user; with --limit N it holds 2 N of them, "
     "or N + 10,000.\n"
     "\nExamples:\n  chatctl user list --online\n  chatctl user list --match 'bot-*' --format tsv\n"
     "  chatctl user list --reverse --limit 10     # the newest",
     false, user_list},
    {"user", "show", USER, NULL, "show a user", "Example:\n  chatctl user show alice --json", false,
     user_show},
    {"user", "add", NEW_USER, PASSWORD_OPTS, "make a user",
     "Asks for the password on a terminal, twice and without echo.\n"
     "\nExamples:\n  chatctl user add alice\n  pass show alice | chatctl user add alice "
     "--password-file -",
     false, user_add},
    {"user", "passwd", USER, PASSWD_OPTS, "set a user's password, end the user's sessions",
     "Examples:\n  chatctl user passwd alice\n  chatctl user passwd alice --password-file new.txt "
     "--keep-sessions",
     false, user_passwd},
    {"user", "rename", USER_AND_NAME, NULL, "give a user another name",
     "Running chatds use the new name at once. Messages keep the name they were sent under.\n"
     "\nExample:\n  chatctl user rename alice \"Alice B\"",
     false, user_rename},
    {"user", "delete", USER, DELETE_OPTS, "delete a user",
     "Record, name, sessions and memberships go, and the connections are closed. The messages\n"
     "stay, with 'deleted user' as the sender's name, unless --with-messages is given; so do\n"
     "those that a purge took and `channel restore` can bring back. The channels' logs are copied\n"
     "for that in small batches, beside a running chat. Cut short, it leaves a banned user, who\n"
     "can be deleted again. --dry-run tells how many messages in which channels.\n"
     "\nExamples:\n  chatctl user delete mallory --dry-run\n  chatctl user delete mallory --yes",
     false, user_delete},
    {"user", "ban", USER, BAN_OPTS, "ban a user: out at once, and not in again",
     "Example:\n  chatctl user ban mallory --for 2h --reason 'spam in public'", false, user_ban},
    {"user", "unban", USER, NULL, "end a ban", "Example:\n  chatctl user unban mallory", false,
     user_unban},
    {"user", "kick", USER, KICK_OPTS, "close a user's connections and end the sessions",
     "The user may sign in again, with the password.\n\nExample:\n  chatctl user kick mallory",
     false, user_kick},
    {NULL, NULL, NULL, NULL, NULL, NULL, false, NULL},
};
