/*
 * Small files, read whole.
 */
#ifndef VMBUILD_FILE_H
#define VMBUILD_FILE_H

#include <stddef.h>

#include "buffer.h"
#include "error.h"

/* Appends the bytes that FD has left to OUT. Errors, which name no object: CODE where they cannot
 * be read or are more than MAX. */
[[nodiscard]] struct error *file_read_open(int fd, size_t max, enum exit_code code,
                                           struct buffer *out);

/* Appends the bytes of the file PATH to OUT. WHAT names its kind for errors ("certificates").
 * Errors: CODE where it cannot be read or has more than MAX bytes; errno is open's where that
 * failed, else 0, so that a caller may let a missing file pass (ENOENT). */
[[nodiscard]] struct error *file_read(const char *path, const char *what, size_t max,
                                      enum exit_code code, struct buffer *out);

#endif
