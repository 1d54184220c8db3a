/*
 * How much memory the host has for a VM: what is free, and the limits of this process. Those
 * of control groups (cgroups(7), version 1 or 2) are of this process's group and those above it.
 */
#ifndef VMBUILD_HOST_MEMORY_H
#define VMBUILD_HOST_MEMORY_H

#include <stdint.h>

#include "host/lib/error.h"

#define HOST_MEMORY_UNKNOWN UINT64_MAX

/* In bytes; HOST_MEMORY_UNKNOWN if there is no such limit, or it cannot be read. */
struct host_memory {
    uint64_t total, available;
    uint64_t group_limit, group_free; /* of the group that has the least free */
    uint64_t address_limit;           /* on the address space of a process */
    uint64_t kills;                   /* of processes in the groups so far, for want of memory */
};

/* Reads the files below PROC ("/proc") and GROUPS ("/sys/fs/cgroup"). */
void host_memory_read(const char *proc, const char *groups, struct host_memory *ret);

/* Returns what is free and which limits there are, as a phrase; the caller's. */
char *host_memory_describe(const struct host_memory *memory);

/* Returns the error of OPERATION, for which a VM of MIB was too large. */
struct error *host_memory_error(const struct host_memory *memory, const char *operation,
                                uint64_t mib);

#endif
