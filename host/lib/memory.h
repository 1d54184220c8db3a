/*
 * Allocation that does not fail. When the host has no memory left, the program prints
 *
 *     vmbuild: allocate memory: the host has none left
 *
 * and exits with code 1, in whichever thread it happens: nothing could go on without the memory,
 * and the supervising process removes what has to be removed (supervisor.h). The memory that these
 * functions return is freed with free(). A length that comes from outside is checked against a
 * named limit by the caller before it gets here.
 */
#ifndef VMBUILD_MEMORY_H
#define VMBUILD_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* COUNT elements of SIZE bytes, zeroed. Never returns NULL; an overflow of the product ends the
 * program. */
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull, alloc_size(1, 2)));

/* Resizes OLD (or NULL) to COUNT elements of SIZE bytes; new bytes are not set. Never returns NULL.
 */
void *xreallocarray(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/* A copy of TEXT. */
char *xstrdup(const char *text) __attribute__((returns_nonnull));

/* A copy of the first LENGTH bytes of TEXT, ended by a NUL. */
char *xstrndup(const char *text, size_t length) __attribute__((returns_nonnull));

/* Text formatted as printf does. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0), returns_nonnull));

/* Returns MEMORY, which a library has allocated; NULL ends the program. For calls to libraries that
 * fail only for lack of memory. */
void *xallocated(void *memory) __attribute__((returns_nonnull));

/* Ends the program. For libraries that report the lack of memory in another way. */
_Noreturn void memory_exhausted(void);

#endif
