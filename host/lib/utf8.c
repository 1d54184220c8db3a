#include "host/lib/utf8.h"

size_t utf8_length(const unsigned char *text, size_t left)
{
    size_t length = *text < 0x80                              ? 1
                    : (*text & 0xe0) == 0xc0 && *text >= 0xc2 ? 2
                    : (*text & 0xf0) == 0xe0                  ? 3
                    : (*text & 0xf8) == 0xf0 && *text < 0xf5  ? 4
                                                              : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if (length == 3 && ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] >= 0xa0)))
        return 0;
    if (length == 4 && ((*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] >= 0x90)))
        return 0;
    return length;
}

bool utf8_is_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length((const unsigned char *)text + i, length - i);

        if (step == 0)
            return false;
        i += step;
    }
    return true;
}
