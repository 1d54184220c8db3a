/*
 * Cleanup attributes: what a variable owns is released at the end of its scope, unless it was
 * stolen. Each keeps errno and accepts the empty value.
 *
 *     CLEANUP(freep) char *path = ...;
 *     CLEANUP(closep) int fd = -1;
 *     *ret = STEAL(path);
 *
 * A module's type X has an X_free, which releases all that it owns, and an X_freep if others use it
 * with CLEANUP. They too accept the empty value: NULL, or a zeroed struct.
 */
#ifndef VMBUILD_CLEANUP_H
#define VMBUILD_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

/* The value of the pointer variable P, which is NULL from then on. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })

/* For any pointer to memory from malloc. */
static inline void freep(void *pointer)
{
    int saved = errno;

    free(*(void **)pointer);
    errno = saved;
}

/* For a descriptor; below 0 is empty. */
static inline void closep(const int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

static inline void fclosep(FILE **file)
{
    int saved = errno;

    if (*file != NULL)
        fclose(*file);
    errno = saved;
}

static inline void closedirp(DIR **dir)
{
    int saved = errno;

    if (*dir != NULL)
        closedir(*dir);
    errno = saved;
}

/* The descriptor in *FD, which is empty from then on. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#endif
