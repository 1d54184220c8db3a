/*
 * Files: small ones read as a whole, writes that are complete, and copies as cheap as the file
 * systems allow: shared extents, a copy inside the kernel, or else read and write.
 */
#ifndef VMBUILD_FILE_H
#define VMBUILD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* Appends the rest of FD's bytes to OUT. Errors, which name no object: CODE if they cannot be read
 * or are more than MAX. */
[[nodiscard]] struct error *file_read_open(int fd, size_t max, enum exit_code code,
                                           struct buffer *out);

/* Appends the bytes of the file PATH to OUT. WHAT names its kind for errors ("certificates").
 * Errors: CODE if it cannot be read or has more than MAX bytes; errno is that of open if open
 * failed, else 0, so that a caller can tolerate a missing file (ENOENT). */
[[nodiscard]] struct error *file_read(const char *path, const char *what, size_t max,
                                      enum exit_code code, struct buffer *out);

/* Writes LENGTH bytes at TO's position. TO_NAME is what errors call TO. Errors: EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_write(const void *bytes, size_t length, int to,
                                       const char *to_name);

/* Writes LENGTH zeros at TO's position; as a hole if TO is a file that ends there. Errors: as
 * above. */
[[nodiscard]] struct error *file_write_zeros(uint64_t length, int to, const char *to_name);

/* Takes room for LENGTH bytes at TO's position, if it is a file and its file system can: it then
 * need not find room for each page that is written. Where there is not enough, the writes say so.
 */
void file_reserve(uint64_t length, int to);

/* Writes LENGTH bytes: if they are nothing but zeros, as file_write_zeros does, else as file_write.
 * Errors: as theirs. */
[[nodiscard]] struct error *file_write_sparse(const void *bytes, size_t length, int to,
                                              const char *to_name);

/* Appends the SIZE bytes of the file FROM at TO's position; holes stay holes if TO can have them.
 * Errors: EXIT_OTHER if FROM cannot be read or is not of that size; EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_copy(const char *from, uint64_t size, int to, const char *to_name);

/* Makes the empty file TO share the extents of the file FROM of SIZE bytes, and moves to its end.
 * Returns false if that is not possible. */
bool file_clone(const char *from, uint64_t size, int to);

/* One of several functions that do what file_copy does, with the errors of file_copy. */
struct file_copier {
    struct error *(*copy)(void *context, const char *from, uint64_t size, int to,
                          const char *to_name);
    void *context;
};

/* Returns what copies temporaries and uses them up: what was copied no longer takes space on its
 * disk, if the file system can free it. */
struct file_copier file_user_up(void);

/* Makes the empty file TO the same as the file FROM, holes included. Errors: EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_copy_sparse(const char *from, int to, const char *to_name);

/* Copies the data of the first SIZE bytes of FROM to the same places in TO, without holes. Errors:
 * EXIT_OTHER, also if there are more than MAX bytes of data; EXIT_DISK_FULL. */
[[nodiscard]] struct error *file_copy_data(int from, const char *from_name, uint64_t size,
                                           uint64_t max, int to, const char *to_name);

/* Appends the names in the directory FD to RET, sorted by bytes. Returns whether that succeeded;
 * otherwise errno is set. */
bool file_list(int fd, struct strings *ret);

/* Returns the directory that PATH, which has no slash at its end, is in: "." if it names none. The
 * caller's. */
char *file_folder(const char *path);

/* Returns PATH without slashes at its end, for a directory that is still to be made. The caller's.
 */
char *file_without_slash(const char *path);

/* Returns MODE less this process's umask, for a file that was made with another mode. */
mode_t file_mode(mode_t mode);

/* Makes the new file NAME in the directory DIR_FD (mode 0666 less the umask) of the LENGTH bytes at
 * BYTES. Errors: as above. */
[[nodiscard]] struct error *file_make(int dir_fd, const char *name, const void *bytes,
                                      size_t length);

/* The same of the file FROM of SIZE bytes, by COPIER. */
[[nodiscard]] struct error *file_make_copy(int dir_fd, const char *name, const char *from,
                                           uint64_t size, struct file_copier copier);

#endif
