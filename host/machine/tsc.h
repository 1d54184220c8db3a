/*
 * The frequency of this host's time stamp counter. A guest under TCG reads the host's counter; told
 * its frequency, it need not spend a tenth of a second measuring it.
 */
#ifndef VMBUILD_TSC_H
#define VMBUILD_TSC_H

#include <stdint.h>
#include <time.h>

/* The counter at one moment. */
struct tsc_sample {
    uint64_t count;
    struct timespec time; /* CLOCK_MONOTONIC_RAW */
};

/* Reads counter and clock at the same moment. */
void tsc_take(struct tsc_sample *ret);

/* Returns the frequency in kHz, measured from START to now; waits until some milliseconds have
 * passed. 0 if the counter does not tick evenly, or there is none. Rounded to whole MHz, since
 * scripts see it in /proc/cpuinfo and should see the same each time. */
uint64_t tsc_khz(const struct tsc_sample *start);

#endif
