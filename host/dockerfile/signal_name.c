#include "host/dockerfile/signal_name.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIGNAL_MAX 64 /* of Linux */
#define FROM_MIN_MAX 15
#define FROM_MAX_MAX 14

/* Whether TEXT is SIGN and a number up to MOST, or nothing. */
static bool is_distance(const char *text, char sign, unsigned long most)
{
    if (*text == '\0')
        return true;
    return *text == sign && text[1] != '\0' && text[1 + strspn(text + 1, "0123456789")] == '\0' &&
           strlen(text) <= 3 && strtoul(text + 1, NULL, 10) <= most;
}

bool signal_name_is_known(const char *text)
{
    static const char *const others[] = {"CLD", "IOT", "POLL", "UNUSED"};
    size_t digits = strspn(text, "0123456789");

    if (digits > 0)
        return digits < 4 && text[digits] == '\0' && strtoul(text, NULL, 10) > 0 &&
               strtoul(text, NULL, 10) <= SIGNAL_MAX;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;

    for (int signal = 1; signal <= SIGNAL_MAX; signal++)
        if (sigabbrev_np(signal) != NULL && strcasecmp(sigabbrev_np(signal), name) == 0)
            return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(others[i], name) == 0)
            return true;
    if (strncasecmp(name, "RTMIN", 5) == 0)
        return is_distance(name + 5, '+', FROM_MIN_MAX);
    return strncasecmp(name, "RTMAX", 5) == 0 && is_distance(name + 5, '-', FROM_MAX_MAX);
}
