/*
 * How the kernel describes a processor of this architecture in /proc/cpuinfo: an old one, which all
 * programs of distributions run on.
 */
#ifndef VMBUILD_GUEST_PROCESSOR_H
#define VMBUILD_GUEST_PROCESSOR_H

#include <stdbool.h>
#include <stdio.h>

struct processors {
    unsigned int count;
    bool more; /* they are the newer of two that are described: x86-64-v2 */
};

/* Looks at LINE of the kernel's own description, newline included, and keeps in *PROCESSORS, which
 * is all zeros at first, what it tells. */
void processor_see(const char *line, struct processors *processors);

/* Writes the description of processor NUMBER of PROCESSORS to TO, and beside that of the first or
 * the last one what the kernel says of all. Returns a negative number with errno on failure. */
int processor_write(FILE *to, unsigned int number, const struct processors *processors);

#endif
