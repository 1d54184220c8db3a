#include "host/machine/uml_line.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define MESSAGES 64 /* read at once */

/* One port, at the host's end. */
struct port {
    int fd;                             /* below 0: not connected, or no longer */
    bool ended;                         /* the guest knows that nothing follows */
    unsigned fill, room;                /* the next slot to fill, and how many may be filled */
    unsigned take, count;               /* the next slot to empty, and how many are filled */
    uint32_t lengths[GUEST_LINE_SLOTS]; /* of what is in each */
    uint32_t done;                      /* bytes of the slot to empty that were passed on */
};

struct uml_line {
    int fd;
    unsigned char *window;
    bool begun, wrong;
    struct port ports[GUEST_LINE_PORTS];
    unsigned char input[MESSAGES * GUEST_LINE_MESSAGE];
    size_t input_length; /* less than a message, between turns */
};

struct uml_line *uml_line_new(int fd, unsigned char *window)
{
    struct uml_line *line = xcalloc(1, sizeof *line);

    line->fd = fd;
    line->window = window;
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        line->ports[i] = (struct port){.fd = -1, .ended = true, .room = GUEST_LINE_SLOTS};
    return line;
}

void uml_line_connect(struct uml_line *line, enum guest_line_port port, int fd)
{
    line->ports[port].fd = fd;
    line->ports[port].ended = false;
}

bool uml_line_has_begun(const struct uml_line *line)
{
    return line->begun;
}

static void tell(struct uml_line *line, unsigned port, enum guest_line_kind kind, uint32_t length)
{
    unsigned char message[GUEST_LINE_MESSAGE] = {(unsigned char)port, (unsigned char)kind};

    length = htole32(length);
    memcpy(message + 4, &length, sizeof length);
    if (send(line->fd, message, sizeof message, MSG_NOSIGNAL) != (ssize_t)sizeof message)
        line->wrong = true;
}

static void end_port(struct port *port)
{
    close(steal_fd(&port->fd));
}

/* Fills the next slot of the port NUMBER with what its socket has. */
static void fill_slot(struct uml_line *line, unsigned number)
{
    struct port *port = &line->ports[number];
    ssize_t got = recv(port->fd, line->window + guest_line_slot(number, false, port->fill),
                       GUEST_LINE_SLOT, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end_port(port);
        return;
    }
    port->fill = (port->fill + 1) % GUEST_LINE_SLOTS;
    port->room--;
    tell(line, number, GUEST_LINE_DATA, (uint32_t)got);
}

/* Passes on as much of the next filled slot of the port NUMBER as its socket takes; all of it, if
 * nobody reads it any more. */
static void empty_slot(struct uml_line *line, unsigned number)
{
    struct port *port = &line->ports[number];
    uint32_t left = port->lengths[port->take] - port->done;
    ssize_t sent = -1;

    if (port->fd >= 0) {
        sent = send(port->fd, line->window + guest_line_slot(number, true, port->take) + port->done,
                    left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
    }
    if (sent < 0)
        sent = left;
    port->done += (uint32_t)sent;
    if ((uint32_t)sent < left)
        return;
    port->done = 0;
    port->take = (port->take + 1) % GUEST_LINE_SLOTS;
    port->count--;
    tell(line, number, GUEST_LINE_TAKEN, 0);
}

/* Returns whether the message is one that the guest may send now. */
static bool accept_message(struct uml_line *line, const unsigned char *message)
{
    uint32_t length;

    memcpy(&length, message + 4, sizeof length);
    length = le32toh(length);
    if (message[1] == GUEST_LINE_HELLO && !line->begun) {
        line->begun = true;
        return true;
    }
    if (!line->begun || message[0] >= GUEST_LINE_PORTS)
        return false;
    struct port *port = &line->ports[message[0]];

    if (message[1] == GUEST_LINE_DATA && port->count < GUEST_LINE_SLOTS && length > 0 &&
        length <= GUEST_LINE_SLOT) {
        port->lengths[(port->take + port->count++) % GUEST_LINE_SLOTS] = length;
        return true;
    }
    if (message[1] == GUEST_LINE_TAKEN && port->room < GUEST_LINE_SLOTS) {
        port->room++;
        return true;
    }
    return false;
}

static enum uml_line_state read_line(struct uml_line *line)
{
    ssize_t got = recv(line->fd, line->input + line->input_length,
                       sizeof line->input - line->input_length, MSG_DONTWAIT);
    size_t done = 0;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return UML_LINE_GOES_ON;
    if (got <= 0)
        return UML_LINE_CLOSED;
    line->input_length += (size_t)got;
    for (; line->input_length - done >= GUEST_LINE_MESSAGE; done += GUEST_LINE_MESSAGE)
        if (!accept_message(line, line->input + done))
            return UML_LINE_WRONG;
    line->input_length -= done;
    memmove(line->input, line->input + done, line->input_length);
    return UML_LINE_GOES_ON;
}

/* What is to be waited for at PORT. */
static short events_of(const struct uml_line *line, const struct port *port)
{
    return (short)((line->begun && port->room > 0 ? POLLIN : 0) | (port->count > 0 ? POLLOUT : 0));
}

static void serve_port(struct uml_line *line, unsigned number, short events)
{
    struct port *port = &line->ports[number];

    if (port->count > 0 && (port->fd < 0 || (events & ~POLLIN) != 0))
        empty_slot(line, number);
    if (line->begun && port->room > 0 && port->fd >= 0 && (events & ~POLLOUT) != 0)
        fill_slot(line, number);
    if (line->begun && port->fd < 0 && !port->ended) {
        port->ended = true;
        tell(line, number, GUEST_LINE_END, 0);
    }
}

enum uml_line_state uml_line_turn(struct uml_line *line, int other)
{
    struct pollfd polls[GUEST_LINE_PORTS + 2] = {{.fd = line->fd, .events = POLLIN},
                                                 {.fd = other, .events = POLLIN}};
    enum uml_line_state state = UML_LINE_GOES_ON;

    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++) {
        short events = events_of(line, &line->ports[i]);

        polls[i + 2] =
            (struct pollfd){.fd = events == 0 ? -1 : line->ports[i].fd, .events = events};
    }
    if (poll(polls, sizeof polls / sizeof *polls, -1) < 0)
        return errno == EINTR ? UML_LINE_GOES_ON : UML_LINE_WRONG;
    if (polls[0].revents != 0)
        state = read_line(line);
    for (unsigned i = 0; state == UML_LINE_GOES_ON && i < GUEST_LINE_PORTS; i++)
        serve_port(line, i, polls[i + 2].revents);
    return state == UML_LINE_GOES_ON && line->wrong ? UML_LINE_WRONG : state;
}

void uml_line_free(struct uml_line *line)
{
    if (line == NULL)
        return;
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        closep(&line->ports[i].fd);
    free(line);
}
