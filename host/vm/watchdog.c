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
#include "host/vm/qemu_process.h"

#define NS_PER_SECOND INT64_C(1000000000)

#define DEADLINE_MAX (UINT64_C(1) << 32) /* seconds; far away, but no time_t overflows */

#define STEP_SECONDS 1
#define STOPPED_SECONDS 2 /* no thread that could run waits so much longer than it wanted */

struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct timespec deadline; /* CLOCK_MONOTONIC */
    unsigned int arming;      /* how often the deadline was set */
    struct timespec looked;   /* when the thread last looked at the deadline, or it was set */
    bool armed, fired, stopping;
    pid_t pid; /* 0: not known yet */
    int pidfd; /* below 0: unknown, or of no use (before Linux 5.3) */

    /* During a launch. */
    pid_t launcher;                /* the thread that launches; 0: none does */
    pid_t bystander;               /* the last child that it had before; 0: none */
    struct timespec limit;         /* the deadline is not put off beyond it */
    struct qemu_activity activity; /* the last that was seen */
    bool has_written;              /* the guest has since written to its console */
};

/* Returns whether the target is there to take SIGNAL; requires the mutex. The descriptor still
 * refers to QEMU when its PID refers to another process. */
static bool signal_target(const struct watchdog *watchdog, int signal)
{
    return (watchdog->pidfd >= 0 ? pidfd_send_signal(watchdog->pidfd, signal, NULL, 0)
                                 : kill(watchdog->pid, signal)) == 0;
}

/* Requires the mutex. The target may be a script, whose child QEMU is. */
static void kill_target(const struct watchdog *watchdog)
{
    if (watchdog->pid > 0) {
        if (signal_target(watchdog, SIGSTOP))
            qemu_process_kill_children(watchdog->pid, watchdog->pid, 0);
        signal_target(watchdog, SIGKILL);
    } else if (watchdog->launcher > 0) {
        qemu_process_kill_children(getpid(), watchdog->launcher, watchdog->bystander);
    }
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void add_ns(struct timespec *time, int64_t ns)
{
    ns += time->tv_nsec;
    time->tv_sec += ns / NS_PER_SECOND;
    time->tv_nsec = ns % NS_PER_SECOND;
}

/* Returns QEMU, or what the launching thread has started in its place so far; 0: nothing. Requires
 * the mutex. */
static pid_t find_target(const struct watchdog *watchdog)
{
    if (watchdog->pid > 0)
        return watchdog->pid;
    pid_t child = qemu_process_child(watchdog->launcher);

    return child != watchdog->bystander ? child : 0;
}

/* Looks at what QEMU does NOW; requires the mutex. Returns the nanoseconds since the last look that
 * do not count: QEMU was not asleep, but did not get a processor either. */
static int64_t look(struct watchdog *watchdog, const struct timespec *now)
{
    const struct qemu_activity before = watchdog->activity;
    int64_t passed = (now->tv_sec - watchdog->looked.tv_sec) * NS_PER_SECOND + now->tv_nsec -
                     watchdog->looked.tv_nsec;
    bool has_written = watchdog->has_written;

    watchdog->activity = qemu_process_look(find_target(watchdog));
    watchdog->has_written = false;
    int64_t used =
        watchdog->activity.cpu_ns - (watchdog->activity.pid == before.pid ? before.cpu_ns : 0);

    if (watchdog->activity.rests && !has_written)
        return 0;
    return used < passed ? passed - used : 0;
}

/* Puts the deadline of a launch off by what does not count; requires the mutex. */
static void put_off(struct watchdog *watchdog, const struct timespec *now)
{
    add_ns(&watchdog->deadline, look(watchdog, now));
    if (is_before(&watchdog->limit, &watchdog->deadline))
        watchdog->deadline = watchdog->limit;
}

/* Waits for a change, for at most a second after the last look; requires the mutex. Returns whether
 * the deadline has passed. If that took much longer, the process was stopped meanwhile, were it
 * before this thread began to wait, and the deadline is put off: the thread counts the seconds in
 * which it could run. */
static bool await_deadline(struct watchdog *watchdog)
{
    unsigned int arming = watchdog->arming;
    struct timespec until = watchdog->looked, now;

    until.tv_sec += STEP_SECONDS;
    /* The deadline of a launch may still be put off. */
    if (watchdog->launcher == 0 && is_before(&watchdog->deadline, &until))
        until = watchdog->deadline;
    pthread_cond_clockwait(&watchdog->changed, &watchdog->mutex, CLOCK_MONOTONIC, &until);
    if (!watchdog->armed || watchdog->arming != arming)
        return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - until.tv_sec > STOPPED_SECONDS) {
        watchdog->deadline.tv_sec += now.tv_sec - until.tv_sec;
        watchdog->limit.tv_sec += now.tv_sec - until.tv_sec;
        watchdog->looked = now;
        return false;
    }
    if (watchdog->launcher > 0)
        put_off(watchdog, &now);
    watchdog->looked = now;
    return !is_before(&now, &watchdog->deadline);
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
        if (await_deadline(watchdog)) {
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

/* Returns a descriptor of the process PID, or -1 if none can be had or signals cannot be sent to
 * it, as where a filter of system calls knows only one of both calls. */
static int open_target(pid_t pid)
{
    int pidfd = pidfd_open(pid, 0);

    if (pidfd >= 0 && pidfd_send_signal(pidfd, 0, NULL, 0) < 0 && errno != ESRCH) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

/* Requires the mutex. */
static void set_target(struct watchdog *watchdog, pid_t pid)
{
    if (watchdog->pidfd >= 0)
        close(watchdog->pidfd);
    watchdog->pid = pid;
    watchdog->pidfd = pid > 0 ? open_target(pid) : -1;
}

void watchdog_set_target(struct watchdog *watchdog, pid_t pid)
{
    pthread_mutex_lock(&watchdog->mutex);
    set_target(watchdog, pid);
    if (watchdog->fired)
        kill_target(watchdog);
    pthread_mutex_unlock(&watchdog->mutex);
}

/* Requires the mutex. LAUNCHER: the thread that launches; 0: none does. */
static void arm(struct watchdog *watchdog, uint64_t seconds, pid_t launcher)
{
    time_t length = (time_t)(seconds < DEADLINE_MAX ? seconds : DEADLINE_MAX);

    clock_gettime(CLOCK_MONOTONIC, &watchdog->looked);
    watchdog->deadline = watchdog->limit = watchdog->looked;
    watchdog->deadline.tv_sec += length;
    watchdog->limit.tv_sec += length * WATCHDOG_PATIENCE;
    watchdog->launcher = launcher;
    watchdog->activity = (struct qemu_activity){0};
    watchdog->has_written = false;
    watchdog->arming++;
    watchdog->armed = !watchdog->fired;
    pthread_cond_signal(&watchdog->changed);
}

void watchdog_arm(struct watchdog *watchdog, uint64_t seconds)
{
    pthread_mutex_lock(&watchdog->mutex);
    arm(watchdog, seconds, 0);
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_arm_launch(struct watchdog *watchdog, uint64_t seconds)
{
    pthread_mutex_lock(&watchdog->mutex);
    set_target(watchdog, 0); /* it was the QEMU of an earlier launch */
    watchdog->bystander = qemu_process_child(gettid());
    arm(watchdog, seconds, gettid());
    pthread_mutex_unlock(&watchdog->mutex);
}

void watchdog_note_output(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->has_written = true;
    pthread_mutex_unlock(&watchdog->mutex);
}

bool watchdog_disarm(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->mutex);
    bool fired = watchdog->fired;

    watchdog->armed = false;
    watchdog->fired = false;
    watchdog->launcher = 0;
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
