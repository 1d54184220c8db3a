/* What a hostile QEMU may send to the network stack: frames in a stream, cut anywhere, through the
 * filter into libslirp. Nothing leaves the machine: libslirp's sockets connect to nothing. */
#include <errno.h>
#include <sys/socket.h>

#include "tests/fuzz/fuzz.h"

/* The stack would confine this process, and wait for the network, if it were run as a whole. */
#include "host/network/network_stack.c" // NOLINT(bugprone-suspicious-include)

static int no_network(void)
{
    errno = ENETUNREACH;
    return -1;
}

/* In place of libc's, for libslirp. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd, (void)address, (void)length;
    return no_network();
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *address,
               socklen_t address_length)
{
    (void)fd, (void)bytes, (void)length, (void)flags, (void)address, (void)address_length;
    return no_network();
}

/* Lets libslirp do what is due, without waiting. */
static void serve_network(struct stack *stack)
{
    uint32_t timeout = 0;

    stack->poll_count = 0;
    slirp_pollfds_fill(stack->slirp, &timeout, add_poll, stack);
    int count = poll(stack->polls, stack->poll_count, 0);

    slirp_pollfds_poll(stack->slirp, count < 0, get_events, stack);
    stack->output.length = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const grants[] = {"host:80", "10.1.0.0/16", "private:443", "link-local"};
    struct fuzz_bytes input = {data, size};
    struct stack *stack = xcalloc(1, sizeof *stack);
    unsigned int head = fuzz_byte(&input);
    int ends[2];

    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++)
        if ((head >> i & 1) != 0)
            error_free(egress_grant(&stack->egress, grants[i]));
    fuzz_expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    stack->qemu = ends[1];
    stack->slirp = make_slirp(stack);
    for (size_t piece = head + 1; input.size > 0 && !stack->ended;) {
        size_t length = input.size < piece ? input.size : piece;

        fuzz_expect(send(ends[0], input.data, length, MSG_NOSIGNAL) == (ssize_t)length);
        input.data += length;
        input.size -= length;
        receive(stack);
        fuzz_expect(stack->input.length <= LENGTH_SIZE + FRAME_MAX);
        serve_network(stack);
    }
    stack_freep(&stack);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
