/*
 * The system calls that User-Mode Linux needs. Any other one ends the process that makes it: there
 * is nothing that a guest which has taken over its kernel could try.
 *
 * The kernel's programs are under the same filter, but make none of their own: they are traced.
 */
#ifndef VMBUILD_UML_CALLS_H
#define VMBUILD_UML_CALLS_H

#include <stdbool.h>

/* Puts the calling process, which is to execute User-Mode Linux and has a single thread, under the
 * filter. Returns false with errno set. */
bool uml_calls_confine(void);

#endif
