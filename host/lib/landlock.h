/*
 * Landlock: rules that the calling thread puts itself under, with all that it starts afterwards,
 * for good. They need no privileges (the kernel's Documentation/userspace-api/landlock.rst).
 *
 * A set of rules forbids everything that it covers and that was not allowed. How much it covers
 * depends on the kernel; what a kernel does not know is not forbidden:
 *
 *   ABI 1  Linux 5.13  files: opening, creating, removing, executing
 *   ABI 2  Linux 5.19  moving files between directories (before, always forbidden)
 *   ABI 3  Linux 6.2   truncating files
 *   ABI 4  Linux 6.7   TCP: connecting and binding
 *   ABI 5  Linux 6.10  ioctl on devices
 *   ABI 6  Linux 6.12  signals and abstract Unix sockets, except to what is under the same rules
 *
 * Under any rules, a process can neither trace nor read the memory of one that is not under them.
 */
#ifndef VMBUILD_LANDLOCK_H
#define VMBUILD_LANDLOCK_H

#include <stdbool.h>

/* The lowest ABI that covers each. */
#define LANDLOCK_ABI_FILES 1
#define LANDLOCK_ABI_MOVES 2
#define LANDLOCK_ABI_TCP 4
#define LANDLOCK_ABI_SCOPES 6

enum landlock_access {
    LANDLOCK_READ,    /* files and directories */
    LANDLOCK_EXECUTE, /* the same, and running the files */
    LANDLOCK_WRITE,   /* reading, and writing files that exist */
    LANDLOCK_DEVICE,  /* the same, and ioctl */
    LANDLOCK_CHANGE,  /* all but executing and devices: creating, removing, moving */
    LANDLOCK_REMOVE,  /* removing empty directories */
};

/* What rules cover. */
enum landlock_extent {
    LANDLOCK_FILES = 1 << 0,
    LANDLOCK_TCP = 1 << 1,
    LANDLOCK_SIGNALS = 1 << 2, /* to other processes */
    LANDLOCK_SOCKETS = 1 << 3, /* abstract ones */
};

/* Returns the ABI that the kernel offers; 0 if it offers none. */
int landlock_abi(void);

/* Makes a set of rules that covers EXTENT, a set of enum landlock_extent, as far as the kernel
 * does. Returns its descriptor, the caller's; below 0 with errno set, also if it would cover
 * nothing. */
int landlock_new(unsigned int extent);

/* Allows ACCESS to PATH, and to everything below it if that is a directory; on 9p, which has
 * nothing that a rule could keep to, to all of its mount. Returns false with errno set, such as to
 * ENOENT if there is nothing. */
bool landlock_allow(int rules, const char *path, enum landlock_access access);

/* Puts the calling thread under RULES, and makes it unable to gain privileges by executing a
 * program. Returns false with errno set. */
bool landlock_enforce(int rules);

/* The same for all threads of the process, none of which may be starting another one. It interrupts
 * them by SIGURG, which nothing else uses. Returns false with errno set if a thread could not be
 * put under RULES; others then may be. */
bool landlock_enforce_for_all(int rules);

#endif
