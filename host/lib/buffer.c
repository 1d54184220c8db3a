#include "host/lib/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

char *buffer_reserve(struct buffer *buffer, size_t length)
{
    size_t needed = buffer->length + length + 1;

    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity > SIZE_MAX / 2 ? needed : buffer->capacity * 2;

        if (capacity < needed)
            capacity = needed < 64 ? 64 : needed;
        buffer->data = xreallocarray(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    buffer->data[buffer->length] = '\0';
    return buffer->data + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    char *place = buffer_reserve(buffer, length);

    if (length > 0)
        memcpy(place, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = xvasprintf(format, args);

    va_end(args);
    buffer_append(buffer, text, strlen(text));
    free(text);
}

char *buffer_steal(struct buffer *buffer)
{
    buffer_reserve(buffer, 0);
    char *data = buffer->data;

    *buffer = (struct buffer){0};
    return data;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void strings_take(struct strings *strings, char *text)
{
    if (strings->count + 2 > strings->capacity) {
        strings->capacity = strings->capacity > 0 ? strings->capacity * 2 : 8;
        strings->items = xreallocarray(strings->items, strings->capacity, sizeof *strings->items);
    }
    strings->items[strings->count++] = text;
    strings->items[strings->count] = NULL;
}

void strings_add(struct strings *strings, const char *text)
{
    strings_take(strings, xstrdup(text));
}

bool strings_contain(const struct strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], text) == 0)
            return true;
    return false;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *strings)
{
    if (strings->count > 1)
        qsort(strings->items, strings->count, sizeof *strings->items, compare);
}

void strings_free(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){0};
}
