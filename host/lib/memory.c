#include "host/lib/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void memory_exhausted(void)
{
    fputs("vmbuild: allocate memory: the host has none left\n", stderr);
    _exit(1); /* what libraries do at the end may need memory, or what this thread holds */
}

void *xallocated(void *memory)
{
    if (memory == NULL)
        memory_exhausted();
    return memory;
}

void *xcalloc(size_t count, size_t size)
{
    return xallocated(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return xallocated(reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1));
}

char *xstrdup(const char *text)
{
    return xallocated(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
    return xallocated(strndup(text, length));
}

char *xvasprintf(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    return xallocated(text);
}

char *xasprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = xvasprintf(format, args);

    va_end(args);
    return text;
}
