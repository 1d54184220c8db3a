#include "host/vm/socket_folder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"

/* Of the directory: libguestfs appends "/libguestfsXXXXXX/guestfsd.sock" for a socket, and composes
 * a command that must not be longer than 256 bytes around "/qemu-system". */
#define PATH_LENGTH_MAX 63
#define SOCKET_NAME "guestfsd.sock"
#define FOLDER_PREFIX "/tmp/libguestfs"

struct error *socket_folder_choose(struct socket_folder *ret)
{
    const char *run = NULL;

    *ret = (struct socket_folder){0};
    TRY(temporary_run_folder(&run));
    if (strlen(run) <= PATH_LENGTH_MAX && strpbrk(run, ",:") == NULL) {
        ret->path = xstrdup(run);
        return NULL;
    }
    TRY(temporary_run_folder_in("/tmp", &ret->path));
    ret->is_apart = true;
    return NULL;
}

struct error *socket_folder_link(const struct socket_folder *folder, const char *name,
                                 const char *path, char **ret)
{
    CLEANUP(freep) char *link = xasprintf("%s/%s", folder->path, name);

    unlink(link);
    if (symlink(path, link) < 0)
        return error_errno(EXIT_OTHER, "link '%s' to '%s'", link, path);
    *ret = STEAL(link);
    return NULL;
}

/* Returns the directory in /tmp of the socket FD, if it is libguestfs', else NULL; the caller's. */
static char *folder_of_socket(int fd)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof address - 1; /* the path then ends with a NUL */
    const char *path = address.sun_path;
    const char *name =
        getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.sun_family == AF_UNIX
            ? strrchr(path, '/')
            : NULL;

    if (name == NULL || strcmp(name + 1, SOCKET_NAME) != 0 ||
        strncmp(path, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
        return NULL;
    return xstrndup(path, (size_t)(name - path));
}

/* The socket on which libguestfs waits for QEMU is the only one that names the directory. */
void socket_folder_adopt(struct socket_folder *folder)
{
    CLEANUP(closedirp) DIR *descriptors = geteuid() == 0 ? opendir("/proc/self/fd") : NULL;

    for (struct dirent *entry;
         descriptors != NULL && folder->adopted == NULL && (entry = readdir(descriptors)) != NULL;)
        folder->adopted = folder_of_socket(atoi(entry->d_name));
    if (folder->adopted != NULL)
        temporary_adopt(folder->adopted);
}

void socket_folder_release(struct socket_folder *folder)
{
    temporary_remove(folder->adopted);
    free(STEAL(folder->adopted));
}

void socket_folder_free(struct socket_folder *folder)
{
    socket_folder_release(folder);
    if (folder->is_apart)
        temporary_remove(folder->path);
    free(STEAL(folder->path));
}
