/*
 * A tar in the pax format (POSIX.1-2001), written with libarchive into a sink. Its bytes depend on
 * the entries alone. Extended attributes are stored as Docker and the OCI tools read them, in
 * SCHILY.xattr records.
 *
 * Entries are written with libarchive's own functions, to the writer's archive.
 */
#ifndef VMBUILD_PAX_WRITER_H
#define VMBUILD_PAX_WRITER_H

#include <archive.h>
#include <stdbool.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

enum pax_form {
    PAX_RESTRICTED, /* a plain ustar header wherever it can hold the entry; whole seconds */
    PAX_FULL        /* times keep their fractions of a second */
};

struct pax_writer;

/* Starts an archive into SINK. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *pax_writer_new(enum pax_form form, struct sink sink,
                                           struct pax_writer **ret);

/* Returns libarchive's handle, borrowed. If one of its functions fails, see pax_writer_error. */
struct archive *pax_writer_archive(const struct pax_writer *writer);

/* Returns whether an extended attribute called NAME keeps that name: libarchive encodes all but
 * printable ASCII, and '%' and '=', as URLs do, which readers of layers do not undo. */
bool pax_writer_keeps_xattr(const char *name);

/* Returns the error of a call that failed: SINK's, or else "OPERATION 'PATH'" with libarchive's
 * words (EXIT_OTHER). Never NULL. */
[[nodiscard]] struct error *pax_writer_error(struct pax_writer *writer, const char *operation,
                                             const char *path);

/* Frees WRITER. Nothing more is passed to SINK: to complete the archive, call archive_write_close
 * first. */
void pax_writer_free(struct pax_writer *writer);
static inline void pax_writer_freep(struct pax_writer **writer)
{
    pax_writer_free(*writer);
}

#endif
