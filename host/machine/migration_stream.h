/*
 * QEMU's migration stream, as far as the guest's memory goes: sections, which for the device "ram"
 * consist of records of a page each (QEMU's docs/devel/migration.rst, migration/ram.c). QEMU writes
 * a record for each page that holds nothing, too, and looks at each of them when it reads the
 * stream: that brings memory into being that the guest has never used.
 */
#ifndef VMBUILD_MIGRATION_STREAM_H
#define VMBUILD_MIGRATION_STREAM_H

#include "host/lib/error.h"

/* Copies the stream from the descriptor FROM, to its end, to TO, without the records of empty pages
 * of the main memory, which is empty where the stream is read. Errors: EXIT_DISK_FULL; EXIT_OTHER,
 * also where the stream has what is not known here. */
[[nodiscard]] struct error *migration_stream_copy(int from, int to);

#endif
