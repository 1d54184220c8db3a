/*
 * A program for a guest: whether the clock that programs compute for themselves is the kernel's,
 * and never goes back. Prints "good", or what was wrong.
 *
 * usage: clock [SECONDS]     SECONDS: where the real time stands still
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 3
#define ROUNDS 100000
#define LAG 20000 /* ns: a thousandth of 10 ms, twice */

static int64_t nanoseconds(const struct timespec *time)
{
    return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

static int64_t computed(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return nanoseconds(&time);
}

static int64_t asked(clockid_t clock)
{
    struct timespec time;

    syscall(SYS_clock_gettime, clock, &time);
    return nanoseconds(&time);
}

__attribute__((noreturn)) static void fail(const char *what, int64_t before, int64_t after)
{
    printf("%s: %lld after %lld\n", what, (long long)after, (long long)before);
    exit(1);
}

/* Fails if the clock was further when somebody read it before: LAST, which is shared. One processor
 * has all processes, so nothing is read between a program's reading and its note but by another
 * process, which may be further. */
static void check(int64_t (*read)(clockid_t clock), volatile int64_t *last, const char *what)
{
    int64_t before = *last, now = read(CLOCK_MONOTONIC);

    if (now < before)
        fail(what, before, now);
    if (now > *last)
        *last = now;
}

/* Fails if the computed clock is not between two looks at the kernel's, less what it may lag. */
static void check_lag(void)
{
    int64_t before = asked(CLOCK_MONOTONIC), now = computed(CLOCK_MONOTONIC),
            after = asked(CLOCK_MONOTONIC);

    if (now < before - LAG)
        fail("the computed clock lags", before, now);
    if (now > after)
        fail("the computed clock is fast", after, now);
}

static void work(volatile int64_t *last)
{
    for (int i = 0; i < ROUNDS; i++) {
        check(computed, last, "the computed clock goes back");
        if (i % 7 == 0)
            check(asked, last, "the kernel's clock goes back");
        if (i % 9 == 0)
            check_lag();
        if (i % 5000 == 0)
            usleep(300);
    }
}

/* Whether the clocks are within a tenth of a second of each other; other processes may take some
 * time in between. */
static void check_near(int64_t one, int64_t other, const char *what)
{
    if (llabs(one - other) > 100000000)
        fail(what, one, other);
}

static void test_real_time(void)
{
    struct timeval day;

    check_near(computed(CLOCK_REALTIME), asked(CLOCK_REALTIME), "the real time");
    gettimeofday(&day, NULL);
    check_near(day.tv_sec * INT64_C(1000000000) + day.tv_usec * 1000, asked(CLOCK_REALTIME),
               "the time of day");
    if (llabs(time(NULL) - asked(CLOCK_REALTIME) / 1000000000) > 1)
        fail("the seconds", asked(CLOCK_REALTIME) / 1000000000, time(NULL));
}

/* Whether a program that makes no system calls sees the clock go on, and not in leaps. */
static void test_progress(void)
{
    int64_t start = computed(CLOCK_MONOTONIC), now = start, values = 1;

    while (now < start + 100000000) {
        int64_t next = computed(CLOCK_MONOTONIC);

        values += next != now;
        now = next;
    }
    if (values < 1000)
        fail("the clock goes on in leaps", start, now);
}

static void test_still(int64_t seconds)
{
    for (int i = 0; i < ROUNDS; i++) {
        int64_t now = computed(CLOCK_REALTIME) / 1000000000;

        if (now != seconds)
            fail("the real time that stands still", seconds, now);
        if (i % 3 == 0)
            asked(CLOCK_MONOTONIC);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        test_still(atoll(argv[1]));
        puts("good");
        return 0;
    }
    volatile int64_t *last =
        mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            work(last);
            exit(0);
        }
    for (int i = 0; i < PROCESSES; i++)
        if (wait(&status) < 0 || status != 0)
            return 1;
    test_progress();
    test_real_time();
    puts("good");
    return 0;
}
