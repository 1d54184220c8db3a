/*
 * The named files that an image consists of, wherever they are: in an archive (image_archive.h) or
 * a directory (image_folder.h). The readers of all formats work on these. Names are relative paths,
 * as the image's own documents write them.
 */
#ifndef VMBUILD_IMAGE_FILES_H
#define VMBUILD_IMAGE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/image/layer_intake.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

struct image_files {
    const char *path; /* of the archive or directory, for messages; borrowed */
    void *context;

    bool (*has)(void *context, const char *name);

    /* Appends the bytes of NAME to OUT. Errors: EXIT_INPUT if it is missing or has more than MAX
     * bytes. */
    struct error *(*read)(void *context, const char *name, size_t max, struct buffer *out);

    /* Takes in the bytes of NAME, in the forms WANTED (enum layer_form bits). A file can be taken
     * in only once. *RET is the caller's. Errors: EXIT_INPUT, EXIT_DISK_FULL. */
    struct error *(*take)(void *context, const char *name, unsigned int wanted,
                          struct layer_intake_result *ret);
};

#endif
