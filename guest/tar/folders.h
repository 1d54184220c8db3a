/*
 * The directories of the tree that a tar is unpacked into. The process is chrooted into the tree,
 * so the kernel itself keeps every path inside it; symbolic links on the way to a directory are
 * followed as in a running image.
 *
 * Entries of a tar mostly come directory by directory: those on the way to the last entry stay
 * open, and the next one costs system calls only for what differs. What unpacking does to the mtime
 * of a directory is undone at the end: it gets that of its entry, or the one that it had before.
 */
#ifndef VMBUILD_GUEST_FOLDERS_H
#define VMBUILD_GUEST_FOLDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "guest/tar/folder_times.h"
#include "guest/tar/path.h"
#include "guest/tar/seen.h"

struct folder {
    int fd;
    uint64_t inode;
    bool inherits; /* new names in it inherit its group or its default ACL */
    char *real;    /* its path without symbolic links, NULL if the path that led here has none */
    size_t end;    /* length of that path */
};

struct folders {
    int below;           /* the root of a tree below this one, or -1: see folders_open */
    struct seen *seen;   /* of this layer; NULL: there is none below it */
    struct folder *open; /* [0] is the root */
    size_t count;
    size_t room;
    struct path path; /* of the last of them */
    struct folder_times times;
};

/* Starts at the root directory of the process. Unless BELOW, the root of another tree, is -1, a
 * missing directory is made as overlayfs copies it up: with the metadata and the mtime of the one
 * there, or as the symbolic link that is there. SEEN, which may be NULL, are the names that a layer
 * has put into the tree over lower layers. Both stay the caller's. Returns 0, or -1 with errno. */
int folders_open(struct folders *ret, int below, struct seen *seen);

/* Returns the directory that holds the last component of PATH, valid until the next call, or NULL
 * with errno: ENOENT unless CREATE, ENOTDIR, ... *RET_NAME is that component, in PATH. If CREATE is
 * set, missing directories are made (0755, mtime 0, unless there is a tree below) and added to what
 * was seen. A file of a lower layer that is in the way of one, or a link to such a file, gives way
 * to it, as in Docker. */
const struct folder *folders_parent(struct folders *folders, const char *path, bool create,
                                    const char **ret_name);

/* Forgets the open directories: they, or links that led to them, may have been deleted. */
void folders_forget(struct folders *folders);

/* Reads again what new names in the root directory inherit, which stays open when its metadata is
 * set. Returns 0, or -1 with errno. */
int folders_read_root(struct folders *folders);

/* Remembers that the directory NAME, a path below the one that folders_parent returned, gets MTIME
 * in the end; INODE is its inode number. Returns 0, or -1 if memory is short. */
int folders_set_time(struct folders *folders, const char *name, uint64_t inode,
                     struct timespec mtime);

/* Sets all these times. Returns 0, or -1 with errno and *RET_PATH. */
int folders_apply_times(struct folders *folders, const char **ret_path);

void folders_close(struct folders *folders);

#endif
