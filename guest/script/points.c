#include "guest/script/points.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "guest/tar/attributes.h"
#include "guest/tar/path.h"
#include "guest/tar/tree.h"

int points_prepare(void)
{
    return mkdir(POINTS, 0755) && errno != EEXIST ? -1 : 0;
}

int points_clear(struct fault *fault)
{
    return tree_delete(AT_FDCWD, POINTS) ? fault_set(fault, errno, "remove '%s'", POINTS) : 0;
}

static int make_directory(const char *path)
{
    return mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
}

/* Makes the directories on the way to the last component of PATH, from START on. */
static int make_way(char *path, size_t start)
{
    for (char *slash = path + start; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (make_directory(path))
            return -1;
        *slash = '/';
    }
    return 0;
}

static int join(const char *directory, const char *place, char *path)
{
    if (snprintf(path, PATH_MAX, "%s/%s", directory, place) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int points_make(const char *directory, const char *place)
{
    char path[PATH_MAX];

    return join(directory, place, path) || make_way(path, strlen(directory)) || make_directory(path)
               ? -1
               : 0;
}

static int make_file(const char *place)
{
    char path[PATH_MAX];

    if (join(POINTS, place, path) || make_way(path, strlen(POINTS)))
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

    return fd < 0 ? -1 : close(fd);
}

/* Returns how many bytes of PLACE lead to what ROOT has. */
static size_t find_known(int root, const char *place)
{
    char path[PATH_MAX];
    struct stat status;
    size_t known = 0;

    snprintf(path, sizeof path, "%s", place);
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW))
            break;
        known = (size_t)(slash - path);
    }
    return known;
}

int points_add(int root, const char *place, bool is_file, size_t *ret_known)
{
    *ret_known = find_known(root, place);
    return is_file ? make_file(place) : points_make(POINTS, place);
}

int points_hide(const char *place)
{
    char path[PATH_MAX];

    return join(POINTS, place, path) ? -1 : rmdir(path);
}

/* Whether the directory NAME in FOLDER was made by a script: where a lower layer has one, the
 * kernel makes it opaque. */
static bool is_made(int folder, const char *name)
{
    char value;
    int made = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool is = made >= 0 && fgetxattr(made, ATTRIBUTES_OVERLAY "opaque", &value, 1) == 1;

    if (made >= 0)
        close(made);
    return is;
}

/* Removes the directory PATH from the layer if it is there, empty, and was a point; the one above
 * keeps its times. Returns 0, or -1 with errno. */
static int forget(int layer, const char *path)
{
    const char *name;
    struct stat status;
    int folder = path_open_parent(layer, path, &name);

    if (folder < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
    int result = fstat(folder, &status);
    const struct timespec times[2] = {status.st_atim, status.st_mtim};

    if (result == 0 && !is_made(folder, name) && unlinkat(folder, name, AT_REMOVEDIR) == 0)
        result = futimens(folder, times);
    close(folder);
    return result;
}

int points_forget(int layer, const char *place, bool is_file, size_t known)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", place);
    char *end = is_file ? strrchr(path, '/') : path + strlen(path);

    while (end != NULL && (size_t)(end - path) > known) {
        *end = '\0';
        if (forget(layer, path))
            return -1;
        end = strrchr(path, '/');
    }
    return 0;
}
