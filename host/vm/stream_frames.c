#include "host/vm/stream_frames.h"

#include <endian.h>
#include <string.h>

/* Takes as much of the header as there is. Returns how many bytes that is. */
static size_t take_header(struct stream_frames *frames, const unsigned char *bytes, size_t length)
{
    size_t taken = 0;
    uint32_t number;

    while (frames->header_length < GUEST_STREAM_HEADER && taken < length)
        frames->header[frames->header_length++] = bytes[taken++];
    memcpy(&number, frames->header, sizeof number);
    number = le32toh(number);
    frames->kind = number >> GUEST_STREAM_KIND_SHIFT;
    frames->left = number & ((1u << GUEST_STREAM_KIND_SHIFT) - 1);
    return taken;
}

/* Passes on LENGTH bytes of the frame's content. */
static struct error *pass(struct stream_frames *frames, const unsigned char *bytes, size_t length)
{
    if (frames->kind != GUEST_STREAM_OUTPUT && frames->kind != GUEST_STREAM_ERROR)
        return error_new(EXIT_VM, "the guest's output is not valid");
    frames->left -= (uint32_t)length;
    return frames->take(frames->context, (enum guest_stream)frames->kind, bytes, length);
}

struct error *stream_frames_write(struct stream_frames *frames, const void *bytes, size_t length)
{
    const unsigned char *next = bytes, *end = next + length;

    while (next < end) {
        size_t there = (size_t)(end - next);

        if (frames->header_length < GUEST_STREAM_HEADER) {
            next += take_header(frames, next, there);
        } else {
            size_t step = there < frames->left ? there : frames->left;

            TRY(pass(frames, next, step));
            next += step;
        }
        if (frames->header_length == GUEST_STREAM_HEADER && frames->left == 0)
            frames->header_length = 0;
    }
    return NULL;
}
