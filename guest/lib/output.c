#include "guest/lib/output.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
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

bool output_read(struct output *output, int fd, unsigned kind)
{
    size_t header = kind == OUTPUT_PLAIN ? 0 : GUEST_STREAM_HEADER;
    ssize_t got = read(fd, output->bytes + header, sizeof output->bytes - header);

    output->start = 0;
    output->end = 0;
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    uint32_t number = htole32(kind << GUEST_STREAM_KIND_SHIFT | (uint32_t)got);

    memcpy(output->bytes, &number, header);
    output->end = header + (size_t)got;
    return true;
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

/* Writes everything that is pending, however long the host takes to read it. */
static void flush(struct output *output)
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
        flush(output);
    } while (output_read(output, fd, kind));
}

void output_note(struct output *output, const char *text)
{
    flush(output);
    output->start = 0;
    int length = snprintf((char *)output->bytes, sizeof output->bytes, "vmbuild: %s\n", text);

    output->end = (size_t)length < sizeof output->bytes ? (size_t)length : sizeof output->bytes - 1;
    flush(output);
}
