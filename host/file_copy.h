/*
 * Copying files as cheaply as the file systems allow: shared extents, a copy inside the kernel, or
 * else read and write.
 */
#ifndef VMBUILD_FILE_COPY_H
#define VMBUILD_FILE_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Appends the SIZE bytes of the file FROM at TO's position. TO_NAME is what errors call TO. Errors:
 * EXIT_OTHER where FROM cannot be read or is not of that size; EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_copy(const char *from, uint64_t size, int to, const char *to_name);

/* Makes the empty file TO the same as the file FROM, holes included. Errors: EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_copy_sparse(const char *from, int to, const char *to_name);

/* Writes LENGTH bytes at TO's position. Errors: as above. */
[[nodiscard]] struct error *file_write(const void *bytes, size_t length, int to,
                                       const char *to_name);

/* Makes the new file NAME in the folder DIR_FD (mode 0666 less the umask). Its content is the file
 * FROM of SIZE bytes, or where that is NULL the SIZE bytes at BYTES. Errors: as above. */
[[nodiscard]] struct error *file_make(int dir_fd, const char *name, const char *from,
                                      const void *bytes, uint64_t size);

#endif
