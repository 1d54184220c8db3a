#include "host/vm/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/memory.h"

#define DEADLINE_MAX (UINT64_C(1) << 32) /* seconds; far away, but no time_t overflows */

#define STEP_SECONDS 1
#define STOPPED_SECONDS 2 /* no thread that could run waits so much longer than it wanted */

struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct timespec deadline; /* CLOCK_MONOTONIC */
    bool armed, fired, stopping;
    pid_t pid; /* 0: not known yet */
    int pidfd; /* below 0: unknown, or not supported (before Linux 5.3) */
};

/* Requires the mutex. The descriptor still refers to QEMU when its PID refers to another process.
 */
static void kill_target(const struct watchdog *watchdog)
{
    if (watchdog->pidfd >= 0)
        pidfd_send_signal(watchdog->pidfd, SIGKILL, NULL, 0);
    else if (watchdog->pid > 0)
        kill(watchdog->pid, SIGKILL);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Waits for a change, for at most a second; requires the mutex. Returns whether the deadline has
 * passed. If that took much longer, the process was stopped meanwhile, and the deadline is put off:
 * this thread counts the seconds in which it could run. */
static bool await_next(struct watchdog *watchdog)
{
    struct timespec until, now, deadline = watchdog->deadline;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STEP_SECONDS;
    if (is_before(&deadline, &until))
        until = deadline;
    pthread_cond_clockwait(&watchdog->changed, &watchdog->mutex, CLOCK_MONOTONIC, &until);
    clock_gettime(CLOCK_MONOTONIC, &now);
    bool moved = is_before(&deadline, &watchdog->deadline);

    if (!moved && now.tv_sec - until.tv_sec > STOPPED_SECONDS) {
        watchdog->deadline.tv_sec += now.tv_sec - until.tv_sec;
        return false;
    }
    return !is_before(&now, &deadline);
}

static void *watch(void *argument)
{
    struct watchdog *watchdog = argument;

    pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->stopping) {
        if (!watchdog->armed) {
            pthread_cond_wait(&watchdog->changed, &watchdog->mutex);
            continue;
        }
        struct timespec deadline = watchdog->deadline;
        bool late = await_next(watchdog);
        bool moved = deadline.tv_sec != watchdog->deadline.tv_sec ||
                     deadline.tv_nsec != watchdog->deadline.tv_nsec;

        if (late && watchdog->armed && !moved) {
            watchdog->armed = false;
            watchdog->fired = true;
            kill_target(watchdog);
        }
    }
    pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

struct error *watchdog_new(struct watchdog **ret)
{
    struct watchdog *watchdog = xcalloc(1, sizeof *watchdog);

    watchdog->pidfd = -1;
    pthread_mutex_init(&watchdog->mutex, NULL);
    pthread_cond_init(&watchdog->changed, NULL);
    int cause = pthread_create(&watchdog->thread, NULL, watch, watchdog);

    if (cause != 0) {
        free(watchdog);
        return error_new(EXIT_OTHER, "start the watchdog's thread: %s", strerror(cause));
    }
    *ret = watchdog;
    return NULL;
}

void watchdog_free(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    if (watchdog->pidfd >= 0)
        close(watchdog->pidfd);
    pthread_cond_destroy(&watchdog->changed);
    pthread_mutex_destroy(&watchdog->mutex);
    free(watchdog);
}

void watchdog_set_target(struct watchdog *watchdog, pid_t pid)
{
    pthread_mutex_lock(&watchdog->mutex);
    if (watchdog->pidfd >= 0)
        close(watchdog->pidfd);
    watchdog->pid = pid;
    watchdog->pidfd = pidfd_open(pid, 0);
    if (watchdog->fired)
        kill_target(watchdog);
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_arm(struct watchdog *watchdog, uint64_t seconds)
{
    pthread_mutex_lock(&watchdog->mutex);
    clock_gettime(CLOCK_MONOTONIC, &watchdog->deadline);
    watchdog->deadline.tv_sec += (time_t)(seconds < DEADLINE_MAX ? seconds : DEADLINE_MAX);
    watchdog->armed = !watchdog->fired;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
}

bool watchdog_disarm(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->mutex);
    bool fired = watchdog->fired;

    watchdog->armed = false;
    watchdog->fired = false;
    pthread_cond_signal(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->mutex);
    return fired;
}

void watchdog_kill(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->mutex);
    kill_target(watchdog);
    pthread_mutex_unlock(&watchdog->mutex);
}
