#include "guest/tar/folder_times.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tar/path.h"

static struct folder_time *find(const struct folder_times *times, uint64_t inode,
                                uint32_t **ret_slot)
{
    size_t at = (inode * 0x9e3779b97f4a7c15u >> 32) & (times->slot_room - 1);

    while (times->slots[at] != 0 && times->items[times->slots[at] - 1].inode != inode)
        at = (at + 1) & (times->slot_room - 1);
    *ret_slot = &times->slots[at];
    return times->slots[at] ? &times->items[times->slots[at] - 1] : NULL;
}

static int grow(struct folder_times *times)
{
    size_t room = times->room ? times->room * 2 : 256;
    struct folder_time *items = reallocarray(times->items, room, sizeof *items);
    uint32_t *slots = calloc(room * 2, sizeof *slots);

    if (items != NULL)
        times->items = items;
    if (items == NULL || slots == NULL || room > UINT32_MAX / 2) {
        free(slots);
        errno = ENOMEM;
        return -1;
    }
    free(times->slots);
    times->slots = slots;
    times->slot_room = room * 2;
    times->room = room;
    for (size_t i = 0; i < times->count; i++) {
        uint32_t *slot;

        find(times, items[i].inode, &slot);
        *slot = (uint32_t)i + 1;
    }
    return 0;
}

int folder_times_keep(struct folder_times *times, const char *path, uint64_t inode,
                      struct timespec mtime, bool replace)
{
    if (times->count == times->room && grow(times))
        return -1;
    uint32_t *slot;
    struct folder_time *known = find(times, inode, &slot);

    if (known != NULL && !replace)
        return 0;
    char *copy = strdup(path);

    if (copy == NULL)
        return -1;
    if (known != NULL) {
        free(known->path);
    } else {
        known = &times->items[times->count++];
        *slot = (uint32_t)times->count;
    }
    *known = (struct folder_time){.inode = inode, .path = copy, .mtime = mtime};
    return 0;
}

int folder_times_apply(struct folder_times *times, const char **ret_path)
{
    for (size_t i = 0; i < times->count; i++) {
        const struct folder_time *time = &times->items[i];
        const struct timespec both[2] = {{.tv_nsec = UTIME_OMIT}, time->mtime};

        *ret_path = time->path;
        int fd = path_open(time->path, false);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            continue; /* deleted or replaced since */
        struct stat status;

        if (fd < 0 || fstat(fd, &status) || (status.st_ino == time->inode && futimens(fd, both))) {
            int cause = errno;

            if (fd >= 0)
                close(fd);
            errno = cause;
            return -1;
        }
        close(fd);
    }
    return 0;
}

void folder_times_free(struct folder_times *times)
{
    for (size_t i = 0; i < times->count; i++)
        free(times->items[i].path);
    free(times->items);
    free(times->slots);
    *times = (struct folder_times){0};
}
