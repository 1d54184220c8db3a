/*
 * Files with several names. The names of one file in one source are a group; the data goes to one
 * of them, the others become hard links to it.
 */
#ifndef VMBUILD_LINK_GROUP_H
#define VMBUILD_LINK_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What distinguishes a file from others. */
struct link_key {
    uint64_t scope;  /* where links count as links: 0 for all of the closure, else one source */
    uint64_t device; /* 0 in a tarball */
    uint64_t inode;  /* in a tarball, the number of the entry with the data */
};

/* One name of a file, and the number of its entry. */
struct link_name {
    char *path;
    uint64_t owner;
};

struct link_group {
    struct link_key key;
    struct link_name *names; /* in the order in which they were added */
    size_t name_count;
    mode_t mode; /* for the caller: mode and owner with which the data was written */
    uid_t uid;
    gid_t gid;
    char *emitted; /* for the caller, freed with the group: the path written with the data */
};

/* All groups. A zeroed one is empty. */
struct link_groups {
    void *root; /* of tsearch, by key */
};

/* Returns the group of KEY, borrowed; NULL if there is none, unless MAKE, which adds it. */
struct link_group *link_groups_find(struct link_groups *groups, struct link_key key, bool make);

/* Adds a copy of PATH, which entry OWNER has. */
void link_group_add(struct link_group *group, const char *path, uint64_t owner);

void link_groups_free(struct link_groups *groups);

#endif
