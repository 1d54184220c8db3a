#include "host/lib/secret.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

void secrets_take(struct secrets *secrets, const char *id, char *bytes, size_t length)
{
    secrets->items = xreallocarray(secrets->items, secrets->count + 1, sizeof *secrets->items);
    struct secret *secret = &secrets->items[secrets->count++];

    secret->id = xstrdup(id);
    secret->bytes = bytes;
    secret->length = length;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

size_t secret_core(const struct secret *secret, const char **ret)
{
    const char *bytes = secret->bytes;
    size_t length = secret->length;

    while (length > 0 && is_space(bytes[length - 1]))
        length--;
    while (length > 0 && is_space(*bytes)) {
        bytes++;
        length--;
    }
    *ret = bytes;
    return length < SECRET_LEAST ? 0 : length;
}

void secrets_free(struct secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++) {
        struct secret *secret = &secrets->items[i];

        if (secret->bytes != NULL)
            explicit_bzero(secret->bytes, secret->length);
        free(secret->bytes);
        free(secret->id);
    }
    free(secrets->items);
    *secrets = (struct secrets){0};
}
