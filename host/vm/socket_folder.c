#include "host/vm/socket_folder.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"

/* Of the directory: libguestfs appends "/libguestfsXXXXXX/guestfsd.sock" for a socket, and composes
 * a command that must not be longer than 256 bytes around "/qemu-system". */
#define PATH_LENGTH_MAX 63
#define SOCKET_NAME "guestfsd.sock"

#define COMMAND_MAX 8192 /* bytes of QEMU's command line that are searched */

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

/* Returns the directory in /tmp of libguestfs' socket that the command line of LENGTH bytes names,
 * the caller's; NULL if it names none. */
static char *find_in_command(const char *command, size_t length)
{
    static const char key[] = "path=/tmp/libguestfs";
    const char *start = memmem(command, length, key, strlen(key));

    if (start == NULL)
        return NULL;
    start += strlen("path=");
    size_t rest = (size_t)(command + length - start);
    const char *end = memmem(start, rest, "/" SOCKET_NAME, strlen("/" SOCKET_NAME));

    return end == NULL ? NULL : xstrndup(start, (size_t)(end - start));
}

/* QEMU's command line is the only place that names the directory. */
void socket_folder_adopt(struct socket_folder *folder, pid_t qemu)
{
    char command[COMMAND_MAX];

    if (geteuid() != 0 || folder->adopted != NULL)
        return;
    CLEANUP(freep) char *path = xasprintf("/proc/%d/cmdline", (int)qemu);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, command, sizeof command);

    if (length <= 0)
        return;
    folder->adopted = find_in_command(command, (size_t)length);
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
