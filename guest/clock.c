#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static pid_t keeper;   /* sets a held clock back, or 0 */
static int64_t offset; /* nanoseconds from the running clock to the wall clock when it was held */

/* The kernel's own clocks are such numbers, too. */
static int64_t nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int set(struct timespec time, struct fault *fault)
{
    return clock_settime(CLOCK_REALTIME, &time)
               ? fault_set(fault, errno, "set the clock to %lld", (long long)time.tv_sec)
               : 0;
}

int clock_set(int64_t seconds, struct fault *fault)
{
    return set((struct timespec){.tv_sec = seconds}, fault);
}

__attribute__((noreturn)) static void keep(struct timespec time)
{
    const struct timespec pause = {.tv_nsec = CLOCK_HOLD_MS * 1000000};
    prctl(PR_SET_NAME, "clock");
    setpriority(PRIO_PROCESS, 0, -20);
    for (;;) {
        nanosleep(&pause, NULL);
        clock_settime(CLOCK_REALTIME, &time);
    }
}

static void end_keeper(void)
{
    if (keeper > 0) {
        kill(keeper, SIGKILL);
        waitpid(keeper, NULL, 0);
        keeper = 0;
    }
}

int clock_hold(int64_t seconds, struct fault *fault)
{
    if (keeper == 0) {
        offset = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
    }
    end_keeper();
    if (clock_set(seconds, fault)) {
        return -1;
    }
    pid_t pid = fork();
    if (pid < 0) {
        return fault_set(fault, errno, "hold the clock");
    }
    if (pid == 0) {
        keep((struct timespec){.tv_sec = seconds});
    }
    keeper = pid;
    return 0;
}

int clock_let_go(struct fault *fault)
{
    if (keeper == 0) {
        return 0;
    }
    end_keeper();
    int64_t now = nanoseconds(CLOCK_MONOTONIC) + offset;
    return set((struct timespec){.tv_sec = now / NS_PER_S, .tv_nsec = now % NS_PER_S}, fault);
}
