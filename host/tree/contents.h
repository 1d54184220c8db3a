/*
 * `contents` and `closure` as one deterministic tar stream: what mkPureLayer makes, without a VM.
 *
 * Sources are directories (their contents), tarballs (any compression) and single files. Owners
 * and modes follow each source's rules (what is in a closure is root's and keeps its modes), mtimes
 * are clamped; symlinks, hard links and xattrs are kept. Later sources win, and all of them over
 * the closure; directories merge; paths are resolved as contents_place.h describes. Two passes: the
 * first reads names and decides which entry wins each path, the second streams. Memory grows with
 * the number of names, never with their sizes, and nothing is unpacked to disk.
 */
#ifndef VMBUILD_CONTENTS_H
#define VMBUILD_CONTENTS_H

#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/tree/contents_place.h"
#include "host/tree/contents_source.h"

struct contents {
    const struct contents_source *sources; /* of `contents`, in their order */
    size_t source_count;
    const struct strings *closure; /* absolute paths of `closure`, or NULL */
    contents_base base; /* the closure omits what is at its paths; NULL: there is no image below */
    void *base_context;
    int64_t clamp; /* newest mtime allowed, seconds since 1970 */
    bool bare;     /* directories that no source names are left to the program that unpacks the
                      * layer; otherwise they are written unless the base has them */
};

/* Streams the tar into SINK, its two zero blocks included. Errors: EXIT_INPUT, naming the source,
 * if it is missing, damaged or changes while it is read. */
[[nodiscard]] struct error *contents_write(const struct contents *contents, struct sink sink);

/* Makes the merged tree in FOLDER, an absolute path without symlinks to an empty directory, with
 * modes, times and xattrs, but owned by the caller's user. Errors: as above; EXIT_DISK_FULL. */
[[nodiscard]] struct error *contents_extract(const struct contents *contents, const char *folder);

#endif
