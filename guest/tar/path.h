/*
 * Paths as bytes. A path below a root is written without leading "/", "." and empty components:
 * "usr/bin/sh"; the root itself is "".
 */
#ifndef VMBUILD_GUEST_PATH_H
#define VMBUILD_GUEST_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_LENGTH_MAX (1u << 20) /* of a path in a tar: libarchive's own limit */
#define PATH_DEPTH_MAX 4096u       /* components; each costs a descriptor while it is worked on */

/* A path that grows and shrinks at its end. Zero-initialised, it is "" without memory. */
struct path {
    char *bytes; /* NUL-terminated once anything was pushed */
    size_t length;
    size_t room;
};

/* Appends NAME, which may be empty, after a "/" if one is needed. Returns 0, or -1 if memory is
 * short. */
int path_push(struct path *path, const char *name);
/* Cuts the path back to LENGTH, a value that it had before. */
void path_cut(struct path *path, size_t length);
void path_free(struct path *path);
/* Returns its text, valid until the path is changed. */
const char *path_text(const struct path *path);

/* Brings RAW, any path out of an archive, into the form above, in place. Returns 0, or -1 if it has
 * a ".." component, is too long or too deep, with the cause as the static text *RET_WHY. */
int path_normalize(char *raw, const char **ret_why);

/* Finds what PATH means to a process whose root directory is ROOT: symbolic links are followed,
 * absolute ones from ROOT, and ".." never leads above it. Components that do not exist are kept.
 * *RET is a path in the form above, without symbolic links. Returns 0, or -1 with errno. */
int path_resolve(int root, const char *path, struct path *ret);

/* Opens the directory above PATH, in the form above, below ROOT. No symbolic link on the way is
 * followed (ELOOP): it may lead out of ROOT. *RET_NAME is the last component, in PATH. Returns a
 * descriptor, or -1 with errno. */
int path_open_parent(int root, const char *path, const char **ret_name);

/* Opens the directory PATH, of any length, following symbolic links; FOLLOW: in its last component,
 * too. Returns a descriptor, or -1 with errno. */
int path_open(const char *path, bool follow);

#endif
