/*
 * A source of `contents` that is a tarball: recognised by its bytes, whatever its compression and
 * its name.
 */
#ifndef VMBUILD_CONTENTS_TARBALL_H
#define VMBUILD_CONTENTS_TARBALL_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/tree/contents_source.h"

/* Whether the file PATH, open as FD, is a tarball. FD's position changes. Errors: EXIT_INPUT if it
 * is compressed and damaged. */
[[nodiscard]] struct error *contents_tarball_recognise(const char *path, int fd, bool *ret);

/* Calls VISIT for each entry of the tarball SOURCE, which is open as FD and whose position changes.
 * Errors: EXIT_INPUT (damaged, a name that leads out of the root), and those of VISIT. */
[[nodiscard]] struct error *contents_tarball_visit(const struct contents_source *source, int fd,
                                                   contents_visit visit, void *context);

/* Passes the SIZE bytes of TARBALL's current entry to SINK; holes come as zeros, and *HOLES grows
 * by their bytes. PATH is the tarball's and NAME the entry's, for errors: EXIT_INPUT, and those of
 * SINK. */
[[nodiscard]] struct error *contents_tarball_copy(const char *path, struct tarball *tarball,
                                                  int64_t size, const char *name, struct sink sink,
                                                  uint64_t *holes);

#endif
