#include "host/registry/base64.h"

#include <stdint.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t length, struct buffer *out)
{
    const uint8_t *in = bytes;

    for (size_t i = 0; i < length; i += 3) {
        size_t have = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)in[i] << 16;

        if (have > 1)
            bits |= (uint32_t)in[i + 1] << 8;
        if (have > 2)
            bits |= in[i + 2];
        char group[4];

        for (size_t j = 0; j < 4; j++)
            group[j] = j <= have ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
        buffer_append(out, group, sizeof group);
    }
}

/* Returns TEXT without line ends; the caller's. */
static char *without_line_ends(const char *text)
{
    char *line = xstrdup(text), *to = line;

    for (; *text != '\0'; text++)
        if (*text != '\n' && *text != '\r')
            *to++ = *text;
    *to = '\0';
    return line;
}

/* Decodes TEXT, which has no line ends. */
static bool decode(const char *text, struct buffer *out)
{
    size_t length = strspn(text, alphabet);
    size_t padding = strspn(text + length, "=");

    if (text[length + padding] != '\0' || length % 4 == 1 ||
        (padding > 0 && (length + padding) % 4 != 0) || padding > 2)
        return false;
    uint32_t bits = 0;

    for (size_t i = 0; i < length; i++) {
        bits = bits << 6 | (uint32_t)(strchr(alphabet, text[i]) - alphabet);
        if (i % 4 > 0) {
            size_t shift = 6 - 2 * (i % 4);
            char byte = (char)(bits >> shift & 255);

            buffer_append(out, &byte, 1);
        }
    }
    return true;
}

bool base64_decode(const char *text, struct buffer *out)
{
    CLEANUP(freep) char *line = without_line_ends(text);
    bool done = decode(line, out);

    explicit_bzero(line, strlen(line));
    return done;
}
