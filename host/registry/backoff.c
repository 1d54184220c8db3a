#include "host/registry/backoff.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/lib/progress.h"

static bool is_worth_it(const struct http_answer *answer, const struct error *err)
{
    if (err != NULL)
        return answer->transient;
    switch (answer->status) {
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

long backoff_retry_after(const char *header, long long now)
{
    size_t digits = strspn(header, "0123456789");

    if (digits > 0 && header[digits] == '\0')
        return digits > 9 ? INT_MAX : strtol(header, NULL, 10);
    long long then = http_date(header);

    if (then < 0)
        return -1;
    return then <= now ? 0 : then - now > INT_MAX ? INT_MAX : (long)(then - now);
}

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

bool backoff_again(struct backoff *backoff, const struct http_answer *answer, struct error **err)
{
    if (!is_worth_it(answer, *err))
        return false;
    backoff->tries += answer->too_slow ? BACKOFF_TRIES_SLOW : 1;
    if (backoff->tries >= (backoff->most > 0 ? backoff->most : BACKOFF_TRIES_MAX))
        return false;
    long wait = (long)BACKOFF_FIRST_MS << (backoff->tries - 1);
    const char *header = *err == NULL ? http_header(answer, "retry-after") : NULL;
    long asked = header != NULL ? backoff_retry_after(header, time(NULL)) : -1;

    if (asked > BACKOFF_WAIT_MAX_SECONDS)
        return false;
    if (asked >= 0)
        wait = asked * 1000 > BACKOFF_FIRST_MS ? asked * 1000 : BACKOFF_FIRST_MS;
    if (*err != NULL)
        progress_detail("%s; retrying in %ld.%ld s", (*err)->message, wait / 1000,
                        wait % 1000 / 100);
    else
        progress_detail("the registry answered with status %d; retrying in %ld.%ld s",
                        answer->status, wait / 1000, wait % 1000 / 100);
    error_free(*err);
    *err = NULL;
    if (answer->deadline != 0 && answer->deadline - http_now() < wait)
        wait = (long)(answer->deadline - http_now()); /* the next try reports that it is over */
    sleep_ms(wait > 0 ? wait : 0);
    return true;
}
