#include "host/lib/nearest.h"

#include <string.h>
#include <strings.h>

#define WORD_MAX 64 /* longer words are never compared */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The Levenshtein distance of two words, regardless of case. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t length = strlen(b);

    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];
            size_t change = diagonal + (strncasecmp(a + i - 1, b + j - 1, 1) != 0);

            row[j] = smaller(change, smaller(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[length];
}

const char *nearest_word(const char *word, const char *const *words, size_t stride, size_t count)
{
    const void *place = words;
    const char *nearest = NULL;
    size_t least = WORD_MAX;

    if (strlen(word) > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++, place = (const char *)place + stride) {
        const char *known = *(const char *const *)place;

        if (strlen(known) > WORD_MAX)
            continue;
        size_t far = distance(word, known);

        if (far < least && far <= strlen(known) / 3 + 1) {
            least = far;
            nearest = known;
        }
    }
    return nearest;
}
