/*
 * The process's limit of open files, lowered for a while. libguestfs closes every possible
 * descriptor in each child that it starts, which takes a tenth of a second if the limit is in the
 * tens of thousands. Between the two calls, the whole process is held to the lower limit.
 */
#ifndef VMBUILD_DESCRIPTOR_LIMIT_H
#define VMBUILD_DESCRIPTOR_LIMIT_H

#include <sys/resource.h>

/* Lowers the soft limit to COUNT if it is higher; a failure is ignored. Returns the limit as it
 * was, for descriptor_limit_restore. */
struct rlimit descriptor_limit_lower(rlim_t count);

void descriptor_limit_restore(struct rlimit before);

#endif
