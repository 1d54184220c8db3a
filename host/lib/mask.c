#include "host/lib/mask.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/memory.h"
#include "host/lib/secret_search.h"

#define SHOWN "***"

struct mask {
    struct secret_search *search; /* NULL: there is nothing to mask */
    struct buffer held;           /* bytes */
    struct buffer marks;          /* as many: whether each is part of a secret */
    bool is_masked;               /* the byte that was passed on last */
};

struct mask *mask_new(const struct secrets *secrets)
{
    struct mask *mask = xcalloc(1, sizeof *mask);

    mask->search = secrets != NULL ? secret_search_new(secrets) : NULL;
    return mask;
}

/* Marks the secret INDEX wherever the bytes from START on complete it. All of it is held. */
static void mark(struct mask *mask, size_t index, size_t start)
{
    size_t length = secret_search_length(mask->search, index);
    size_t used;

    while ((used = secret_search_next(mask->search, index, mask->held.data + start,
                                      mask->held.length - start)) > 0) {
        start += used;
        memset(mask->marks.data + start - length, 1, length);
    }
}

/* Passes on the first COUNT bytes, a secret, or several in a row, as one SHOWN. */
static struct error *pass(struct mask *mask, size_t count, struct sink sink)
{
    struct error *err = NULL;

    for (size_t at = 0, end; err == NULL && at < count; at = end) {
        bool is_masked = mask->marks.data[at] != 0;

        for (end = at + 1; end < count && (mask->marks.data[end] != 0) == is_masked;)
            end++;
        if (!is_masked)
            err = sink.write(sink.context, mask->held.data + at, end - at);
        else if (!mask->is_masked)
            err = sink.write(sink.context, SHOWN, strlen(SHOWN));
        mask->is_masked = is_masked;
    }
    mask->held.length -= count;
    mask->marks.length -= count;
    memmove(mask->held.data, mask->held.data + count, mask->held.length);
    memmove(mask->marks.data, mask->marks.data + count, mask->marks.length);
    return err;
}

struct error *mask_write(struct mask *mask, const void *bytes, size_t length, struct sink sink)
{
    size_t start = mask->held.length, begun = 0;

    if (mask->search == NULL)
        return sink.write(sink.context, bytes, length);
    if (length == 0)
        return NULL;
    buffer_append(&mask->held, bytes, length);
    memset(buffer_reserve(&mask->marks, length), 0, length);
    mask->marks.length += length;
    for (size_t i = 0; i < secret_search_count(mask->search); i++) {
        mark(mask, i, start);
        size_t own = secret_search_begun(mask->search, i);

        begun = own > begun ? own : begun;
    }
    return pass(mask, mask->held.length - begun, sink);
}

struct error *mask_flush(struct mask *mask, struct sink sink)
{
    if (mask->search == NULL || mask->held.data == NULL)
        return NULL;
    struct error *err = pass(mask, mask->held.length, sink);

    secret_search_restart(mask->search);
    mask->is_masked = false;
    return err;
}

static struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

char *mask_text(const struct secrets *secrets, const char *text)
{
    struct mask *mask = mask_new(secrets);
    struct buffer out = {0};
    const struct sink sink = {append, &out};

    error_free(mask_write(mask, text, strlen(text), sink));
    error_free(mask_flush(mask, sink));
    mask_free(mask);
    buffer_append(&out, "", 0);
    return buffer_steal(&out);
}

void mask_free(struct mask *mask)
{
    if (mask == NULL)
        return;
    secret_search_free(mask->search);
    if (mask->held.data != NULL)
        explicit_bzero(mask->held.data, mask->held.capacity);
    buffer_free(&mask->held);
    buffer_free(&mask->marks);
    free(mask);
}
