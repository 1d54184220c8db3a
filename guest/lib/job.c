#include "guest/lib/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"

#define NAME_LENGTH_MAX 64

static const char name_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

int job_create(const char *path, struct fault *fault)
{
    const char *prefix = GUEST_JOB_DIR "/";
    const char *name = path + strlen(prefix);

    if (strncmp(path, prefix, strlen(prefix)) != 0 || *name == '\0' || *name == '.' ||
        strlen(name) > NAME_LENGTH_MAX || name[strspn(name, name_bytes)] != '\0')
        return fault_set(fault, EACCES, "upload '%s'", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    return fd < 0 ? fault_set(fault, errno, "create '%s'", path) : fd;
}

static void job_path(const char *name, char *path, size_t room)
{
    snprintf(path, room, "%s/%s", GUEST_JOB_DIR, name);
}

bool job_has(const char *name)
{
    char path[128];

    job_path(name, path, sizeof path);
    return access(path, F_OK) == 0;
}

/* Returns the bytes of the file NAME, followed by a NUL byte that *RET_LENGTH does not count, in
 * new memory, or NULL with FAULT. */
static char *read_bytes(const char *name, size_t *ret_length, struct fault *fault)
{
    char path[128];

    job_path(name, path, sizeof path);
    char *bytes = file_read_whole(AT_FDCWD, path, ret_length);

    if (bytes == NULL)
        fault_set(fault, errno, "read '%s'", path);
    return bytes;
}

char *job_read(const char *name, struct fault *fault)
{
    size_t length;

    return read_bytes(name, &length, fault);
}

static size_t count_strings(const char *bytes, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\0';
    return count + 1; /* the last one's NUL byte may be missing */
}

int job_list(const char *name, char ***ret, struct fault *fault)
{
    size_t length = 0;
    char *bytes = job_has(name) ? read_bytes(name, &length, fault) : calloc(1, 1);

    if (bytes == NULL)
        return -1;
    size_t most = count_strings(bytes, length);
    char **list = most <= JOB_LIST_MAX ? calloc(most + 1, sizeof *list) : NULL;

    if (list == NULL) {
        free(bytes);
        return fault_set(fault, most <= JOB_LIST_MAX ? ENOMEM : E2BIG, "read '%s'", name);
    }
    size_t count = 0;

    for (char *at = bytes; at < bytes + length; at += strlen(at) + 1)
        list[count++] = at;
    if (count == 0)
        free(bytes);
    *ret = list;
    return 0;
}

int job_copy(const char *name, const char *to, unsigned mode, struct fault *fault)
{
    size_t length;
    char *bytes = read_bytes(name, &length, fault);

    if (bytes == NULL)
        return -1;
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int status = 0;

    if (fd < 0 || file_write_all(fd, bytes, length) || fchmod(fd, mode))
        status = fault_set(fault, errno, "write '%s'", to);
    if (fd >= 0 && close(fd) && status == 0)
        status = fault_set(fault, errno, "write '%s'", to);
    free(bytes);
    return status;
}

void job_remove(const char *name)
{
    char path[128];

    job_path(name, path, sizeof path);
    (void)unlink(path);
}

int job_take_back(const char *name, const char *from, struct fault *fault)
{
    struct stat status;
    char to[128];
    size_t length;

    if (lstat(from, &status) || !S_ISREG(status.st_mode) || status.st_size > GUEST_JOB_FILE_MAX)
        return 0;
    char *bytes = file_read_whole(AT_FDCWD, from, &length);

    if (bytes == NULL)
        return fault_set(fault, errno, "read '%s'", from);
    job_path(name, to, sizeof to);
    int fd = open(to, O_WRONLY | O_TRUNC | O_CLOEXEC);
    int result =
        fd < 0 || file_write_all(fd, bytes, length) ? fault_set(fault, errno, "write '%s'", to) : 0;

    if (fd >= 0)
        close(fd);
    free(bytes);
    return result;
}

int job_clear(struct fault *fault)
{
    DIR *folder = opendir(GUEST_JOB_DIR);
    const struct dirent *entry;

    if (folder == NULL)
        return fault_set(fault, errno, "open '%s'", GUEST_JOB_DIR);
    while ((entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.') /* as no file of the job begins */
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    return 0;
}
