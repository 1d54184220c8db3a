/*
 * The identity of an input file: device, inode, size, mtime and ctime. A file that has the identity
 * it had when it was read holds what it held then, unless it was changed within the clock's grain:
 * a file changed in the two seconds before it was read has no identity.
 */
#ifndef VMBUILD_FILE_IDENTITY_H
#define VMBUILD_FILE_IDENTITY_H

#include <stdbool.h>

#include "host/lib/digest.h"

/* A key of the file FD's identity and of PURPOSE, which says what the file was read for. Returns
 * false where it has none: it is no regular file, or too young. */
bool file_identity(int fd, const char *purpose, struct digest *ret);

#endif
