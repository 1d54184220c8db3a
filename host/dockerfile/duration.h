/*
 * Durations as Go writes them, which images and Dockerfiles have: "90s", "1h30m", "1.5s".
 */
#ifndef VMBUILD_DURATION_H
#define VMBUILD_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* Reads TEXT into *RET, in nanoseconds. Returns false if it is not a duration, or is negative or
 * too long for 64 bits. */
bool duration_parse(const char *text, int64_t *ret);

#endif
