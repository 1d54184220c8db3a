/*
 * What a build tells of the image that it has made (build/build_result.h): an event for each
 * output, the image's ID with --quiet, and the file of --metadata-file.
 *
 * The file has the names that BuildKit's exporters and `docker buildx --metadata-file` have, and
 * beside them some of its own, which begin with "vmbuild.".
 */
#ifndef VMBUILD_BUILD_REPORT_H
#define VMBUILD_BUILD_REPORT_H

#include "host/command/build_targets.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

/* Returns the event on the output INDEX of TARGETS, the caller's. */
struct json *build_report_event(const struct build_targets *targets, size_t index,
                                const struct json *result);

/* Shows the image of RESULT, which was written to TARGETS. IMAGE: its name in the spec, if that has
 * several; or NULL. */
void build_report_show(const struct build_targets *targets, const char *image,
                       const struct json *result);

/* Returns what the file has of the image; the caller's. */
struct json *build_report_metadata(const struct build_targets *targets, const struct json *result);

/* Adds to METADATA, of images by name, what is known of their index, which was written to TARGETS:
 * RESULT of build_index_write. */
void build_report_add_index(const struct build_targets *targets, const struct json *result,
                            struct json *metadata);

/* Checks that the file PATH (NULL: none is wanted) can be written, and is not one of TARGETS.
 * Errors: EXIT_USAGE. */
[[nodiscard]] struct error *build_report_check(const char *path,
                                               const struct build_targets *targets);

/* Writes METADATA to the file PATH, which is replaced when it is whole. Errors: EXIT_DISK_FULL,
 * EXIT_OTHER. */
[[nodiscard]] struct error *build_report_write(const char *path, const struct json *metadata);

#endif
