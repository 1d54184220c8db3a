#include "host/vm/outcome.h"

#include <string.h>

#include "guest/contract.h"

#define STATUS_MAX 255
#define SIGNAL_MAX 64

/* Takes WORD from the front of *TEXT. */
static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

/* Takes a decimal number from MIN to MAX, without sign or leading zeros. */
static bool take_number(const char **text, uint64_t min, uint64_t max, uint64_t *ret)
{
    const char *next = *text;
    uint64_t value = 0;

    for (; *next >= '0' && *next <= '9'; next++) {
        uint64_t digit = (uint64_t)(*next - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    bool zero_first = **text == '0' && next - *text > 1;

    if (next == *text || zero_first || value < min || value > max)
        return false;
    *text = next;
    *ret = value;
    return true;
}

static bool is_end(const char *text)
{
    return *text == '\0' || strcmp(text, "\n") == 0;
}

/* Takes WORD and a number from MIN to MAX, or nothing. */
static bool take_word_and_number(const char **text, const char *word, uint64_t min, uint64_t max,
                                 uint64_t *ret)
{
    const char *next = *text;

    if (!take_word(&next, word) || !take_number(&next, min, max, ret))
        return false;
    *text = next;
    return true;
}

static bool take_end(const char **text, struct outcome *outcome)
{
    uint64_t number = 0;

    if (take_word(text, "timeout"))
        outcome->end = OUTCOME_TIMEOUT;
    else if (take_word_and_number(text, "exited ", 0, STATUS_MAX, &number))
        outcome->end = OUTCOME_EXITED;
    else if (take_word_and_number(text, "killed ", 1, SIGNAL_MAX, &number))
        outcome->end = OUTCOME_KILLED;
    else
        return false;
    outcome->number = (int)number;
    return true;
}

struct error *outcome_parse(const char *line, struct outcome *ret)
{
    struct outcome outcome = {0};
    const char *text = line;
    uint64_t full = 0;

    if (strnlen(line, GUEST_REPLY_MAX + 1) <= GUEST_REPLY_MAX && take_end(&text, &outcome) &&
        take_word_and_number(&text, " oom=", 0, UINT64_MAX, &outcome.oom) &&
        take_word_and_number(&text, " full=", 0, 1, &full) &&
        take_word_and_number(&text, " unreachable=", 0, UINT64_MAX, &outcome.unreachable) &&
        take_word_and_number(&text, " line=", 0, UINT64_MAX, &outcome.line) &&
        take_word_and_number(&text, " output=", 0, UINT64_MAX, &outcome.output) && is_end(text)) {
        outcome.full = full == 1;
        *ret = outcome;
        return NULL;
    }
    return error_new(EXIT_VM, "the guest's reply is not valid");
}

struct error *outcome_parse_layer(const char *line, uint64_t *ret)
{
    const char *text = line;
    uint64_t bytes = 0;

    if (!take_word_and_number(&text, "layer=", 0, UINT64_MAX, &bytes) || !is_end(text))
        return error_new(EXIT_VM, "the guest's reply is not valid");
    *ret = bytes;
    return NULL;
}
