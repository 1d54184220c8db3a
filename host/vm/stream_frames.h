/*
 * What the guest writes to its output port in frames (guest/contract.h), which arrive cut anywhere.
 */
#ifndef VMBUILD_STREAM_FRAMES_H
#define VMBUILD_STREAM_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/error.h"

struct stream_frames {
    /* Takes LENGTH bytes of STREAM: GUEST_STREAM_OUTPUT or GUEST_STREAM_ERROR. */
    struct error *(*take)(void *context, enum guest_stream stream, const void *bytes,
                          size_t length);
    void *context;

    /* The frame that it is in; zeroed at first. */
    unsigned char header[GUEST_STREAM_HEADER];
    size_t header_length;
    uint32_t kind, left;
};

/* Takes the next LENGTH bytes. Errors: EXIT_VM if they are not valid; those of `take`. */
[[nodiscard]] struct error *stream_frames_write(struct stream_frames *frames, const void *bytes,
                                                size_t length);

#endif
