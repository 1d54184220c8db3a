#include "guest/script/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What the keeper is sent; it answers with 0 or an errno. */
struct order {
    int64_t seconds;
    bool hold;
};

static int keeper = -1; /* the channel to it */

static int set(int64_t seconds)
{
    const struct timespec time = {.tv_sec = seconds};

    return clock_settime(CLOCK_REALTIME, &time) ? errno : 0;
}

/* The keeper. It alone sets the clock, so it never returns to the held time after a newer order. */
__attribute__((noreturn)) static void keep(int channel)
{
    struct order order = {0};

    prctl(PR_SET_NAME, "clock");
    setpriority(PRIO_PROCESS, 0, -20);
    for (;;) {
        struct pollfd poll_fd = {.fd = channel, .events = POLLIN};
        int ready = poll(&poll_fd, 1, order.hold ? CLOCK_HOLD_MS : -1);

        if (ready == 0)
            set(order.seconds);
        if (ready <= 0)
            continue;
        if (recv(channel, &order, sizeof order, 0) != (ssize_t)sizeof order)
            _exit(0); /* init is gone */
        int cause = set(order.seconds);

        if (send(channel, &cause, sizeof cause, MSG_NOSIGNAL) < 0)
            _exit(1);
    }
}

/* Returns 0 or -1 with errno. */
static int start_keeper(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -1;
    pid_t pid = fork();

    if (pid == 0) {
        close(ends[0]);
        keep(ends[1]);
    }
    int cause = errno;

    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = cause;
        return -1;
    }
    keeper = ends[0];
    return 0;
}

static int send_order(struct order order, struct fault *fault)
{
    int cause = 0;

    if (keeper < 0 && start_keeper())
        return fault_set(fault, errno, "start the clock's keeper");
    if (send(keeper, &order, sizeof order, MSG_NOSIGNAL) != (ssize_t)sizeof order ||
        recv(keeper, &cause, sizeof cause, 0) != (ssize_t)sizeof cause)
        cause = EPIPE;
    return cause ? fault_set(fault, cause, "set the clock to %lld", (long long)order.seconds) : 0;
}

int clock_run(int64_t seconds, struct fault *fault)
{
    return send_order((struct order){.seconds = seconds}, fault);
}

int clock_hold(int64_t seconds, struct fault *fault)
{
    return send_order((struct order){.seconds = seconds, .hold = true}, fault);
}
