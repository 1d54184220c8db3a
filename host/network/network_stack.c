#include "host/network/network_stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libslirp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/call_filter.h"
#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/landlock.h"
#include "host/lib/memory.h"
#include "host/network/egress.h"
#include "host/network/packet_filter.h"

/* Of QEMU's stream: each frame follows its length, the highest byte first. */
#define LENGTH_SIZE 4
#define FRAME_MAX (68u << 10) /* bytes of a frame; QEMU has room for as many */
#define ROOM (256u << 10)     /* bytes of frames on their way, in each direction */
#define OUTPUT_FULL (64u << 10)

#define NAME_SERVERS "/etc/resolv.conf" /* as libslirp reads it */

/* Limits for the process. A connection takes a descriptor and 256 KiB. */
#define MEMORY_MAX (UINT64_C(1) << 30) /* bytes of address space */
#define DESCRIPTORS_MAX 2048

struct bytes {
    uint8_t data[ROOM];
    size_t length;
};

struct stack {
    Slirp *slirp;
    struct egress egress;
    int qemu;
    bool ended; /* QEMU's connection, or with CODE the service to it */
    int code;
    struct bytes input, output;
    struct pollfd *polls; /* the first is QEMU's */
    size_t poll_count, poll_capacity;
    struct network_report reports[NETWORK_REPORTS_MAX];
    size_t report_count;
};

static void end(struct stack *stack, int code)
{
    stack->ended = true;
    stack->code = code;
}

/* Writes what is to be sent to QEMU, and waits for it as long as it takes. */
static void flush(struct stack *stack)
{
    struct bytes *output = &stack->output;

    for (size_t done = 0; done < output->length && !stack->ended;) {
        ssize_t n = send(stack->qemu, output->data + done, output->length - done, MSG_NOSIGNAL);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            end(stack, EXIT_DONE);
    }
    output->length = 0;
}

static void send_frame(struct stack *stack, const void *frame, size_t length)
{
    struct bytes *output = &stack->output;
    uint32_t prefix = htonl((uint32_t)length);

    if (length > FRAME_MAX)
        return;
    memcpy(output->data + output->length, &prefix, LENGTH_SIZE);
    memcpy(output->data + output->length + LENGTH_SIZE, frame, length);
    output->length += LENGTH_SIZE + length;
    if (output->length >= OUTPUT_FULL)
        flush(stack);
}

/* The callbacks of libslirp. */

static ssize_t on_packet(const void *frame, size_t length, void *context)
{
    send_frame(context, frame, length);
    return (ssize_t)length;
}

static int64_t on_clock(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What is polled is gathered anew each time. */
static void on_descriptor(int fd, void *context)
{
    (void)fd, (void)context;
}

/* There is one thread, which is not waiting when this is called. */
static void on_notify(void *context)
{
    (void)context;
}

static const SlirpCb callbacks = {
    .send_packet = on_packet,
    .clock_get_ns = on_clock,
    .register_poll_fd = on_descriptor,
    .unregister_poll_fd = on_descriptor,
    .notify = on_notify,
};

static const struct {
    int slirp;
    short poll;
} events[] = {
    {SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
    {SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};

static int add_poll(int fd, int wanted, void *context)
{
    struct stack *stack = context;
    struct pollfd poll = {.fd = fd};

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if ((wanted & events[i].slirp) != 0)
            poll.events = (short)(poll.events | events[i].poll);
    if (stack->poll_count == stack->poll_capacity) {
        stack->poll_capacity = stack->poll_capacity * 2 + 16;
        stack->polls = xreallocarray(stack->polls, stack->poll_capacity, sizeof poll);
    }
    stack->polls[stack->poll_count] = poll;
    return (int)stack->poll_count++;
}

static int get_events(int index, void *context)
{
    const struct stack *stack = context;
    int found = 0;

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if ((stack->polls[index].revents & events[i].poll) != 0)
            found |= events[i].slirp;
    return found;
}

static void tell_worker(const struct network_report *report)
{
    send(NETWORK_STACK_WORKER, report, sizeof *report, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Reports TARGET unless it was reported before. */
static void report(struct stack *stack, const struct packet_target *target)
{
    const struct network_report blocked = {
        .address = target->address,
        .port = target->port,
        .protocol = target->protocol,
        .kind = (uint8_t)egress_kind_of(&stack->egress, target->address)};
    const struct network_report more = {0};

    for (size_t i = 0; i < stack->report_count; i++)
        if (memcmp(&stack->reports[i], &blocked, sizeof blocked) == 0)
            return;
    if (stack->report_count < NETWORK_REPORTS_MAX) {
        stack->reports[stack->report_count++] = blocked;
        tell_worker(stack->report_count < NETWORK_REPORTS_MAX ? &blocked : &more);
    }
}

static void take_frame(struct stack *stack, const uint8_t *frame, size_t length)
{
    uint8_t rejection[PACKET_REJECTION_SIZE];
    struct packet_target target;

    switch (packet_filter(&stack->egress, frame, length, &target)) {
    case PACKET_PASSES:
        slirp_input(stack->slirp, frame, (int)length);
        break;
    case PACKET_REJECTED:
        packet_rejection(frame, rejection);
        send_frame(stack, rejection, sizeof rejection);
        report(stack, &target);
        break;
    case PACKET_DROPPED:
        break;
    }
}

/* Takes the whole frames of the input, and keeps the start of the next one. */
static void take_frames(struct stack *stack)
{
    struct bytes *input = &stack->input;
    size_t taken = 0;

    while (input->length - taken >= LENGTH_SIZE) {
        uint32_t length;

        memcpy(&length, input->data + taken, LENGTH_SIZE);
        length = ntohl(length);
        if (length > FRAME_MAX) {
            end(stack, EXIT_OTHER);
            return;
        }
        if (input->length - taken < LENGTH_SIZE + length)
            break;
        take_frame(stack, input->data + taken + LENGTH_SIZE, length);
        taken += LENGTH_SIZE + length;
    }
    input->length -= taken;
    memmove(input->data, input->data + taken, input->length);
}

static void receive(struct stack *stack)
{
    struct bytes *input = &stack->input;
    ssize_t n = recv(stack->qemu, input->data + input->length, ROOM - input->length, MSG_DONTWAIT);

    if (n > 0) {
        input->length += (size_t)n;
        take_frames(stack);
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        end(stack, EXIT_DONE);
    }
}

/* Waits for the guest or for the network, and passes on what there is. libslirp looks at the clock
 * in slirp_pollfds_poll, which therefore comes before anything of the guest. */
static void serve(struct stack *stack)
{
    uint32_t timeout = UINT32_MAX; /* milliseconds; no limit */

    stack->poll_count = 0;
    add_poll(stack->qemu, SLIRP_POLL_IN, stack);
    slirp_pollfds_fill(stack->slirp, &timeout, add_poll, stack);
    int count = poll(stack->polls, stack->poll_count, timeout > INT32_MAX ? -1 : (int)timeout);

    if (count < 0 && errno != EINTR)
        return end(stack, EXIT_OTHER);
    slirp_pollfds_poll(stack->slirp, count < 0, get_events, stack);
    if (count > 0 && stack->polls[0].revents != 0)
        receive(stack);
    flush(stack);
}

static Slirp *make_slirp(struct stack *stack)
{
    const SlirpConfig config = {
        .version = 4,
        .in_enabled = true,
        .vnetwork.s_addr = htonl(GUEST_NUMBER(NETWORK)),
        .vnetmask.s_addr = htonl(UINT32_MAX << (32 - GUEST_NETWORK_PREFIX)),
        .vhost.s_addr = htonl(GUEST_NUMBER(NETWORK_GATEWAY)),
        .vdhcp_start.s_addr = htonl(GUEST_NUMBER(NETWORK_ADDRESS)),
        .vnameserver.s_addr = htonl(GUEST_NUMBER(NETWORK_NAMESERVER)),
        .disable_host_loopback = !egress_allows_loopback(&stack->egress),
        .disable_dhcp = true,
    };

    return slirp_new(&config, &callbacks, stack);
}

/* Limits the process for good. */
static void limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) == 0 && limit.rlim_max > most) {
        limit.rlim_max = most;
        if (limit.rlim_cur > most)
            limit.rlim_cur = most;
        setrlimit(resource, &limit);
    }
}

/* Lets the process read nothing but the directory of the list of name servers, which may be
 * replaced at any time. */
static void confine_files(void)
{
    CLEANUP(closep) int rules = landlock_new(LANDLOCK_FILES | LANDLOCK_SIGNALS | LANDLOCK_SOCKETS);
    CLEANUP(freep) char *path = realpath(NAME_SERVERS, NULL);

    if (rules < 0)
        return;
    if (path != NULL) {
        *strrchr(path, '/') = '\0';
        landlock_allow(rules, path, LANDLOCK_READ);
    }
    landlock_enforce(rules);
}

/* Gives up what the process does not need, as far as the kernel offers that. */
static void confine(void)
{
    close_range(NETWORK_STACK_WORKER + 1, ~0u, 0);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NPROC, 0);
    prctl(PR_SET_DUMPABLE, 0);
    confine_files();
    call_filter_enforce(CALL_FILTER_NOT_IPV4 | CALL_FILTER_METADATA | CALL_FILTER_SIGNALS |
                            CALL_FILTER_OUTLIVING,
                        false);
}

/* Takes the grants of ARGV, and what the host's own addresses are. */
static struct error *set_up(struct stack *stack, char *const *argv)
{
    if (chdir("/") < 0)
        return error_errno(EXIT_OTHER, "change to '/'");
    while (*++argv != NULL)
        TRY(egress_grant(&stack->egress, *argv));
    if (!egress_find_own(&stack->egress))
        return error_errno(EXIT_OTHER, "read the addresses of the host");
    return NULL;
}

static int accept_qemu(void)
{
    int connection;

    do
        connection = accept4(NETWORK_STACK_LISTENER, NULL, NULL, SOCK_CLOEXEC);
    while (connection < 0 && errno == EINTR);
    close(NETWORK_STACK_LISTENER);
    return connection;
}

bool network_stack_is(char *const *argv)
{
    return argv[0] != NULL && strcmp(argv[0], NETWORK_STACK_NAME) == 0;
}

static void stack_freep(struct stack **stack)
{
    if ((*stack)->slirp != NULL)
        slirp_cleanup((*stack)->slirp);
    egress_free(&(*stack)->egress);
    free((*stack)->polls);
    free(*stack);
}

int network_stack_run(char *const *argv)
{
    CLEANUP(stack_freep) struct stack *stack = xcalloc(1, sizeof *stack);
    CLEANUP(error_freep) struct error *err = set_up(stack, argv);

    if (err != NULL)
        return err->code;
    stack->slirp = make_slirp(stack);
    confine();
    stack->qemu = accept_qemu();
    if (stack->qemu < 0)
        return EXIT_OTHER;
    while (!stack->ended)
        serve(stack);
    return stack->code;
}
