/* private_dir - see private_dir.h. */
#include "common/base/private_dir.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512

static bool make_dirs(const char *path) {
    char part[PATH_BYTES];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *p = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

/* The group that a user has for itself: where it is the usual one, the usual umask is 002. */
static bool is_own_group(gid_t gid) {
    const struct passwd *user = getpwuid(geteuid());
    char name[256];
    if (!user || user->pw_gid != gid)
        return false;
    snprintf(name, sizeof name, "%s", user->pw_name);
    const struct group *g = getgrgid(gid);
    return g && strcmp(g->gr_name, name) == 0 &&
           (!*g->gr_mem || (strcmp(*g->gr_mem, name) == 0 && !g->gr_mem[1]));
}

/* May others rename what is in it? */
static bool is_open(const struct stat *st) {
    if (st->st_mode & S_ISVTX)
        return false;
    return st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && !is_own_group(st->st_gid));
}

/* Looks at the directories above `path`, which it cuts piece by piece. */
static bool check_above(char *path, uid_t owner, char *why, size_t size) {
    struct stat st;
    char *slash;
    while ((slash = strrchr(path, '/')) && path[1]) {
        slash[slash == path] = '\0';
        if (stat(path, &st) != 0)
            snprintf(why, size, "%s: %s", path, strerror(errno));
        else if (st.st_uid != 0 && st.st_uid != owner)
            snprintf(why, size, "%s belongs to another user (uid %u), who could replace it", path,
                     (unsigned)st.st_uid);
        else if (is_open(&st))
            snprintf(why, size, "others may write to %s and replace it: chmod go-w %s", path, path);
        else
            continue;
        return false;
    }
    return true;
}

static bool check_itself(const char *path, uid_t owner, char *why, size_t size) {
    struct stat st;
    if (stat(path, &st) != 0)
        snprintf(why, size, "%s", strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        snprintf(why, size, "is no directory");
    else if (st.st_uid != owner)
        snprintf(why, size, "belongs to another user (uid %u; this is %u)", (unsigned)st.st_uid,
                 (unsigned)owner);
    else if (st.st_mode & 077)
        snprintf(why, size, "others can look into it: chmod 700 %s", path);
    else
        return true;
    return false;
}

/* `found`, from realpath or NULL, is freed. */
static bool take(char *found, uid_t owner, char *real, size_t real_size, char *why, size_t size) {
    if (!found || strlen(found) >= real_size) {
        snprintf(why, size, "%s", found ? "the path is too long" : strerror(errno));
        free(found);
        return false;
    }
    snprintf(real, real_size, "%s", found);
    bool good = check_itself(found, owner, why, size) && check_above(found, owner, why, size);
    free(found);
    return good;
}

bool private_dir_make(const char *path, char *real, size_t real_size, char *why, size_t size) {
    char *found = make_dirs(path) ? realpath(path, NULL) : NULL;
    return take(found, geteuid(), real, real_size, why, size);
}

bool private_dir_find(const char *path, char *real, size_t real_size, char *why, size_t size) {
    struct stat st;
    uid_t owner = geteuid() == 0 && stat(path, &st) == 0 ? st.st_uid : geteuid();
    return take(realpath(path, NULL), owner, real, real_size, why, size);
}
