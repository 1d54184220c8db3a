#include "host/lib/character.h"

#include <string.h>

#include "host/lib/memory.h"

uint32_t character_at(const char *text, size_t *ret_length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = *bytes < 0x80 ? *bytes != 0 : *bytes < 0xe0 ? 2 : *bytes < 0xf0 ? 3 : 4;
    uint32_t character = *bytes & masks[length];

    for (size_t i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3f);
    *ret_length = length;
    return character;
}

/* The characters of Unicode's property White_Space. */
bool character_is_space(uint32_t character)
{
    return (character >= '\t' && character <= '\r') || character == ' ' || character == 0x85 ||
           character == 0xa0 || character == 0x1680 ||
           (character >= 0x2000 && character <= 0x200a) || character == 0x2028 ||
           character == 0x2029 || character == 0x202f || character == 0x205f || character == 0x3000;
}

/* General punctuation, arrows and other symbols, and what is written like them. */
static bool is_symbol(uint32_t character)
{
    return (character >= 0x80 && character < 0xc0) || character == 0xd7 || character == 0xf7 ||
           (character >= 0x2000 && character < 0x2c00) ||
           (character >= 0x2e00 && character < 0x3040) ||
           (character >= 0xd800 && character < 0xf900) ||
           (character >= 0xfe00 && character < 0xfe70) ||
           (character >= 0xff00 && character < 0xff10) ||
           (character >= 0x1f000 && character < 0x20000);
}

bool character_is_of_name(uint32_t character)
{
    if (character >= 0x80)
        return !is_symbol(character) && !character_is_space(character);
    return (character >= '0' && character <= '9') || (character >= 'A' && character <= 'Z') ||
           (character >= 'a' && character <= 'z') || character == '_';
}

const char *character_skip_space(const char *text)
{
    size_t length = 0;

    while (character_is_space(character_at(text, &length)))
        text += length;
    return text;
}

char *character_trim(const char *text)
{
    size_t length = 0;

    text = character_skip_space(text);
    const char *end = text;

    for (const char *at = text; *at != '\0'; at += length)
        if (!character_is_space(character_at(at, &length)))
            end = at + length;
    return xstrndup(text, (size_t)(end - text));
}
