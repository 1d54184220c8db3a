#include "guest/lib/line.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "guest/lib/file.h"

/* One port, at the pump's end. */
struct port {
    int fd;                             /* below 0: it has ended */
    unsigned fill, room;                /* the next slot to fill, and how many may be filled */
    unsigned take, count;               /* the next slot to empty, and how many are filled */
    uint32_t lengths[GUEST_LINE_SLOTS]; /* of what is in each */
    uint32_t done;                      /* bytes of the slot to empty that were passed on */
    bool ending;                        /* the host sends no more */
};

struct pump {
    int line, window;
    struct port ports[GUEST_LINE_PORTS];
    unsigned char input[GUEST_LINE_MESSAGE]; /* of the line, up to a whole message */
    size_t input_length;
    unsigned char bytes[GUEST_LINE_SLOT];
};

static int taken[GUEST_LINE_PORTS] = {-1, -1, -1, -1, -1}; /* init's ends */

/* The first call is init's, whose /dev scripts cannot change. */
bool line_is_there(void)
{
    static int known = -1;

    if (known < 0)
        known = access(GUEST_WINDOW, F_OK) == 0;
    return known;
}

int line_take_port(enum guest_line_port port)
{
    int fd = taken[port];

    taken[port] = -1;
    return fd;
}

int line_take_named_port(const char *name)
{
    static const char *const names[] = {[GUEST_LINE_CHANNEL] = GUEST_CHANNEL,
                                        [GUEST_LINE_OUTPUT] = GUEST_OUTPUT_PORT,
                                        [GUEST_LINE_LAYER] = GUEST_LAYER_PORT,
                                        [GUEST_LINE_GATE] = GUEST_GATE};

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return line_take_port(i);
    return -1;
}

/* The pump cannot go on. What waits for it finds its sockets closed. */
__attribute__((noreturn)) static void give_up(const char *operation)
{
    fault_complain("%s the host's line: %s", operation, strerror(errno));
    _exit(1);
}

static void tell(struct pump *pump, unsigned port, enum guest_line_kind kind, uint32_t length)
{
    unsigned char message[GUEST_LINE_MESSAGE] = {(unsigned char)port, (unsigned char)kind};

    length = htole32(length);
    memcpy(message + 4, &length, sizeof length);
    if (file_write_all(pump->line, message, sizeof message))
        give_up("write to");
}

static void end_port(struct port *port)
{
    close(port->fd);
    port->fd = -1;
}

/* Fills the next slot of the port NUMBER with what its socket has. */
static void fill_slot(struct pump *pump, unsigned number)
{
    struct port *port = &pump->ports[number];
    ssize_t got = recv(port->fd, pump->bytes, sizeof pump->bytes, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        end_port(port);
        return;
    }
    if (pwrite(pump->window, pump->bytes, (size_t)got, guest_line_slot(number, true, port->fill)) !=
        got)
        give_up("fill the window of");
    port->fill = (port->fill + 1) % GUEST_LINE_SLOTS;
    port->room--;
    tell(pump, number, GUEST_LINE_DATA, (uint32_t)got);
}

/* Passes on as much of the next filled slot of the port NUMBER as its socket takes. */
static void empty_slot(struct pump *pump, unsigned number)
{
    struct port *port = &pump->ports[number];
    uint32_t left = port->lengths[port->take] - port->done;
    ssize_t sent = -1;

    if (port->fd >= 0) {
        if (pread(pump->window, pump->bytes, left,
                  guest_line_slot(number, false, port->take) + port->done) != (ssize_t)left)
            give_up("read the window of");
        sent = send(port->fd, pump->bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
    }
    if (sent < 0) /* nobody reads it any more */
        sent = left;
    port->done += (uint32_t)sent;
    if ((uint32_t)sent < left)
        return;
    port->done = 0;
    port->take = (port->take + 1) % GUEST_LINE_SLOTS;
    port->count--;
    tell(pump, number, GUEST_LINE_TAKEN, 0);
}

/* Returns whether the message was one that the host may send now. */
static bool accept_message(struct pump *pump, const unsigned char *message)
{
    uint32_t length;

    memcpy(&length, message + 4, sizeof length);
    length = le32toh(length);
    if (message[0] >= GUEST_LINE_PORTS)
        return false;
    struct port *port = &pump->ports[message[0]];

    switch (message[1]) {
    case GUEST_LINE_DATA:
        if (port->count == GUEST_LINE_SLOTS || length == 0 || length > GUEST_LINE_SLOT)
            return false;
        port->lengths[(port->take + port->count++) % GUEST_LINE_SLOTS] = length;
        return true;
    case GUEST_LINE_TAKEN:
        if (port->room == GUEST_LINE_SLOTS)
            return false;
        port->room++;
        return true;
    case GUEST_LINE_END:
        port->ending = true;
        return true;
    default:
        return false;
    }
}

static void read_line(struct pump *pump)
{
    ssize_t got =
        read(pump->line, pump->input + pump->input_length, sizeof pump->input - pump->input_length);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        give_up("read");
    pump->input_length += (size_t)got;
    if (pump->input_length < sizeof pump->input)
        return;
    pump->input_length = 0;
    errno = EPROTO;
    if (!accept_message(pump, pump->input))
        give_up("follow");
}

/* What the host has sent before its END is passed on first. */
static void end_ports(struct pump *pump)
{
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        if (pump->ports[i].ending && pump->ports[i].count == 0 && pump->ports[i].fd >= 0)
            end_port(&pump->ports[i]);
}

static void turn(struct pump *pump)
{
    struct pollfd polls[GUEST_LINE_PORTS + 1] = {{.fd = pump->line, .events = POLLIN}};

    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++) {
        const struct port *port = &pump->ports[i];
        short events = (short)((port->room > 0 ? POLLIN : 0) | (port->count > 0 ? POLLOUT : 0));

        polls[i + 1] = (struct pollfd){.fd = events == 0 ? -1 : port->fd, .events = events};
    }
    if (poll(polls, GUEST_LINE_PORTS + 1, -1) < 0 && errno != EINTR)
        give_up("wait for");
    if (polls[0].revents != 0)
        read_line(pump);
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++) {
        struct port *port = &pump->ports[i];

        if (port->count > 0 && (port->fd < 0 || (polls[i + 1].revents & ~POLLIN) != 0))
            empty_slot(pump, i);
        if (port->room > 0 && port->fd >= 0 && (polls[i + 1].revents & ~POLLOUT) != 0)
            fill_slot(pump, i);
    }
    end_ports(pump);
}

/* Scripts run at lower priority, so that they do not delay the host. */
__attribute__((noreturn)) static void run(struct pump *pump)
{
    prctl(PR_SET_NAME, "line");
    setpriority(PRIO_PROCESS, 0, -20);
    tell(pump, 0, GUEST_LINE_HELLO, 0);
    for (;;)
        turn(pump);
}

/* Opens the line as one that passes on each byte as it is. Returns 0, or -1 with errno. */
static int open_line(struct pump *pump)
{
    struct termios mode;

    pump->window = open(GUEST_WINDOW, O_RDWR | O_CLOEXEC);
    pump->line = open(GUEST_LINE, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pump->window < 0 || pump->line < 0 || tcgetattr(pump->line, &mode))
        return -1;
    cfmakeraw(&mode);
    return tcsetattr(pump->line, TCSANOW, &mode);
}

int line_start(struct fault *fault)
{
    static struct pump pump;

    if (open_line(&pump))
        return fault_set(fault, errno, "open the host's line");
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++) {
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
            return fault_set(fault, errno, "create a socket");
        pump.ports[i] = (struct port){.fd = ends[0], .room = GUEST_LINE_SLOTS};
        taken[i] = ends[1];
    }
    pid_t pid = fork();

    if (pid < 0)
        return fault_set(fault, errno, "start a process");
    if (pid == 0) {
        for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
            close(taken[i]);
        run(&pump);
    }
    close(pump.line);
    close(pump.window);
    for (unsigned i = 0; i < GUEST_LINE_PORTS; i++)
        close(pump.ports[i].fd);
    return 0;
}
