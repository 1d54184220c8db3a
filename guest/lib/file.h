/* Small files, the kernel's own among them, read and written whole. */
#ifndef VMBUILD_GUEST_FILE_H
#define VMBUILD_GUEST_FILE_H

#include <stddef.h>

/* Reads the file at PATH into BYTES, of ROOM bytes, up to its end or as far as there is room.
 * Returns how many bytes there are, or -1 with errno. */
long file_read(const char *path, char *bytes, size_t room);

/* Writes LENGTH bytes at FD's position. Returns 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, size_t length);

/* Writes TEXT to the file at PATH, one of the kernel's, in one call as those want it. Returns 0, or
 * -1 with errno. */
int file_write_setting(const char *path, const char *text);

#endif
