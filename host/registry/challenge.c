#include "host/registry/challenge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define CHALLENGE_HEADER "www-authenticate:"

/* Returns the length of the token at TEXT, or 0 (RFC 9110, 5.6.2). */
static size_t token_length(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789"
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static void skip(const char **text, const char *characters)
{
    *text += strspn(*text, characters);
}

/* Reads a token or a quoted string at *TEXT. Returns it, the caller's, or NULL if there is
 * neither. */
static char *read_value(const char **text)
{
    if (**text != '"') {
        size_t length = token_length(*text);
        const char *start = *text;

        *text += length;
        return length > 0 ? xstrndup(start, length) : NULL;
    }
    CLEANUP(buffer_free) struct buffer value = {0};
    const char *at = *text + 1;

    for (; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
        buffer_append(&value, at, 1);
    }
    *text = at + 1;
    return buffer_steal(&value);
}

/* Keeps the parameter NAME=VALUE of a Bearer challenge, or frees VALUE. */
static void keep_parameter(struct challenge *challenge, const char *name, char *value)
{
    char **place = strcasecmp(name, "realm") == 0     ? &challenge->realm
                   : strcasecmp(name, "service") == 0 ? &challenge->service
                                                      : NULL;

    if (place == NULL || *place != NULL) {
        free(value);
        return;
    }
    *place = value;
}

/* Reads the challenges of one header: SCHEME NAME=VALUE, NAME=VALUE, SCHEME ... */
static void parse_header(const char *text, struct challenge *ret)
{
    bool in_bearer = false;

    for (;;) {
        skip(&text, " \t,");
        size_t length = token_length(text);

        if (length == 0)
            return;
        CLEANUP(freep) char *word = xstrndup(text, length);

        text += length;
        skip(&text, " \t");
        if (*text != '=') {
            in_bearer = strcasecmp(word, "Bearer") == 0;
            ret->bearer = ret->bearer || in_bearer;
            ret->basic = ret->basic || strcasecmp(word, "Basic") == 0;
            continue;
        }
        text++;
        skip(&text, " \t");
        char *value = read_value(&text);

        if (value == NULL)
            return;
        if (in_bearer)
            keep_parameter(ret, word, value);
        else
            free(value);
    }
}

void challenge_parse(const struct http_answer *answer, struct challenge *ret)
{
    *ret = (struct challenge){0};
    for (size_t i = 0; i < answer->headers.count; i++) {
        const char *header = answer->headers.items[i];

        if (strncmp(header, CHALLENGE_HEADER, strlen(CHALLENGE_HEADER)) == 0)
            parse_header(header + strlen(CHALLENGE_HEADER), ret);
    }
}

void challenge_free(struct challenge *challenge)
{
    free(challenge->realm);
    free(challenge->service);
    *challenge = (struct challenge){0};
}
