/*
 * Whether a script wants a network that it does not have. The kernel counts what it could not send
 * for want of a route, and questions for names that nothing on the loopback interface takes, in
 * each network namespace.
 */
#ifndef VMBUILD_GUEST_UNREACHABLE_H
#define VMBUILD_GUEST_UNREACHABLE_H

#include <stdint.h>
#include <sys/types.h>

struct unreachable {
    int counters;   /* the file with them, or -1 */
    uint64_t start; /* their sum, to begin with */
};

/* Starts counting in the network namespace of PROCESS. */
void unreachable_start(struct unreachable *unreachable, pid_t process);

/* Returns how much there was since then; 0 also if that cannot be told. */
uint64_t unreachable_finish(struct unreachable *unreachable);

#endif
