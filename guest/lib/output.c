#include "guest/lib/output.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"

int output_open(struct output *output, struct fault *fault)
{
    int port = device_open_port(GUEST_OUTPUT_PORT, fault);

    if (port < 0)
        return -1;
    if (fcntl(port, F_SETFL, O_NONBLOCK)) {
        fault_set(fault, errno, "set up the port '%s'", GUEST_OUTPUT_PORT);
        close(port);
        return -1;
    }
    output->port = port;
    return 0;
}

/* Where the next bytes of KIND go: behind the header of a new frame, or of one that goes on. */
static size_t find_place(struct output *output, unsigned kind)
{
    if (output_pending(output) && kind == output->kind)
        return output->end;
    if (!output_pending(output))
        output->start = output->end = 0;
    return output->end + (kind == OUTPUT_PLAIN ? 0 : GUEST_STREAM_HEADER);
}

/* LENGTH bytes of KIND are at PLACE. */
static void add(struct output *output, unsigned kind, size_t place, size_t length)
{
    if (place > output->end)
        output->frame = output->end;
    output->kind = kind;
    output->end = place + length;
    if (kind == OUTPUT_PLAIN)
        return;
    uint32_t content = (uint32_t)(output->end - output->frame - GUEST_STREAM_HEADER);
    uint32_t number = htole32(kind << GUEST_STREAM_KIND_SHIFT | content);

    memcpy(output->bytes + output->frame, &number, sizeof number);
}

ssize_t output_read(struct output *output, int fd, unsigned kind)
{
    size_t place = find_place(output, kind);
    ssize_t got = read(fd, output->bytes + place, sizeof output->bytes - place);

    if (got > 0)
        add(output, kind, place, (size_t)got);
    return got < 0 && errno != EINTR && errno != EAGAIN ? 0 : got;
}

bool output_has_room(const struct output *output)
{
    return !output_pending(output) ||
           sizeof output->bytes - output->end >= GUEST_STREAM_HEADER + PIPE_BUF;
}

void output_write(struct output *output)
{
    ssize_t written =
        write(output->port, output->bytes + output->start, output->end - output->start);

    if (written > 0) {
        output->start += (size_t)written;
        output->written += (uint64_t)written;
    } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
        output->start = output->end;
    }
}

void output_flush(struct output *output)
{
    while (output_pending(output)) {
        struct pollfd poll_fd = {.fd = output->port, .events = POLLOUT};

        if (poll(&poll_fd, 1, -1) > 0 && (poll_fd.revents & (POLLHUP | POLLERR)))
            output->start = output->end;
        else
            output_write(output);
    }
}

void output_drain(struct output *output, int fd, unsigned kind)
{
    do {
        output_flush(output);
    } while (output_read(output, fd, kind) != 0);
}

void output_note(struct output *output, const char *text)
{
    unsigned kind = output->tells_streams ? GUEST_STREAM_ERROR : OUTPUT_PLAIN;

    output_flush(output);
    size_t place = find_place(output, kind);
    size_t room = sizeof output->bytes - place;
    int length = snprintf((char *)output->bytes + place, room, "vmbuild: %s\n", text);

    add(output, kind, place, (size_t)length < room ? (size_t)length : room - 1);
    output_flush(output);
}
