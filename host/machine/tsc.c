#include "host/machine/tsc.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <stdbool.h>
#include <x86intrin.h>

#define LEAST_NS 3000000 /* to measure over: a reading is off by less than 100 ns */
#define PAIRS 8          /* readings of counter and clock for one sample */

/* Intel's manual, volume 3, "Invariant TSC"; the same on AMD. */
#define LEAF_POWER 0x80000007
#define EDX_INVARIANT_TSC (1u << 8)

static bool is_invariant(void)
{
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid(LEAF_POWER, &eax, &ebx, &ecx, &edx) == 1 && (edx & EDX_INVARIANT_TSC) != 0;
}

/* Reads the clock between two readings of the counter. Returns how far apart those are. */
static uint64_t take_pair(struct tsc_sample *ret)
{
    uint64_t before = __rdtsc();

    clock_gettime(CLOCK_MONOTONIC_RAW, &ret->time);
    uint64_t apart = __rdtsc() - before;

    ret->count = before + apart / 2;
    return apart;
}

/* An interruption between the readings puts them far apart, so the closest pair counts. */
void tsc_take(struct tsc_sample *ret)
{
    uint64_t closest = take_pair(ret);

    for (int i = 1; i < PAIRS; i++) {
        struct tsc_sample another;
        uint64_t apart = take_pair(&another);

        if (apart < closest) {
            closest = apart;
            *ret = another;
        }
    }
}

static int64_t nanoseconds_since(const struct tsc_sample *start, const struct tsc_sample *end)
{
    return (int64_t)(end->time.tv_sec - start->time.tv_sec) * 1000000000 +
           (end->time.tv_nsec - start->time.tv_nsec);
}

uint64_t tsc_khz(const struct tsc_sample *start)
{
    struct tsc_sample end;

    if (!is_invariant())
        return 0;
    tsc_take(&end);
    int64_t passed = nanoseconds_since(start, &end);

    if (passed < LEAST_NS) {
        const struct timespec rest = {.tv_nsec = LEAST_NS - passed};

        nanosleep(&rest, NULL);
        tsc_take(&end);
        passed = nanoseconds_since(start, &end);
    }
    if (passed <= 0 || end.count <= start->count)
        return 0;
    double mhz = (double)(end.count - start->count) * 1e3 / (double)passed;

    return (uint64_t)(mhz + 0.5) * 1000;
}

#else

/* QEMU gives a guest with such a counter something else there. */
void tsc_take(struct tsc_sample *ret)
{
    *ret = (struct tsc_sample){0};
}

uint64_t tsc_khz(const struct tsc_sample *start)
{
    (void)start;
    return 0;
}

#endif
