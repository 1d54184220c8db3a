/*
 * The identity of an input file: device, inode, size, mtime and ctime. A file whose identity is
 * still the one it had when it was read has the same content, unless it was changed within the
 * granularity of the clock: a file changed in the two seconds before it was read has no identity.
 */
#ifndef VMBUILD_FILE_IDENTITY_H
#define VMBUILD_FILE_IDENTITY_H

#include <stdbool.h>
#include <sys/stat.h>

#include "host/lib/digest.h"

/* Makes a key of the file FD's identity and of PURPOSE, what the file was read for. Returns false
 * if it has no identity: it is not a regular file, or too recent. */
bool file_identity(int fd, const char *purpose, struct digest *ret);

/* The same of any kind of file, by its STATUS; of a directory, for what is known of it alone. */
bool file_identity_of(const struct stat *status, const char *purpose, struct digest *ret);

#endif
