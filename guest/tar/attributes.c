#include "guest/tar/attributes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FOLDER_MODE 0755 /* of one without an entry */

int attributes_copy(int from, int to)
{
    struct stat status;
    char list[ATTRIBUTES_XATTR_MAX];
    char value[ATTRIBUTES_XATTR_MAX];

    if (fstat(from, &status) || fchown(to, status.st_uid, status.st_gid) ||
        fchmod(to, status.st_mode & 07777))
        return -1;
    ssize_t length = flistxattr(from, list, sizeof list);

    if (length < 0)
        return -1;
    for (const char *key = list; key < list + length; key += strlen(key) + 1) {
        if (strncmp(key, ATTRIBUTES_OVERLAY, strlen(ATTRIBUTES_OVERLAY)) == 0)
            continue;
        ssize_t size = fgetxattr(from, key, value, sizeof value);

        if (size < 0 || fsetxattr(to, key, value, (size_t)size, 0))
            return -1;
    }
    return 0;
}

int attributes_clear(int directory)
{
    char list[ATTRIBUTES_XATTR_MAX];
    ssize_t length = flistxattr(directory, list, sizeof list);

    if (length < 0)
        return -1;
    for (const char *key = list; key < list + length; key += strlen(key) + 1)
        if (fremovexattr(directory, key) && errno != ENODATA && errno != EOPNOTSUPP)
            return -1;
    return fchown(directory, 0, 0) || fchmod(directory, FOLDER_MODE) ? -1 : 0;
}
