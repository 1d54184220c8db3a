/*
 * The limit of open files, lowered for a while: libguestfs closes every descriptor there may be in
 * each child it starts, which costs a tenth of a second where the limit is in the ten thousands.
 */
#ifndef VMBUILD_DESCRIPTOR_LIMIT_H
#define VMBUILD_DESCRIPTOR_LIMIT_H

#include <sys/resource.h>

/* Lowers the soft limit to COUNT, where it is higher; only speed depends on it. Returns the limit
 * as it was, for descriptor_limit_restore. */
struct rlimit descriptor_limit_lower(rlim_t count);

void descriptor_limit_restore(struct rlimit before);

#endif
