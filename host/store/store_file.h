/*
 * The file operations that the store's modules share: where its files lie, directories made on
 * demand, and small files replaced as a whole.
 *
 * Everything that appears in the store gets there by a rename: it is written to a temporary of the
 * session (store_session.h) first, on the same file system. A process that is killed leaves the old
 * file or the new one.
 */
#ifndef VMBUILD_STORE_FILE_H
#define VMBUILD_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/store/store_session.h"

/* Where files of the store lie: below FOLDER, DEPTH levels deep. */
struct store_place {
    const char *folder;
    unsigned int depth; /* 1: in FOLDER itself */
};

/* By kind of entry; the last place is that of records. */
extern const struct store_place store_places[STORE_KINDS + 1];

/* The store's other directories, with what it knows of entries. */
#define STORE_FOLDERS 3
extern const char *const store_folders[STORE_FOLDERS];

/* Removes PATH, with all in it if it is a directory, which no entry is. Returns whether it is gone.
 */
bool store_file_remove(const char *path);

/* Makes the directory PATH (mode 0700) and those above it that are missing. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *store_file_make_folders(const char *path);

/* Returns the path in the directory FOLDER/KIND of the file that belongs to the entry NAME
 * ("disks/KEY"): all of them lie in one directory, with dashes for slashes. The caller's. */
char *store_file_flat(const char *folder, const char *kind, const char *name);

/* Reads LENGTH bytes at OFFSET of FD into BYTES. Returns false if FD has fewer or cannot be read.
 */
bool store_file_read_at(int fd, char *bytes, size_t length, uint64_t offset);

/* Returns whether FD is still the file called PATH. */
bool store_file_is_linked(int fd, const char *path);

/* Marks the entry FD as used now, by which pruning goes. Has no effect on another user's entry. */
void store_file_touch(int fd);

/* Opens the entry PATH to read it; its atime, by which pruning goes, stays if this user may keep
 * it. Returns its descriptor, or below 0 with errno. */
int store_file_open(const char *path);

/* Renames the file PATH to TARGET, and makes TARGET's directory if it is missing. Errors:
 * EXIT_OTHER; PATH is then still there. */
[[nodiscard]] struct error *store_file_rename(const char *path, const char *target);

/* Writes the LENGTH bytes at BYTES to the file TARGET, which it replaces, through a temporary of
 * SESSION. Errors: EXIT_OTHER, EXIT_DISK_FULL; TARGET is then as it was. */
[[nodiscard]] struct error *store_file_write(struct store_session *session, const char *target,
                                             const char *bytes, size_t length);

#endif
