#include "host/lib/quoted_word.h"

#include <string.h>

/* What means nothing to a shell, wherever it stands in an argument. */
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                            "_-./:@%+,=";

void quoted_word(const char *word, struct buffer *out)
{
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_append(out, word, strlen(word));
        return;
    }
    buffer_append(out, "'", 1);
    for (const char *at = word; *at != '\0'; at++)
        if (*at == '\'')
            buffer_append(out, "'\\''", 4);
        else
            buffer_append(out, at, 1);
    buffer_append(out, "'", 1);
}
