/*
 * Names of architectures: images use Go's (GOARCH), the kernel has its own.
 */
#ifndef VMBUILD_ARCHITECTURE_H
#define VMBUILD_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

/* Go's names of the architectures for which containers are built, in alphabetical order. */
extern const char *const architecture_names[];
extern const size_t architecture_count;

/* Whether NAME is one of them. */
bool architecture_is_known(const char *name);

/* Returns Go's name for MACHINE, a name of uname(2); NULL if there is none. Static. */
const char *architecture_of_machine(const char *machine);

/* Returns Go's name for this host; that of uname if Go has none. Static. */
const char *architecture_of_host(void);

#endif
