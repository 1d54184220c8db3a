/*
 * One gzip member (RFC 1952), compressed by ISA-L on all CPUs, whose bytes depend on the input
 * alone.
 *
 * The input is cut into blocks of a fixed size. Each becomes a run of deflate blocks that refers to
 * nothing before it and ends at a byte boundary (a "full flush"), so that threads can make them in
 * any order; they are written in the order of the input, from the calling thread. The header has no
 * name, no time, and OS 255 (unknown).
 *
 * ISA-L chooses its routines by the CPU. At its levels 1 and 2, all of those that need SSE4.2
 * produce the same bytes (compared on 250 MB: emulated Nehalem, Sandy Bridge, Haswell, Skylake,
 * "max", and a host with AVX-512); those for older CPUs produce others, and so do all at level 3.
 * Hence level 1, and an error on a CPU without SSE4.2. Those for arm64 produce yet others at each
 * level, and the version tells: at levels 1 and 2 they look for a match at every position, where
 * those of x86-64 look at two together, and skip ahead in data that has none. (At level 3 they do
 * as x86-64 without AVX2.) No setting chooses among them.
 *
 * 200 MB of /usr/lib on one core of an EPYC: level 0 310 MB/s to 41.4 %, level 1 353 MB/s to
 * 37.2 %, level 2 315 MB/s to 36.7 %; libdeflate's level 1, which has no such differences, 161 MB/s
 * to 35.1 %.
 */
#ifndef VMBUILD_GZIP_WRITER_H
#define VMBUILD_GZIP_WRITER_H

#include "host/lib/stream.h"

struct gzip_writer;

/* Returns what the bytes depend on: ISA-L's version, the level and the block size. */
const char *gzip_writer_version(void);

/* Starts a member into SINK. Errors: EXIT_OTHER if this CPU would produce other bytes. */
[[nodiscard]] struct error *gzip_writer_new(struct sink sink, struct gzip_writer **ret);

/* Compresses LENGTH more bytes. Errors: the sink's; EXIT_OTHER if no thread can be started. */
[[nodiscard]] struct error *gzip_writer_write(struct gzip_writer *writer, const void *bytes,
                                              size_t length);

/* Ends the member. WRITER is still to be freed. Errors: as above. */
[[nodiscard]] struct error *gzip_writer_finish(struct gzip_writer *writer);

void gzip_writer_free(struct gzip_writer *writer);

#endif
