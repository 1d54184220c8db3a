#include "guest/disk/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/lib/file.h"
#include "guest/lib/worker.h"
#include "guest/tar/pack.h"

/* Bytes of a frame that is made of short pieces, its header included: a multiple of what a port
 * passes on at once. */
#define FRAME_SIZE (256u << 10)

/* A layer on its way. */
struct sending {
    struct output *output;
    int64_t clamp;
    int port;
    uint64_t *sent; /* bytes; in memory that the worker shares with init */
    size_t filled;  /* bytes of `frame` */
    unsigned char frame[FRAME_SIZE];
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

/* Sends a frame of what has been collected, if anything, and the LENGTH bytes that follow it. */
static int send_frame(struct sending *sending, const void *bytes, size_t length)
{
    size_t filled = sending->filled;

    sending->filled = GUEST_FRAME_HEADER;
    if (filled + length == GUEST_FRAME_HEADER)
        return 0;
    put_number(sending->frame, filled - GUEST_FRAME_HEADER + length);
    return send_bytes(sending, sending->frame, filled) ||
                   (length > 0 && send_bytes(sending, bytes, length))
               ? -1
               : 0;
}

static int take_bytes(void *context, const void *bytes, size_t length)
{
    struct sending *sending = context;

    if (length >= FRAME_SIZE / 4)
        return send_frame(sending, bytes, length);
    if (length > FRAME_SIZE - sending->filled && send_frame(sending, NULL, 0))
        return -1;
    memcpy(sending->frame + sending->filled, bytes, length);
    sending->filled += length;
    return 0;
}

static int take_hole(void *context, uint64_t length)
{
    struct sending *sending = context;
    unsigned char header[GUEST_FRAME_HEADER];

    put_number(header, GUEST_FRAME_HOLE | length);
    return send_frame(sending, NULL, 0) || send_bytes(sending, header, sizeof header) ? -1 : 0;
}

static void note(void *context, const char *text, const char *path)
{
    struct sending *sending = context;
    struct fault ignored;
    char line[FAULT_TEXT_MAX];

    snprintf(line, sizeof line, "%s: '%s'", text, path);
    if (output_open(sending->output, &ignored) == 0)
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
    return send_frame(sending, NULL, 0) ? fault_set(fault, errno, "send the layer") : 0;
}

int layer_send(struct output *output, int64_t clamp, uint64_t *ret_bytes, struct fault *fault)
{
    uint64_t *sent =
        mmap(NULL, sizeof *sent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (sent == MAP_FAILED)
        return fault_set(fault, errno, "send the layer");
    struct sending sending = {
        .output = output, .clamp = clamp, .sent = sent, .filled = GUEST_FRAME_HEADER};

    sending.port = device_open_port(GUEST_LAYER_PORT, fault);
    int status = sending.port < 0 ? -1 : worker_run(send_layer, &sending, fault);

    if (sending.port >= 0)
        close(sending.port);
    *ret_bytes = *sent;
    munmap(sent, sizeof *sent);
    return status;
}
