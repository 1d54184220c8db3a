#include "guest/disk/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/lib/file.h"
#include "guest/lib/worker.h"
#include "guest/tar/pack.h"

/* A layer on its way. */
struct sending {
    struct output *output;
    int64_t clamp;
    int port;
    uint64_t *sent; /* bytes; in memory that the worker shares with init */
};

static int send_bytes(void *context, const void *bytes, size_t length)
{
    struct sending *sending = context;

    if (file_write_all(sending->port, bytes, length))
        return -1;
    *sending->sent += length;
    return 0;
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
    struct pack_sink sink = {.write = send_bytes, .note = note, .context = sending};

    return pack(layer, image, sending->clamp, sink, fault);
}

int layer_send(struct output *output, int64_t clamp, uint64_t *ret_bytes, struct fault *fault)
{
    uint64_t *sent =
        mmap(NULL, sizeof *sent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (sent == MAP_FAILED)
        return fault_set(fault, errno, "send the layer");
    struct sending sending = {.output = output, .clamp = clamp, .sent = sent};

    sending.port = device_open_port(GUEST_LAYER_PORT, fault);
    int status = sending.port < 0 ? -1 : worker_run(send_layer, &sending, fault);

    if (sending.port >= 0)
        close(sending.port);
    *ret_bytes = *sent;
    munmap(sent, sizeof *sent);
    return status;
}
