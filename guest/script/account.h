/*
 * An account: whom a command in a container runs as. USER[:GROUP] of an image's config is looked up
 * in its /etc/passwd and /etc/group as runc and BuildKit do it
 * (github.com/moby/sys/user, GetExecUser):
 *
 *   - a number is a UID or GID, also if a name looks like that, and need not be in the files
 *   - without GROUP, the groups are that of the user's entry, else 0, and those that list its name
 *   - with GROUP, it is that alone
 */
#ifndef VMBUILD_GUEST_ACCOUNT_H
#define VMBUILD_GUEST_ACCOUNT_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct account {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* with GID, which is the first */
    size_t count;
    char home[PATH_MAX]; /* "/" if the user has none */
};

/* Finds USER in PASSWD and GROUP, the texts of these files; NULL: there is none. Entries that are
 * malformed are passed over. RET is to be freed by account_free. Returns NULL, or why there is no
 * such account; static. */
const char *account_find(const char *user, const char *passwd, const char *group,
                         struct account *ret);

/* Makes the process, which is root's, one of ACCOUNT's. Returns 0, or -1 with errno. */
int account_become(const struct account *account);

void account_free(struct account *account);

#endif
