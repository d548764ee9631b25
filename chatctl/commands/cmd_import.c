/* cmd_import - import: what export wrote, into an empty prefix; with --merge into one in use, where
 * what is there stays as it is: users keep their records, names their users, and of a channel only
 * what is newer than its last message is added.
 *
 * The file is read twice: what contradicts itself is found first (import_check.h), and left out.
 * Then lines are turned into commands that travel in batches; memory is bounded by one, and by the
 * names of users and channels. Everything may be imported again: an import that was interrupted is
 * finished by `import --merge` of the same file.
 */
#include "chatctl/ops/ask.h"
#include "chatctl/ops/import.h"
#include "chatctl/ops/transfer.h"
#include "chatctl/table/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Lines --- */

static enum status import_end(struct invocation *in, struct import *m, const struct json *doc) {
    (void)in;
    m->ended = true;
    if (json_u64(doc, "messages", IMPORT_MS_MAX, &m->expected_messages) != JSON_OK)
        return import_bad_line(m, m->line, "a wrong end");
    return STATUS_DONE;
}

static bool is_a(const char *type, size_t len, const char *name) {
    return len == strlen(name) && memcmp(type, name, len) == 0;
}

static enum status import_doc(struct invocation *in, struct import *m, const struct json *doc,
                              const char *text, size_t len) {
    static const struct {
        const char *type;
        enum status (*fn)(struct invocation *in, struct import *m, const struct json *doc);
    } TYPES[] = {{"message", import_message}, {"joined", import_joined}, {"member", import_member},
                 {"channel", import_channel}, {"mark", import_mark},     {"entry", import_entry},
                 {"end", import_end}};
    const char *type;
    size_t n;
    if (json_str(doc, "type", &type, &n) != JSON_OK)
        return import_bad_line(m, m->line, "a line without a type");
    if (import_check_refuses(&m->check, doc)) {
        m->skipped += is_a(type, n, "message") || is_a(type, n, "entry");
        return STATUS_DONE;
    }
    if (is_a(type, n, "user"))
        return import_user(in, m, doc, text, len);
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (is_a(type, n, TYPES[i].type))
            return TYPES[i].fn(in, m, doc);
    return import_bad_line(m, m->line, "a line of an unknown type: made by a newer chatctl?");
}

static enum status check_first(struct import *m, const struct json *doc) {
    const char *type;
    size_t n;
    uint64_t version;
    if (json_str(doc, "type", &type, &n) == JSON_OK && is_a(type, n, "chat-export") &&
        json_u64(doc, "version", 1000, &version) == JSON_OK && version == TRANSFER_VERSION)
        return STATUS_DONE;
    return import_bad_line(m, m->line, "not an export of this version of chatctl");
}

static enum status import_line(struct invocation *in, struct import *m, const char *text,
                               size_t len) {
    struct err e = {0};
    struct json *doc = m->ended ? NULL : json_parse(text, len, 0, &e);
    if (!doc)
        return import_bad_line(m, m->line, m->ended ? "a line behind the end" : e.detail);
    enum status st = m->line == 1 ? check_first(m, doc) : import_doc(in, m, doc, text, len);
    json_free(doc);
    return st;
}

static enum status import_lines(struct invocation *in, struct import *m) {
    char *text = NULL;
    size_t room = 0;
    ssize_t len;
    enum status st = STATUS_DONE;
    while (st == STATUS_DONE && !interrupted() && (len = getline(&text, &room, m->file)) > 0) {
        m->line++;
        len -= text[len - 1] == '\n';
        st = (size_t)len <= TRANSFER_LINE ? import_line(in, m, text, (size_t)len)
                                          : import_bad_line(m, m->line, "too long");
        progress_add(&m->bar, 1);
    }
    free(text);
    if (st == STATUS_DONE)
        st = import_held(in, m);
    for (size_t i = 0; i < m->nheld; i++)
        free(m->held[i].text);
    if (st == STATUS_DONE && interrupted())
        st = STATUS_INTERRUPTED;
    if (st == STATUS_DONE && !m->ended)
        st = import_bad_line(m, m->line + 1, "the file was cut: its end is missing");
    if (st == STATUS_DONE && m->messages + m->known + m->skipped != m->expected_messages)
        st = import_bad_line(m, m->line, "the file has fewer messages than its end says");
    return st;
}

/* --- The first reading --- */

/* What can't be read once more - a pipe - is kept in a file without a name. NULL: errno says why.
 */
static FILE *rewindable(FILE *in) {
    char path[4096], block[65536];
    const char *dir = getenv("TMPDIR");
    size_t n;
    if (fseeko(in, 0, SEEK_CUR) == 0)
        return in;
    snprintf(path, sizeof path, "%s/chatctl.XXXXXX", dir && *dir ? dir : "/var/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *kept = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!kept)
        return NULL;
    unlink(path);
    while (!interrupted() && (n = fread(block, 1, sizeof block, in)) > 0)
        if (fwrite(block, 1, n, kept) != n)
            break;
    bool whole = !ferror(in) && !ferror(kept) && fflush(kept) == 0;
    if (whole) {
        rewind(kept);
        return kept;
    }
    fclose(kept);
    return NULL;
}

static bool check_text(struct import *m, const char *text, size_t len) {
    struct err e = {0};
    struct json *doc = len <= TRANSFER_LINE ? json_parse(text, len, 0, &e) : NULL;
    bool good = doc && import_check_item(&m->check, doc, m->line);
    json_free(doc);
    return good;
}

/* Ends where the second reading will stop, which says why: at the line that is returned; 0: at the
 * end. */
static uint64_t check_lines(struct import *m) {
    char *text = NULL;
    size_t room = 0;
    ssize_t len;
    bool good = true;
    off_t begin = ftello(m->file);
    while (good && !interrupted() && (len = getline(&text, &room, m->file)) > 0) {
        m->line++;
        good = check_text(m, text, (size_t)len - (text[len - 1] == '\n'));
    }
    free(text);
    uint64_t stopped = good ? 0 : m->line;
    m->line = 0;
    fseeko(m->file, begin, SEEK_SET);
    return stopped;
}

/* --- import --- */

static enum status check_empty(struct invocation *in, bool merge) {
    struct cmd *c = redis_sync_cmd(in->redis);
    int64_t users, channels;
    cmd_users_count(c, redis_sync_keys(in->redis));
    enum status st = ask_i64(in, &users);
    if (st != STATUS_DONE)
        return st;
    cmd_begin(c, "ZCARD");
    cmd_global_key(c, redis_sync_keys(in->redis), KEY_CHANNEL_INDEX);
    st = ask_i64(in, &channels);
    if (st != STATUS_DONE || merge || (users == 0 && channels == 0))
        return st;
    complain("there are %" PRId64 " users and %" PRId64 " channels under %s: --merge adds to them",
             users, channels, redis_sync_keys(in->redis)->prefix);
    return STATUS_CONFLICT;
}

static void say_imported(struct invocation *in, const struct import *m, enum status st) {
    if (st == STATUS_DONE)
        say(in, "%" PRIu64 " users, %" PRIu64 " channels, %" PRIu64 " messages imported", m->users,
            m->channels, m->messages);
    else
        complain("stopped at line %" PRIu64 ": `import --merge` of the same file goes on", m->line);
    if (m->check.wrong_users || m->check.wrong_channels)
        complain("left out, since they can't be so: %" PRIu64 " users, %" PRIu64 " channels",
                 m->check.wrong_users, m->check.wrong_channels);
    if (m->known)
        say(in, "%" PRIu64 " messages are left out: known, or of another history", m->known);
}

static enum status import_file(struct invocation *in, struct import *m) {
    FILE *given = m->file;
    m->file = rewindable(given);
    if (!m->file) {
        m->file = given;
        if (interrupted())
            return STATUS_INTERRUPTED;
        complain("%s can't be kept for a second reading: %s; see TMPDIR", m->path, strerror(errno));
        return STATUS_FAILED;
    }
    progress_begin(&m->bar, "importing", 0, in->quiet);
    uint64_t stopped = check_lines(m);
    enum status st = interrupted() ? STATUS_INTERRUPTED : STATUS_DONE;
    if (st == STATUS_DONE && in->dry_run && stopped)
        st = import_bad_line(m, stopped, "no line of an export: an import would stop here");
    if (st == STATUS_DONE && !in->dry_run)
        st = ask_schema_claim(in);
    if (st == STATUS_DONE && !in->dry_run)
        st = import_lines(in, m);
    progress_end(&m->bar);
    if (!in->dry_run)
        say_imported(in, m, st);
    else
        say(in, "would import %zu users, %zu channels", m->check.users.count - m->check.wrong_users,
            m->check.channels.count - m->check.wrong_channels);
    if (st == STATUS_DONE && (m->check.wrong_users || m->check.wrong_channels))
        st = STATUS_FAILED;
    if (st == STATUS_DONE && m->refused)
        st = STATUS_CONFLICT;
    if (m->file != given)
        fclose(m->file);
    m->file = given;
    return st;
}

/* It opens, and reads as if it were empty. */
static bool is_directory(FILE *f) {
    struct stat st;
    return fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode);
}

static enum status import(struct invocation *in) {
    const char *path = in->nargs && strcmp(in->args[0], "-") != 0 ? in->args[0] : NULL;
    struct import *m = calloc(1, sizeof *m);
    if (!m)
        return status_no_memory();
    m->merge = opt_given(in, "merge");
    m->path = path ? path : "stdin";
    m->file = path ? fopen(path, "r") : stdin;
    if (!m->file || is_directory(m->file)) {
        complain("%s: %s", m->path, strerror(m->file ? EISDIR : errno));
        if (m->file && path)
            fclose(m->file);
        free(m);
        return STATUS_FAILED;
    }
    enum status st = check_empty(in, m->merge);
    if (st == STATUS_DONE)
        st = import_check_init(&m->check, m->path) ? import_file(in, m) : status_no_memory();
    import_check_free(&m->check);
    if (path)
        fclose(m->file);
    free(m);
    return st;
}

static const struct param FILE_ARG[] = {{"FILE", VALUE_FILE, true, false}, {0}};
static const struct opt OPTS[] = {
    {"merge", 0, VALUE_NONE, NULL, NULL, "add to what is there; nothing that is there changes"},
    {0}};

const struct command CMD_IMPORT[] = {
    {NULL, "import", FILE_ARG, OPTS, "read what export wrote",
     "From FILE, or stdin. Into an empty prefix, or with --merge into one in use. What contradicts "
     "itself - a user,\n"
     "a channel - is said with its line and left out; the exit status is 1 then. --dry-run looks "
     "for it only.\n\n"
     "Examples:\n  chatctl import chat.jsonl\n  zcat chat.jsonl.gz | chatctl --prefix copy: "
     "import\n",
     false, import},
    {0}};
