/* Small files, the kernel's own among them, read and written whole. */
#ifndef VMBUILD_GUEST_FILE_H
#define VMBUILD_GUEST_FILE_H

#include <stddef.h>

/* Reads the file at PATH into BYTES, which has room for ROOM bytes, up to its end or as far as they
 * fit. Returns the number of bytes, or -1 with errno. */
long file_read(const char *path, char *bytes, size_t room);

/* Reads the regular file PATH below FOLDER whole. Returns its bytes and a NUL byte that *RET_LENGTH
 * does not count, in new memory, or NULL with errno. */
char *file_read_whole(int folder, const char *path, size_t *ret_length);

/* Writes LENGTH bytes at FD's position. Returns 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, size_t length);

/* Writes TEXT to the file at PATH, one of the kernel's, in the one call that those require. Returns
 * 0, or -1 with errno. */
int file_write_setting(const char *path, const char *text);

#endif
