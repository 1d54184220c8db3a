#include "host/vm/pace.h"

#include <inttypes.h>
#include <time.h>

#define ARM_STEP (64u << 10) /* bytes after which the watchdog is armed again, or: */
#define ARM_MS 1000
/* The watchdog gets no less, so that the host's turns, in which it runs on, do not end a transfer
 * and time can still be excused. */
#define ARM_LEAST_SECONDS 5
#define ARM_SOON_MS 60000

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct pace *pace, int64_t now, int64_t left)
{
    uint64_t seconds = left > 0 ? (uint64_t)left / 1000 + 1 : 0;

    watchdog_arm(pace->watchdog, seconds > ARM_LEAST_SECONDS ? seconds : ARM_LEAST_SECONDS);
    pace->armed = now;
    pace->passed_when_armed = pace->passed;
}

int64_t pace_left(const struct pace *pace, int64_t now)
{
    int64_t turn = pace->turn >= 0 ? now - pace->turn : 0;
    int64_t earned = (int64_t)(pace->passed / (PACE_LEAST_RATE / 1000));
    int64_t left = PACE_FIRST_SECONDS * INT64_C(1000) + earned + atomic_load(&pace->excused) -
                   pace->spent - turn;
    int64_t stall = PACE_STALL_SECONDS * INT64_C(1000) - turn;

    return left < stall ? left : stall;
}

void pace_start(struct pace *pace, struct watchdog *watchdog)
{
    int64_t now = milliseconds();

    pace->watchdog = watchdog;
    pace->turn = now;
    pace->spent = 0;
    pace->passed = 0;
    atomic_store(&pace->excused, 0);
    arm(pace, now, pace_left(pace, now));
}

void pace_host(struct pace *pace, uint64_t length)
{
    int64_t now = milliseconds();

    pace->spent += pace->turn >= 0 ? now - pace->turn : 0;
    pace->turn = -1;
    pace->passed += length;
    if (pace_left(pace, now) < ARM_SOON_MS) /* the host may stall as the guest may */
        arm(pace, now, PACE_STALL_SECONDS * INT64_C(1000));
}

void pace_guest(struct pace *pace)
{
    int64_t now = milliseconds();

    pace->turn = now;
    int64_t left = pace_left(pace, now);

    if (left < ARM_SOON_MS || now - pace->armed >= ARM_MS ||
        pace->passed - pace->passed_when_armed >= ARM_STEP)
        arm(pace, now, left);
}

void pace_suspend(struct pace *pace, bool suspends)
{
    int64_t now = milliseconds();

    if (suspends)
        pace->suspended = now;
    else
        atomic_fetch_add(&pace->excused, now - pace->suspended);
}

void pace_end(struct pace *pace)
{
    pace->watchdog = NULL;
}

struct error *pace_error(const struct pace *pace, const char *operation)
{
    int64_t now = milliseconds();
    int64_t turn = pace->turn >= 0 ? now - pace->turn : 0;

    if (turn >= (PACE_STALL_SECONDS - ARM_LEAST_SECONDS) * INT64_C(1000))
        return error_new(EXIT_TIMEOUT, "%s: the guest did not answer for %d seconds", operation,
                         PACE_STALL_SECONDS);
    return error_new(EXIT_TIMEOUT,
                     "%s: the guest was too slow: %" PRIu64 " bytes in %" PRId64 " seconds",
                     operation, pace->passed, (pace->spent + turn) / 1000);
}
