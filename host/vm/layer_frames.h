/*
 * The frames in which the guest sends a layer (guest/contract.h), turned back into the layer's
 * bytes. The guest is not trusted: its holes have a limit.
 */
#ifndef VMBUILD_LAYER_FRAMES_H
#define VMBUILD_LAYER_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"

/* The state between two pieces. A new one has nothing but its sink. */
struct layer_frames {
    struct sparse_sink sink;
    unsigned char header[GUEST_FRAME_HEADER];
    size_t filled;  /* bytes of `header` */
    uint64_t left;  /* bytes of the frame still to come */
    uint64_t holes; /* bytes of all so far */
};

/* Takes the next LENGTH bytes of the port, cut anywhere. Errors: EXIT_VM for holes beyond the
 * limit, or the sink's. */
[[nodiscard]] struct error *layer_frames_write(struct layer_frames *frames, const void *bytes,
                                               size_t length);

/* To be called at the end. Errors: EXIT_VM within a frame. */
[[nodiscard]] struct error *layer_frames_finish(const struct layer_frames *frames);

#endif
