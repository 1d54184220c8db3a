#include "host/registry/manifest_download.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/registry/registry_error.h"

#define ACCEPT MANIFEST_OCI ", " MANIFEST_DOCKER ", " MANIFEST_OCI_INDEX ", " MANIFEST_DOCKER_LIST

/* Publishes BYTES in the store. DIGEST is theirs. */
static struct error *keep_bytes(struct store *store, const struct digest *digest,
                                const struct buffer *bytes)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(store_temporary(store, &temporary, &fd));
    TRY(file_write(bytes->data, bytes->length, fd, temporary));
    if (close(steal_fd(&fd)) != 0)
        return error_errno(EXIT_OTHER, "write to the cache '%s'", store_folder(store));
    return store_publish(store, STORE_BLOB, digest->hex, temporary, NULL);
}

/* Checks the digest of ANSWER's body against WANTED (empty: requested by tag) and against the one
 * that the registry states. *RET is the digest. */
static struct error *check_manifest(const struct http_answer *answer, const struct digest *wanted,
                                    struct digest *ret)
{
    const char *claimed = http_header(answer, "docker-content-digest");
    struct digest claim;

    digest_of(answer->body.data, answer->body.length, ret);
    if (wanted->hex[0] != '\0' && !digest_equal(ret, wanted))
        return error_new(EXIT_INPUT, "the registry sent content with digest " DIGEST_PREFIX "%s",
                         ret->hex);
    if (claimed == NULL || strncmp(claimed, DIGEST_PREFIX, strlen(DIGEST_PREFIX)) != 0)
        return NULL;
    TRY(digest_parse(claimed, &claim));
    if (!digest_equal(ret, &claim))
        return error_new(EXIT_INPUT,
                         "the registry stated digest " DIGEST_PREFIX "%s, but sent " DIGEST_PREFIX
                         "%s",
                         claim.hex, ret->hex);
    return NULL;
}

/* Requests the manifest NAME. */
static struct error *request(struct repository *repository, const char *name,
                             struct http_answer *ret)
{
    CLEANUP(freep) char *path = xasprintf("manifests/%s", name);
    CLEANUP(freep) char *url = repository_url(repository, path);
    const struct http_request request = {
        .method = "GET", .url = url, .accept = ACCEPT, .answer_max = MANIFEST_SIZE_MAX};

    return repository_perform(repository, &request, ret);
}

/* Takes the manifest from ANSWER; see manifest_download. */
static struct error *take(struct http_answer *answer, const struct digest *wanted,
                          struct store *store, struct buffer *ret, char **ret_type)
{
    struct digest digest;

    if (answer->status != 200)
        return registry_error(answer, answer->status == 404 ? "the registry has no such image"
                                                            : "the registry refused the request");
    TRY(check_manifest(answer, wanted, &digest));
    TRY(keep_bytes(store, &digest, &answer->body));
    const char *type = http_header(answer, "content-type");

    *ret_type = type != NULL ? xstrndup(type, strcspn(type, "; ")) : NULL;
    *ret = answer->body;
    answer->body = (struct buffer){0};
    return NULL;
}

struct error *manifest_download(struct repository *repository, const char *name,
                                const struct digest *wanted, struct store *store,
                                struct buffer *ret, char **ret_type)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};

    TRY(request(repository, name, &answer));
    return take(&answer, wanted, store, ret, ret_type);
}

struct error *manifest_find(struct repository *repository, const char *tag, struct store *store,
                            struct buffer *ret, bool *ret_found)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *type = NULL;
    const struct digest any = {0};

    TRY(request(repository, tag, &answer));
    *ret_found = answer.status == 200;
    return answer.status != 404 ? take(&answer, &any, store, ret, &type) : NULL;
}
