/*
 * The records of a PAX extended header (POSIX.1-2001, pax, "pax Header Block"): "LENGTH
 * KEY=VALUE\n" each. Besides POSIX's own keys, those of xattrs (SCHILY.xattr) and of sparse files
 * in GNU's format 1.0 are known, which GNU tar and libarchive write.
 */
#ifndef VMBUILD_PAX_RECORDS_H
#define VMBUILD_PAX_RECORDS_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/tar/tar_entry.h"
#include "host/tar/tar_header.h"

/* Replaces values of ENTRY and STRINGS by those of the records PAX, whose strings then belong to
 * STRINGS. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *pax_records_apply(const struct buffer *pax, struct tar_strings *strings,
                                              struct tar_entry *entry);

#endif
