/*
 * The headers of a tar that libarchive reads. libarchive makes the best of what it does not
 * understand: it would pass over a damaged header, and then take a file's data for headers, and it
 * leaves out what is malformed in an extended one, such as a long name. Others read such a tar in
 * another way or, as Go does, refuse it.
 */
#ifndef VMBUILD_ARCHIVE_HEADER_H
#define VMBUILD_ARCHIVE_HEADER_H

#include <archive.h>
#include <archive_entry.h>

/* Reads the next header of ARCHIVE into ENTRY. Names keep their bytes (charset.h). Returns
 * ARCHIVE_OK, ARCHIVE_EOF, or else a status below ARCHIVE_WARN, with libarchive's words. */
int archive_header_read(struct archive *archive, struct archive_entry *entry);

#endif
