#include "host/registry/manifest_upload.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/registry_error.h"

#define ANSWER_MAX (64u << 10)

struct error *manifest_upload(struct repository *repository, const char *tag, const char *type,
                              const struct buffer *bytes, struct digest *ret_digest)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    struct digest digest;

    digest_of(bytes->data, bytes->length, &digest);
    CLEANUP(freep)
    char *path = tag != NULL ? xasprintf("manifests/%s", tag)
                             : xasprintf("manifests/" DIGEST_PREFIX "%s", digest.hex);
    CLEANUP(freep) char *url = repository_url(repository, path);
    struct http_request request = {.method = "PUT",
                                   .url = url,
                                   .content_type = type,
                                   .body = bytes->data,
                                   .body_length = bytes->length,
                                   .answer_max = ANSWER_MAX};

    TRY(repository_perform(repository, &request, &answer));
    if (answer.status < 200 || answer.status > 299)
        return registry_error(&answer, "put manifest: the registry refused it");
    const char *stored = http_header(&answer, "docker-content-digest");

    if (stored != NULL && strncmp(stored, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) == 0 &&
        strcmp(stored + strlen(DIGEST_PREFIX), digest.hex) != 0)
        return error_new(EXIT_NETWORK,
                         "put manifest: the registry stored different bytes than were sent");
    *ret_digest = digest;
    return NULL;
}
