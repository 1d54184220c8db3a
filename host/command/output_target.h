/*
 * The output (format/output.h) that an image reference stands for: a file, a directory, or an image
 * in a registry.
 */
#ifndef VMBUILD_OUTPUT_TARGET_H
#define VMBUILD_OUTPUT_TARGET_H

#include "host/command/options.h"
#include "host/format/output.h"
#include "host/image/reference.h"
#include "host/lib/error.h"

/* Returns the output that TARGET, written as TEXT, stands for; a plain path is of the format PLAIN.
 * Its compression is gzip, or that of the name of a docker-archive. Borrows from both. */
struct output output_target(const struct reference *target, const char *text,
                            enum output_format plain);

/* Sets *RET to the compression of an output of FORMAT at PATH (NULL: the default): that of
 * --compression, or the one that the name of a docker-archive stands for. Errors: EXIT_USAGE if
 * they contradict each other. */
[[nodiscard]] struct error *output_target_compression(const struct options *options,
                                                      enum output_format format, const char *path,
                                                      enum compression *ret);

#endif
