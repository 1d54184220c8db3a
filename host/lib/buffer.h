/*
 * Two growable things: bytes (struct buffer) and a list of strings (struct strings). A zeroed one
 * is empty and valid; the owner frees it. A buffer's bytes are always followed by a NUL, which does
 * not count.
 */
#ifndef VMBUILD_BUFFER_H
#define VMBUILD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* NULL until something is appended */
    size_t length;
    size_t capacity;
};

/* Appends LENGTH bytes. */
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/* Appends formatted text, as printf does. */
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes room for LENGTH more bytes. Returns where they go; the caller then adds to buffer->length.
 */
char *buffer_reserve(struct buffer *buffer, size_t length);

/* Returns the bytes, NUL-terminated and owned by the caller; the buffer is empty afterwards. */
char *buffer_steal(struct buffer *buffer);

void buffer_free(struct buffer *buffer);

struct strings {
    char **items; /* NULL-terminated once something is added */
    size_t count;
    size_t capacity;
};

/* Appends a copy of TEXT. */
void strings_add(struct strings *strings, const char *text);

/* Appends TEXT itself, which the list owns from then on. */
void strings_take(struct strings *strings, char *text);

/* Whether the list has a string equal to TEXT. */
bool strings_contain(const struct strings *strings, const char *text);

/* Sorts by bytes, whatever the locale. */
void strings_sort(struct strings *strings);

void strings_free(struct strings *strings);

#endif
