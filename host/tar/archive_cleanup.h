/*
 * Cleanup (cleanup.h) of what libarchive allocates.
 */
#ifndef VMBUILD_ARCHIVE_CLEANUP_H
#define VMBUILD_ARCHIVE_CLEANUP_H

#include <archive.h>
#include <archive_entry.h>

static inline void archive_entry_freep(struct archive_entry **entry)
{
    archive_entry_free(*entry);
}

static inline void archive_read_freep(struct archive **archive)
{
    archive_read_free(*archive);
}

#endif
