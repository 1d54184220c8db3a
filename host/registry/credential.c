#include "host/registry/credential.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/base64.h"

bool credential_given(const struct credential *credential)
{
    return credential->user != NULL || credential->identity_token != NULL ||
           credential->registry_token != NULL;
}

char *credential_basic(const struct credential *credential)
{
    CLEANUP(buffer_free) struct buffer header = {0};
    CLEANUP(freep) char *pair = xasprintf("%s:%s", credential->user, credential->password);

    buffer_printf(&header, "Basic ");
    base64_encode(pair, strlen(pair), &header);
    explicit_bzero(pair, strlen(pair));
    return buffer_steal(&header);
}

static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void credential_free(struct credential *credential)
{
    free(credential->user);
    free_secret(credential->password);
    free_secret(credential->identity_token);
    free_secret(credential->registry_token);
    free(credential->origin);
    *credential = (struct credential){0};
}
