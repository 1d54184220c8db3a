#include "guest/script/script.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/disk/scratch.h"
#include "guest/lib/file.h"

#define GRACE_MS 1000      /* from SIGTERM to SIGKILL */
#define DISK_PERIOD_MS 100 /* the kernel sends no event when a disk fills up */

enum phase { RUNNING, TERMINATING, KILLED };

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns how many processes the kernel has killed for want of memory since it started. */
static uint64_t count_oom_kills(void)
{
    char text[16 << 10];
    long length = file_read("/proc/vmstat", text, sizeof text - 1);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    const char *line = strstr(text, "\noom_kill ");

    return line != NULL ? strtoull(line + strlen("\noom_kill "), NULL, 10) : 0;
}

/* Moves to the next phase if its time has come. Returns the milliseconds until then. */
static int64_t keep_time(const struct sandbox *sandbox, enum phase *phase, int64_t *deadline)
{
    int64_t left = *deadline - milliseconds();

    if (left > 0 || *phase == KILLED)
        return left;
    if (*phase == RUNNING) {
        sandbox_terminate(sandbox);
        *phase = TERMINATING;
        *deadline += GRACE_MS;
        return keep_time(sandbox, phase, deadline);
    }
    sandbox_kill(sandbox);
    *phase = KILLED;
    return 0;
}

/* Passes on output until the sandbox reports its end. Returns whether the time limit was
 * reached. */
static bool supervise(const struct sandbox *sandbox, int64_t timeout, struct output *output,
                      struct outcome *outcome)
{
    enum phase phase = RUNNING;
    int64_t deadline = milliseconds() + timeout * 1000;
    int64_t next_look = 0;
    bool open = true;

    for (;;) {
        int64_t now = milliseconds();

        if (now >= next_look) {
            outcome->disk_full |= scratch_is_full();
            next_look = now + DISK_PERIOD_MS;
        }
        int64_t left = keep_time(sandbox, &phase, &deadline);
        int64_t wait = phase == KILLED || left > DISK_PERIOD_MS ? DISK_PERIOD_MS : left;
        bool pending = output_pending(output);
        struct pollfd poll_fds[] = {
            {.fd = sandbox->channel, .events = POLLIN},
            {.fd = pending ? output->port : -1, .events = POLLOUT},
            {.fd = !pending && open ? sandbox->output : -1, .events = POLLIN},
        };

        if (poll(poll_fds, 3, (int)wait) <= 0)
            continue;
        if (poll_fds[1].revents)
            output_write(output);
        if (poll_fds[2].revents)
            open = output_read(output, sandbox->output);
        if (poll_fds[0].revents)
            return phase != RUNNING;
    }
}

int script_run(const struct sandbox_plan *plan, struct output *output, struct outcome *ret,
               struct fault *fault)
{
    struct sandbox sandbox;
    struct outcome outcome = {0};
    int64_t timeout = words_number(plan->words, GUEST_WORD_TIMEOUT);
    uint64_t oom_kills = count_oom_kills();

    if (sandbox_start(plan, &sandbox, fault))
        return -1;
    outcome.timed_out = supervise(&sandbox, timeout, output, &outcome);
    int status = sandbox_wait(&sandbox, &outcome.status, fault);

    output_drain(output, sandbox.output);
    close(sandbox.output);
    outcome.oom_kills = count_oom_kills() - oom_kills;
    outcome.disk_full |= scratch_is_full();
    if (status == 0)
        *ret = outcome;
    return status;
}
