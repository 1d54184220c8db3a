/*
 * The file that marks a directory as a cache, and as this program's: CACHEDIR.TAG
 * (bford.info/cachedir), by which backup programs skip it. Cleaning up deletes what does not belong
 * into the store, so that no other directory may become one.
 */
#ifndef VMBUILD_STORE_TAG_H
#define VMBUILD_STORE_TAG_H

#include "host/lib/error.h"

/* Marks the directory FOLDER if it has nothing but directories of a store, or is empty. Errors:
 * EXIT_OTHER if it has, and no mark of this program, or cannot be read or written; EXIT_DISK_FULL.
 */
[[nodiscard]] struct error *store_tag_folder(const char *folder);

#endif
