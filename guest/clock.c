#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t keeper; /* sets a held clock back; or 0 */

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

int clock_run(int64_t seconds, struct fault *fault)
{
    const struct timespec time = {.tv_sec = seconds};
    if (keeper > 0) {
        kill(keeper, SIGKILL);
        waitpid(keeper, NULL, 0);
        keeper = 0;
    }
    return clock_settime(CLOCK_REALTIME, &time)
               ? fault_set(fault, errno, "set the clock to %lld", (long long)seconds)
               : 0;
}

int clock_hold(int64_t seconds, struct fault *fault)
{
    if (clock_run(seconds, fault)) {
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
