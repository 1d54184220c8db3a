/*
 * Times as text: RFC 3339, section 5.6 ("Internet Date/Time Format").
 */
#ifndef VMBUILD_RFC3339_H
#define VMBUILD_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/* Returns SECONDS since 1970 as a time in UTC, such as 1970-01-01T00:00:00Z; the caller's. The year
 * must be one from 0001 to 9999. */
char *rfc3339_format(int64_t seconds);

/* Reads the time TEXT into *RET, in seconds since 1970; a fraction of a second is dropped. Returns
 * false if TEXT is not a valid time. */
bool rfc3339_parse(const char *text, int64_t *ret);

#endif
