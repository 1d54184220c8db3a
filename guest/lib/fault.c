#include "guest/lib/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"

/* Keeps the text one line on a terminal, whatever bytes a file's name has. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

int fault_set(struct fault *fault, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    make_printable(fault->text);
    fault->code = code;
    if (code != 0) {
        /* A long text must not push the cause out. */
        const char *suffix = code == ENOSPC || code == EDQUOT ? GUEST_DISK_FULL_SUFFIX : "";
        char cause[256];
        int length = snprintf(cause, sizeof cause, ": %s%s", strerror(code), suffix);
        size_t used = strlen(fault->text);

        if (used + (size_t)length >= sizeof fault->text)
            used = sizeof fault->text - 1 - (size_t)length;
        memcpy(fault->text + used, cause, (size_t)length + 1);
    }
    return -1;
}

int fault_prefix(struct fault *fault, const char *format, ...)
{
    char prefix[512];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(prefix, sizeof prefix, format, arguments);

    va_end(arguments);
    size_t added = (size_t)length < sizeof prefix ? (size_t)length : sizeof prefix - 1;

    /* If both do not fit, the middle is dropped: the text may end in a suffix of the contract. */
    size_t kept = strlen(fault->text);
    size_t skipped = added + kept < sizeof fault->text ? 0 : added + kept + 1 - sizeof fault->text;

    memmove(fault->text + added, fault->text + skipped, kept - skipped + 1);
    memcpy(fault->text, prefix, added);
    return -1;
}

void fault_complain(const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);

    va_end(arguments);
    size_t used = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 2;

    line[used] = '\n';
    /* The console is the last resort: its own failure cannot be reported. */
    (void)dprintf(STDERR_FILENO, "init: %.*s", (int)used + 1, line);
}
