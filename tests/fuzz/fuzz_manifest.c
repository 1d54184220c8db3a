/* A registry's manifest, and the challenge of its response. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "host/image/manifest.h"
#include "host/lib/memory.h"
#include "host/registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_manifest(const char *text, size_t size)
{
    struct manifest manifest;
    struct error *err = manifest_parse("m", text, size, NULL, &manifest);

    if (err == NULL) {
        const struct descriptor *chosen;

        if (manifest.is_index)
            error_free(manifest_choose(&manifest, "m", "amd64", &chosen));
        manifest_free(&manifest);
    }
    error_free(err);
}

static void read_challenge(const char *text)
{
    struct http_answer answer = {.status = 401};
    struct challenge challenge;

    strings_take(&answer.headers, xasprintf("www-authenticate: %s", text));
    challenge_parse(&answer, &challenge);
    challenge_free(&challenge);
    http_answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);

    read_manifest((const char *)data, size);
    read_challenge(text);
    free(text);
    return 0;
}
