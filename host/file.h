/*
 * Small files, read whole.
 */
#ifndef VMBUILD_FILE_H
#define VMBUILD_FILE_H

#include <stddef.h>

#include "buffer.h"
#include "error.h"

/* Appends the bytes of the file PATH to OUT. WHAT names its kind for errors ("certificates").
 * Errors: CODE where it cannot be read or has more than MAX bytes; with errno as open or read left
 * it, so that a caller may let a missing file pass (ENOENT). */
[[nodiscard]] struct error *file_read(const char *path, const char *what, size_t max,
                                      enum exit_code code, struct buffer *out);

#endif
