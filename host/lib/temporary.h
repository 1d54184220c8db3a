/*
 * Temporaries: files and directories that must not outlive the program, however it ends.
 *
 * Their table lies in memory shared between the worker and its supervisor (supervisor.h): a path is
 * entered before it is made, and removed once it has been renamed to its final name or deleted.
 * When the worker has ended, the supervisor deletes whatever the table still contains.
 *
 * What lies in a directory of the user's, outputs not yet complete and run directories, is locked
 * as long as it is used: if the supervisor is killed as well, the next program that makes one of
 * these in the same directory removes it.
 *
 * The table and the run directory are state of the process, not of a caller: the supervisor has to
 * find the former after any crash, and all parts of a build share the latter. No output depends on
 * them. Processes that the worker forks share its table. All functions but temporary_setup and
 * temporary_remove_all may be called from several threads.
 */
#ifndef VMBUILD_TEMPORARY_H
#define VMBUILD_TEMPORARY_H

#include "host/lib/error.h"

/* Makes the table. Called once by main, before supervise. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *temporary_setup(void);

/* Makes an empty file (mode 0600) in the directory DIR, named ".PREFIX.XXXXXX". *RET_PATH is the
 * caller's to free, *RET_FD (may be NULL: closed again) to close. */
[[nodiscard]] struct error *temporary_file(const char *dir, const char *prefix, char **ret_path,
                                           int *ret_fd);

/* The same for a directory (mode 0700). It is removed with all that it contains. */
[[nodiscard]] struct error *temporary_folder(const char *dir, const char *prefix, char **ret_path);

/* The same for an output that is still to be completed, and later renamed, in the user's directory
 * DIR, where abandoned temporaries are removed first. RET_FD must not be NULL. */
[[nodiscard]] struct error *temporary_output_file(const char *dir, char **ret_path, int *ret_fd);
[[nodiscard]] struct error *temporary_output_folder(const char *dir, char **ret_path);

/* Enters PATH, a directory that a library made, as a temporary; at most one at a time. */
void temporary_adopt(const char *path);

/* Renames the temporary PATH to TARGET with rename(2), replacing what was there; it is no longer a
 * temporary. */
[[nodiscard]] struct error *temporary_rename(const char *path, const char *target);

/* Removes the temporary PATH now. NULL and paths that do not exist any more are allowed. Keeps
 * errno. */
void temporary_remove(const char *path);

/* Removes all that are left. Only for when no other process of this program makes any more. */
void temporary_remove_all(void);

/* Removes those of this process that are left. */
void temporary_remove_own(void);

/* In a process that was just forked: what the other one has made stays its own, its run directory
 * included. */
void temporary_begin_process(void);

/* Returns the run directory, for the scratch disk and sockets, borrowed. It is made at the first
 * call, below $TMPDIR, or else /var/tmp, or /tmp if that cannot be written to. */
[[nodiscard]] struct error *temporary_run_folder(const char **ret);

/* Makes another such directory, in DIR, where abandoned temporaries are removed first. *RET is the
 * caller's to free. */
[[nodiscard]] struct error *temporary_run_folder_in(const char *dir, char **ret);

/* Removes abandoned temporaries where the run directory would be. */
void temporary_remove_abandoned(void);

/* CLEANUP function: removes the temporary and frees its path. */
void temporary_removep(char **path);

#endif
