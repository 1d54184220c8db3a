#include "host/lib/rfc3339.h"

#include <string.h>
#include <time.h>

#include "host/lib/memory.h"

char *rfc3339_format(int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm = {0};

    gmtime_r(&time, &tm);
    return xasprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Reads two digits up to MAX and the character after them, unless that is 0. */
static bool parse_part(const char **text, int max, char after, int *ret)
{
    const char *digits = *text;

    if (digits[0] < '0' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9')
        return false;
    *ret = (digits[0] - '0') * 10 + digits[1] - '0';
    *text += after != 0 ? 3 : 2;
    return *ret <= max && (after == 0 || digits[2] == after);
}

/* Reads the zone at TEXT, which must end it: Z, +HH:MM or -HH:MM. *RET is in seconds. */
static bool parse_zone(const char *text, int64_t *ret)
{
    int hours, minutes;
    char sign = *text++;

    *ret = 0;
    if (sign == 'Z' || sign == 'z')
        return *text == '\0';
    if ((sign != '+' && sign != '-') || !parse_part(&text, 23, ':', &hours) ||
        !parse_part(&text, 59, 0, &minutes))
        return false;
    *ret = (hours * 60 + minutes) * 60;
    if (sign == '-')
        *ret = -*ret;
    return *text == '\0';
}

bool rfc3339_parse(const char *text, int64_t *ret)
{
    struct tm tm = {0};
    int century, year, month;
    int64_t zone;

    if (!parse_part(&text, 99, 0, &century) || !parse_part(&text, 99, '-', &year) ||
        !parse_part(&text, 12, '-', &month) || !parse_part(&text, 31, 0, &tm.tm_mday))
        return false;
    if ((*text != 'T' && *text != 't') || century * 100 + year < 1 || month < 1)
        return false;
    text++;
    if (!parse_part(&text, 23, ':', &tm.tm_hour) || !parse_part(&text, 59, ':', &tm.tm_min) ||
        !parse_part(&text, 59, 0, &tm.tm_sec))
        return false;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");

        if (digits == 0)
            return false;
        text += 1 + digits;
    }
    if (!parse_zone(text, &zone))
        return false;
    int day = tm.tm_mday;

    tm.tm_year = century * 100 + year - 1900;
    tm.tm_mon = month - 1;
    time_t seconds = timegm(&tm);

    if (tm.tm_mday != day) /* such as 31 April */
        return false;
    *ret = (int64_t)seconds - zone;
    return true;
}
