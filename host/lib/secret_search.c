#include "host/lib/secret_search.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

/* A secret that is looked for. */
struct pattern {
    const struct secret *secret;
    const char *bytes;
    size_t length;
    size_t begun;     /* how many of its first bytes came last */
    size_t *fallback; /* for each number of them: the longest shorter start that they end in, too */
};

struct secret_search {
    struct pattern *patterns;
    size_t count;
};

/* How many bytes of PATTERN have begun if BYTE follows the first BEGUN. */
static size_t advance(const struct pattern *pattern, size_t begun, char byte)
{
    while (begun > 0 && pattern->bytes[begun] != byte)
        begun = pattern->fallback[begun];
    return begun + (pattern->bytes[begun] == byte);
}

static void fill_fallback(struct pattern *pattern)
{
    pattern->fallback = xcalloc(pattern->length + 1, sizeof *pattern->fallback);
    for (size_t i = 1; i < pattern->length; i++)
        pattern->fallback[i + 1] = advance(pattern, pattern->fallback[i], pattern->bytes[i]);
}

struct secret_search *secret_search_new(const struct secrets *secrets)
{
    struct secret_search *search = xcalloc(1, sizeof *search);

    search->patterns = xcalloc(secrets->count, sizeof *search->patterns);
    for (size_t i = 0; i < secrets->count; i++) {
        struct pattern pattern = {.secret = &secrets->items[i]};

        pattern.length = secret_core(pattern.secret, &pattern.bytes);
        if (pattern.length == 0)
            continue;
        fill_fallback(&pattern);
        search->patterns[search->count++] = pattern;
    }
    if (search->count > 0)
        return search;
    secret_search_free(search);
    return NULL;
}

void secret_search_restart(struct secret_search *search)
{
    for (size_t i = 0; i < search->count; i++)
        search->patterns[i].begun = 0;
}

size_t secret_search_next(struct secret_search *search, size_t index, const void *bytes,
                          size_t length)
{
    struct pattern *pattern = &search->patterns[index];
    const char *text = bytes;

    for (size_t i = 0; i < length; i++) {
        if (pattern->begun == 0) {
            const char *found = memchr(text + i, *pattern->bytes, length - i);

            if (found == NULL)
                return 0;
            i = (size_t)(found - text);
        }
        pattern->begun = advance(pattern, pattern->begun, text[i]);
        if (pattern->begun < pattern->length)
            continue;
        pattern->begun = pattern->fallback[pattern->length];
        return i + 1;
    }
    return 0;
}

const struct secret *secret_search_take(struct secret_search *search, const void *bytes,
                                        size_t length)
{
    for (size_t i = 0; i < search->count; i++)
        if (secret_search_next(search, i, bytes, length) > 0)
            return search->patterns[i].secret;
    return NULL;
}

const struct secret *secret_search_skip(struct secret_search *search, uint64_t length)
{
    static const char zeros[4096];

    for (size_t i = 0; i < search->count; i++) {
        /* As many as the secret has leave the same behind as more of them. */
        size_t left = search->patterns[i].length;

        if (length < left)
            left = (size_t)length;
        while (left > 0) {
            size_t piece = left < sizeof zeros ? left : sizeof zeros;

            if (secret_search_next(search, i, zeros, piece) > 0)
                return search->patterns[i].secret;
            left -= piece;
        }
    }
    return NULL;
}

size_t secret_search_count(const struct secret_search *search)
{
    return search->count;
}

size_t secret_search_length(const struct secret_search *search, size_t index)
{
    return search->patterns[index].length;
}

size_t secret_search_begun(const struct secret_search *search, size_t index)
{
    return search->patterns[index].begun;
}

void secret_search_free(struct secret_search *search)
{
    if (search == NULL)
        return;
    for (size_t i = 0; i < search->count; i++)
        free(search->patterns[i].fallback);
    free(search->patterns);
    free(search);
}
