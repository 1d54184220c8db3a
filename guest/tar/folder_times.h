/*
 * The mtimes that directories get once a tar is unpacked, since each file that is made in them
 * changes theirs. A directory is known by its inode number, as several paths may lead to it.
 */
#ifndef VMBUILD_GUEST_FOLDER_TIMES_H
#define VMBUILD_GUEST_FOLDER_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct folder_time {
    uint64_t inode;
    char *path;
    struct timespec mtime;
};

/* Zero-initialised, it is empty. */
struct folder_times {
    struct folder_time *items;
    size_t count;
    size_t room;
    uint32_t *slots; /* by inode number: index in items, plus 1; 0: free */
    size_t slot_room;
};

/* Keeps MTIME for the directory PATH, whose inode number is INODE. One that is kept already is
 * replaced only if REPLACE. Returns 0, or -1 with errno. */
int folder_times_keep(struct folder_times *times, const char *path, uint64_t inode,
                      struct timespec mtime, bool replace);

/* Sets all the times, but of no directory that was deleted or replaced. Returns 0, or -1 with errno
 * and *RET_PATH. */
int folder_times_apply(struct folder_times *times, const char **ret_path);

void folder_times_free(struct folder_times *times);

#endif
