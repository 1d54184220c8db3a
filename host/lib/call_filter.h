/*
 * The filter of system calls: what a process that is taken over must not ask of the kernel, however
 * little it may do with files. It is a seccomp(2) filter, made by libseccomp, that the calling
 * thread puts itself under for good, with all that it starts afterwards. It needs no privileges.
 *
 * Always refused: reading and tracing other processes, and changing their limits and priorities;
 * memory, queues and semaphores of System V and POSIX, which are shared by name; the kernel's
 * keyrings; putting input into a terminal; io_uring, which makes sockets past any filter; and what
 * only adds to the kernel that can be attacked (namespaces of users, BPF, perf, userfaultfd).
 */
#ifndef VMBUILD_CALL_FILTER_H
#define VMBUILD_CALL_FILTER_H

#include <stdbool.h>

/* What may be refused beside that. */
enum call_filter_extent {
    CALL_FILTER_SOCKETS = 1 << 0,   /* making, connecting and binding any */
    CALL_FILTER_NOT_IPV4 = 1 << 1,  /* making one of another family */
    CALL_FILTER_METADATA = 1 << 2,  /* changing modes, owners, times and attributes of files, and
                                       watching directories, none of which Landlock covers */
    CALL_FILTER_SIGNALS = 1 << 3,   /* to other processes, except by tkill(2), which musl needs */
    CALL_FILTER_OUTLIVING = 1 << 4, /* leaving the process group, or the parent-death signal */
};

/* Whether the kernel offers such filters. */
bool call_filter_is_offered(void);

/* Puts the calling thread, or all of the process's threads, under a filter that refuses EXTENT too,
 * a set of enum call_filter_extent. Returns false with errno set. */
bool call_filter_enforce(unsigned int extent, bool all_threads);

#endif
