/*
 * Paths as text, with slashes between their names. Nothing of a file system is looked at.
 */
#ifndef VMBUILD_CLEAN_PATH_H
#define VMBUILD_CLEAN_PATH_H

/* Returns PATH without empty names and ".", and with each ".." taken as far as it goes, as
 * filepath.Clean of Go does; "." if nothing is left. The caller's. */
char *clean_path(const char *path);

/* Returns PATH, or if it is not absolute, the one that it is in FOLDER; clean, but for a slash at
 * its end if PATH has one or ends in ".". The caller's. */
char *clean_path_in(const char *folder, const char *path);

#endif
