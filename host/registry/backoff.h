/*
 * Trying again: how often, and how long to wait before. Each further try waits twice as long, or as
 * long as the server asks for (Retry-After, in seconds or as a date).
 */
#ifndef VMBUILD_BACKOFF_H
#define VMBUILD_BACKOFF_H

#include "host/lib/error.h"
#include "host/registry/http.h"

#define BACKOFF_TRIES_MAX 6
#define BACKOFF_FIRST_MS 500
#define BACKOFF_WAIT_MAX_SECONDS 120 /* a server that asks for more is given up */

struct backoff {
    unsigned int tries; /* failed in a row; a caller whose tries get on sets it to 0 */
};

/* Judges a try: *ERR is its error or NULL, ANSWER what came. Returns true after having waited,
 * where it is to be repeated: the connection broke, or the status is 429, 500, 502, 503 or 504;
 * *ERR is then freed and NULL. False where the try stands as it is. */
bool backoff_again(struct backoff *backoff, const struct http_answer *answer, struct error **err);

/* How long a server asks to wait. HEADER: Retry-After's value (RFC 9110, 10.2.3). NOW: seconds
 * since 1970. Returns seconds, at least 0; -1 where HEADER says nothing. */
long backoff_retry_after(const char *header, long long now);

#endif
