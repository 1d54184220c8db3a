/*
 * Allocation that does not fail: when the host has no memory left, the program says so and ends
 * with exit code 1. What is allocated here is freed with free(). Lengths that come from outside are
 * checked against a named limit by the caller before they get here.
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

#endif
