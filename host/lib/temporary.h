/*
 * Temporaries: files and folders that must not outlive the program, however it ends.
 *
 * The table of them lies in memory shared between the worker and its supervisor (supervisor.h): a
 * path is entered before it is made and taken out once it is renamed to its place or removed. When
 * the worker is gone, the supervisor removes whatever the table still holds.
 *
 * The table and the run directory are state of the process, not of a caller: the supervisor has to
 * find the one after any crash, and all parts of a build share the other. Nothing that a build
 * gives depends on them. All functions but temporary_setup and temporary_remove_all may be called
 * from several threads.
 */
#ifndef VMBUILD_TEMPORARY_H
#define VMBUILD_TEMPORARY_H

#include "host/lib/error.h"

/* Makes the table. Called once by main, before supervise. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *temporary_setup(void);

/* Makes an empty file (mode 0600) in the folder DIR, named ".PREFIX.XXXXXX". *RET_PATH is the
 * caller's to free, *RET_FD (may be NULL: closed again) to close. */
[[nodiscard]] struct error *temporary_file(const char *dir, const char *prefix, char **ret_path,
                                           int *ret_fd);

/* The same for a folder (mode 0700). It is removed with all it holds. */
[[nodiscard]] struct error *temporary_folder(const char *dir, const char *prefix, char **ret_path);

/* Enters PATH, a file or folder that a library made, as a temporary. */
void temporary_adopt(const char *path);

/* The temporary PATH has become TARGET by rename(2), replacing what was there; it is no longer one.
 */
[[nodiscard]] struct error *temporary_rename(const char *path, const char *target);

/* Removes the temporary PATH now. NULL and paths already gone are fine. Keeps errno. */
void temporary_remove(const char *path);

/* Removes all that are left. Only when no other process of this program makes any more. */
void temporary_remove_all(void);

/* The build's own folder for scratch disk and sockets, made at the first call below $TMPDIR, else
 * /var/tmp. Returns borrowed. */
[[nodiscard]] struct error *temporary_run_folder(const char **ret);

/* Another such folder, in DIR. One that a build left there which was killed together with its
 * supervisor is removed. *RET is the caller's to free. */
[[nodiscard]] struct error *temporary_run_folder_in(const char *dir, char **ret);

/* CLEANUP function: removes the temporary and frees its path. */
void temporary_removep(char **path);

#endif
