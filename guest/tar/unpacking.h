/*
 * A tar being unpacked, and the entry of it that is at hand. unpack.h reads the tar and decides
 * what each entry means, unpack_target.h makes files, unpack_metadata.h gives them their metadata;
 * they share these structures, which belong to unpack().
 */
#ifndef VMBUILD_GUEST_UNPACKING_H
#define VMBUILD_GUEST_UNPACKING_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "guest/lib/fault.h"
#include "guest/tar/folders.h"
#include "guest/tar/seen.h"
#include "guest/tar/unpack.h"

struct unpacking {
    enum unpack_kind kind;
    int source;
    void *block; /* of the size that is read at once */
    struct archive *archive;
    struct archive_entry *entry;
    struct folders folders;
    struct seen seen; /* of this layer */
    bool has_aufs_links;
    struct fault *fault;
};

/* What an entry is to become. */
struct target {
    const char *path;
    const char *name; /* PATH's last component */
    const struct folder *folder;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    struct timespec mtime;
    bool existed;  /* a directory that was there before */
    bool replaced; /* another that was there, or a symbolic link: it may have led to open ones */
};

/* Sets the fault for PATH, with errno as its cause. Returns -1. */
int unpacking_fail(struct unpacking *unpacking, const char *path);

#endif
