/*
 * How often a request is tried, and how long to wait before each try: twice as long as before the
 * last one, or as long as the server asks for (Retry-After, in seconds or as a date).
 */
#ifndef VMBUILD_BACKOFF_H
#define VMBUILD_BACKOFF_H

#include "host/lib/error.h"
#include "host/registry/http.h"

#define BACKOFF_TRIES_MAX 6
#define BACKOFF_FIRST_MS 500
#define BACKOFF_TRIES_SLOW 3         /* that one try counts for if the server was too slow */
#define BACKOFF_WAIT_MAX_SECONDS 120 /* the request has failed if the server asks for more */

struct backoff {
    unsigned int tries; /* failed in a row; set to 0 by callers that made progress */
    unsigned int most;  /* that are made; 0: BACKOFF_TRIES_MAX */
};

/* Decides whether a try is repeated: if the connection broke, or the status is 429, 500, 502, 503
 * or 504, and there are tries left. *ERR is the try's error or NULL, ANSWER what was received. If
 * so, waits, frees *ERR, sets it to NULL, and returns true. */
bool backoff_again(struct backoff *backoff, const struct http_answer *answer, struct error **err);

/* Returns how many seconds a server asks to wait, at least 0; -1 if HEADER is malformed. HEADER:
 * the value of Retry-After (RFC 9110, 10.2.3). NOW: seconds since 1970. */
long backoff_retry_after(const char *header, long long now);

#endif
