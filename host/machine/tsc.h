/*
 * The frequency of this host's time stamp counter. A guest under TCG reads the host's counter, and
 * need not spend a tenth of a second on measuring it where it is told.
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

/* Reads the counter and the clock. */
void tsc_take(struct tsc_sample *ret);

/* Returns the frequency in kHz, measured from START to now (some milliseconds at least, which it
 * waits for where they have not passed); 0 where the counter does not tick evenly. In whole MHz,
 * that is to some 1e-4: scripts see it in /proc/cpuinfo, and are to see the same each time. */
uint64_t tsc_khz(const struct tsc_sample *start);

#endif
