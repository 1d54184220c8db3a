/*
 * QEMU's migration stream, as far as it holds the guest's memory: a stream of sections, of which
 * those of the device "ram" consist of records, one a page (QEMU's docs/devel/migration.rst and
 * migration/ram.c). QEMU also writes a record for each empty page, and touches all of those when it
 * reads the stream, which allocates memory that the guest has never used. Leaving them out makes
 * the stream smaller and faster to load.
 */
#ifndef VMBUILD_MIGRATION_STREAM_H
#define VMBUILD_MIGRATION_STREAM_H

#include "host/lib/error.h"

/* Copies the stream from the descriptor FROM, up to its end, to the descriptor TO at its position,
 * without the records of empty pages of the main memory, the block MEMORY: the QEMU that reads it
 * starts with empty memory. Errors: EXIT_DISK_FULL; EXIT_OTHER, also if the stream has a form that
 * is not known here; TO then holds part of it. */
[[nodiscard]] struct error *migration_stream_copy(int from, const char *memory, int to);

#endif
