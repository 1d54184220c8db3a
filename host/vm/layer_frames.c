#include "host/vm/layer_frames.h"

#include <string.h>

#define HOLES_MAX ((uint64_t)GUEST_LAYER_HOLES_MAX_GIB << 30)
/* A long hole is passed on in pieces, so that whoever waits sees progress. */
#define SKIP_MAX (UINT64_C(64) << 20)

static struct error *skip(struct layer_frames *frames, uint64_t length)
{
    if (length > HOLES_MAX - frames->holes)
        return error_new(EXIT_VM, "receive the layer: the guest sent holes of more than %u GiB",
                         GUEST_LAYER_HOLES_MAX_GIB);
    frames->holes += length;
    while (length > 0) {
        uint64_t piece = length < SKIP_MAX ? length : SKIP_MAX;

        TRY(frames->sink.skip(frames->sink.context, piece));
        length -= piece;
    }
    return NULL;
}

/* Takes the header's next bytes. *RET_USED is how many. */
static struct error *read_header(struct layer_frames *frames, const unsigned char *bytes,
                                 size_t length, size_t *ret_used)
{
    size_t missing = sizeof frames->header - frames->filled;
    uint64_t number = 0;

    *ret_used = missing < length ? missing : length;
    memcpy(frames->header + frames->filled, bytes, *ret_used);
    frames->filled += *ret_used;
    if (frames->filled < sizeof frames->header)
        return NULL;
    frames->filled = 0;
    for (size_t i = sizeof frames->header; i-- > 0;)
        number = number << 8 | frames->header[i];
    if (number & GUEST_FRAME_HOLE)
        return skip(frames, number & ~GUEST_FRAME_HOLE);
    frames->left = number;
    return NULL;
}

struct error *layer_frames_write(struct layer_frames *frames, const void *bytes, size_t length)
{
    const unsigned char *next = bytes;

    while (length > 0) {
        size_t used = frames->left < length ? (size_t)frames->left : length;

        if (frames->left == 0) {
            TRY(read_header(frames, next, length, &used));
        } else {
            frames->left -= used;
            TRY(frames->sink.write(frames->sink.context, next, used));
        }
        next += used;
        length -= used;
    }
    return NULL;
}

struct error *layer_frames_finish(const struct layer_frames *frames)
{
    if (frames->left > 0 || frames->filled > 0)
        return error_new(EXIT_VM, "receive the layer: the guest ended it within a frame");
    return NULL;
}
