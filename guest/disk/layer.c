#include "guest/disk/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/lib/worker.h"
#include "guest/tar/pack.h"

/* Bytes of short pieces and the headers of their frames that are sent at once: a multiple of what a
 * port passes on at once. */
#define FRAMES_SIZE (256u << 10)

/* A layer on its way. */
struct sending {
    struct output *output;
    int64_t clamp;
    int port;
    uint64_t *sent; /* bytes; in memory that the worker shares with init */
    size_t filled;  /* bytes of `frames` */
    size_t last;    /* where the last frame begins, whose header is still to be written */
    unsigned char frames[FRAMES_SIZE];
};

static int send_bytes(struct sending *sending, const void *bytes, size_t length)
{
    if (file_write_all(sending->port, bytes, length))
        return -1;
    *sending->sent += length;
    return 0;
}

static void put_number(unsigned char *to, uint64_t number)
{
    for (size_t i = 0; i < GUEST_FRAME_HEADER; i++)
        to[i] = (unsigned char)(number >> (8 * i));
}

/* Ends the last frame, which has LENGTH bytes more than what has been collected of it. One of no
 * bytes is left out. */
static void end_frame(struct sending *sending, size_t length)
{
    length += sending->filled - sending->last - GUEST_FRAME_HEADER;
    if (length > 0)
        put_number(sending->frames + sending->last, length);
    else
        sending->filled = sending->last;
}

static void begin_frame(struct sending *sending)
{
    sending->last = sending->filled;
    sending->filled += GUEST_FRAME_HEADER;
}

/* Sends the frames that have been collected, the last of which goes on with the LENGTH bytes that
 * follow them. */
static int send_frames(struct sending *sending, const void *bytes, size_t length)
{
    end_frame(sending, length);
    size_t filled = sending->filled;

    sending->filled = 0;
    begin_frame(sending);
    return (filled > 0 && send_bytes(sending, sending->frames, filled)) ||
                   (length > 0 && send_bytes(sending, bytes, length))
               ? -1
               : 0;
}

static int take_bytes(void *context, const void *bytes, size_t length)
{
    struct sending *sending = context;

    if (length >= FRAMES_SIZE / 4)
        return send_frames(sending, bytes, length);
    if (length > FRAMES_SIZE - sending->filled && send_frames(sending, NULL, 0))
        return -1;
    memcpy(sending->frames + sending->filled, bytes, length);
    sending->filled += length;
    return 0;
}

static int take_hole(void *context, uint64_t length)
{
    struct sending *sending = context;

    if (FRAMES_SIZE - sending->filled < (size_t)2 * GUEST_FRAME_HEADER &&
        send_frames(sending, NULL, 0))
        return -1;
    end_frame(sending, 0);
    put_number(sending->frames + sending->filled, GUEST_FRAME_HOLE | length);
    sending->filled += GUEST_FRAME_HEADER;
    begin_frame(sending);
    return 0;
}

static void note(void *context, const char *text, const char *path)
{
    struct sending *sending = context;
    char line[FAULT_TEXT_MAX];

    snprintf(line, sizeof line, "%s: '%s'", text, path);
    output_note(sending->output, line);
}

static int send_layer(void *context, struct fault *fault)
{
    struct sending *sending = context;
    /* A hook may have replaced it by a link. */
    int layer = open(GUEST_SCRATCH_LAYER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int image = open(GUEST_SCRATCH_IMAGE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (layer < 0 || image < 0)
        return fault_set(fault, errno, "open the layer");
    struct pack_sink sink = {.write = take_bytes,
                             .skip = take_hole,
                             .holes_max = GUEST_LAYER_HOLES_MAX_GIB,
                             .note = note,
                             .context = sending};

    if (pack(layer, image, sending->clamp, sink, fault))
        return -1;
    return send_frames(sending, NULL, 0) ? fault_set(fault, errno, "send the layer") : 0;
}

int layer_send(int port, struct output *output, int64_t clamp, uint64_t *ret_bytes,
               struct fault *fault)
{
    uint64_t *sent =
        mmap(NULL, sizeof *sent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (sent == MAP_FAILED)
        return fault_set(fault, errno, "send the layer");
    struct sending sending = {.output = output, .clamp = clamp, .port = port, .sent = sent};

    begin_frame(&sending);
    int status = worker_run(send_layer, &sending, fault);

    *ret_bytes = *sent;
    munmap(sent, sizeof *sent);
    return status;
}
