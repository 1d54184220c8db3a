/*
 * Names of architectures: images have Go's (GOARCH), the kernel has its own.
 */
#ifndef VMBUILD_ARCHITECTURE_H
#define VMBUILD_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

/* Go's names that containers are built for, in alphabetical order. */
extern const char *const architecture_names[];
extern const size_t architecture_count;

/* Whether NAME is one of them. */
bool architecture_is_known(const char *name);

/* Go's name for MACHINE, as uname(2) names it; NULL where there is none. Static. */
const char *architecture_of_machine(const char *machine);

/* Go's name for this host; uname's own where Go has none. Static. */
const char *architecture_of_host(void);

#endif
