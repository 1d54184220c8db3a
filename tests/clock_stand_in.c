/*
 * Preloaded in tests: the wall clock is CLOCK_STAND_IN_AHEAD_S seconds ahead, in all processes that
 * inherit the environment. Every other clock, and so every limit on a duration, is right.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*real_clock_gettime)(clockid_t clock, struct timespec *now);
static time_t ahead; /* seconds */

__attribute__((constructor)) static void set_up(void)
{
    const char *seconds = getenv("CLOCK_STAND_IN_AHEAD_S");

    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    ahead = seconds != NULL ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (real_clock_gettime == NULL)
        set_up(); /* the constructor of another library asks for the time */
    int status = real_clock_gettime(clock, now);

    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += ahead;
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}
