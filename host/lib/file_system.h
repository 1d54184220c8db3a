/*
 * The file system that a file lies in: what a user has to know of it when it is full.
 */
#ifndef VMBUILD_FILE_SYSTEM_H
#define VMBUILD_FILE_SYSTEM_H

#include <stdint.h>

#include "host/lib/error.h"

/* Returns SIZE bytes in the largest unit that leaves at least one, "12 KiB"; the caller's. */
char *file_system_size(uint64_t size);

/* Returns a description of the file system of the existing file or directory PATH, such as "the
 * file system mounted on '/mnt' has 12 KiB free of 40 MiB"; the caller's. */
char *file_system_describe(const char *path);

/* Appends that description to ERR's message if its code is EXIT_DISK_FULL, which has to mean the
 * file system of PATH. Returns ERR; NULL stays NULL. */
[[nodiscard]] struct error *file_system_explain(struct error *err, const char *path);

#endif
