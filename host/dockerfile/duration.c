#include "host/dockerfile/duration.h"

#include <stddef.h>
#include <string.h>

/* The longer of two that begin alike comes first. */
static const struct {
    const char *name;
    int64_t nanoseconds;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* with the micro sign */
    {"\xce\xbcs", 1000}, /* with the letter mu */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", INT64_C(60) * 1000000000},
    {"h", INT64_C(3600) * 1000000000},
};

/* Moves *TEXT past a unit. Returns its nanoseconds, 0 if there is none. */
static int64_t read_unit(const char **text)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);

        if (strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].nanoseconds;
        }
    }
    return 0;
}

/* Reads the digits at *TEXT. Returns false if the number is too large. */
static bool read_whole(const char **text, int64_t *ret)
{
    for (; **text >= '0' && **text <= '9'; ++*text)
        if (__builtin_mul_overflow(*ret, 10, ret) ||
            __builtin_add_overflow(*ret, **text - '0', ret))
            return false;
    return true;
}

/* Returns the DIGITS behind a point, times UNIT; what is less than a nanosecond does not count. */
static int64_t fraction(const char *digits, size_t count, int64_t unit)
{
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (digits[i] - '0') * (unit / 10);
        unit /= 10;
    }
    return sum;
}

/* Reads a number and its unit. */
static bool read_part(const char **text, int64_t *ret)
{
    int64_t whole = 0;
    const char *start = *text;

    if (!read_whole(text, &whole))
        return false;
    size_t digits = (size_t)(*text - start), decimals = 0;
    const char *point = *text;

    if (*point == '.') {
        decimals = strspn(point + 1, "0123456789");
        *text += 1 + decimals;
    }
    int64_t unit = read_unit(text);

    return digits + decimals > 0 && unit > 0 && !__builtin_mul_overflow(whole, unit, ret) &&
           !__builtin_add_overflow(*ret, fraction(point + 1, decimals, unit), ret);
}

bool duration_parse(const char *text, int64_t *ret)
{
    int64_t sum = 0;

    if (strcmp(text, "0") == 0) {
        *ret = 0;
        return true;
    }
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        int64_t part = 0;

        if (!read_part(&text, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
    }
    *ret = sum;
    return true;
}
