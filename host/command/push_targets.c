#include "host/command/push_targets.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/registry/registry_bundle.h"
#include "host/registry/registry_push.h"

struct error *push_targets_check(const struct reference *targets, size_t count,
                                 const struct registry_access *access)
{
    for (size_t i = 1; i < count && access->user != NULL; i++)
        if (strcmp(targets[i].host, targets[0].host) != 0)
            return error_advise(
                error_new(EXIT_USAGE,
                          "read option '--creds': the targets are in several registries, '%s' and "
                          "'%s'",
                          targets[0].host, targets[i].host),
                "log in to each with 'vmbuild login'");
    return NULL;
}

static void show_result(const struct reference *target, const struct digest *digest)
{
    CLEANUP(json_freep) struct json *result = json_object();
    CLEANUP(freep) char *name = reference_format(target);
    CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", digest->hex);
    CLEANUP(freep) char *line = xasprintf("%s %s", name, text);

    json_set(result, "reference", json_string(name));
    json_set(result, "digest", json_string(text));
    progress_result(line, result);
}

static bool is_same_repository(const struct reference *a, const struct reference *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->name, b->name) == 0;
}

static struct error *push_group(const struct push_content *content, const struct reference *group,
                                size_t count, const struct registry_access *access,
                                struct store *store, struct digest *ret)
{
    if (content->image != NULL)
        return registry_push(content->image, group, count, access, store, ret);
    TRY(registry_push_bundle(content->bundle, group, count, access, store));
    *ret = image_bundle_root(content->bundle)->digest;
    return NULL;
}

struct error *push_targets_send(const struct push_content *content, const struct reference *targets,
                                size_t count, const struct registry_access *access,
                                struct store *store, struct digest *ret)
{
    /* Borrowed copies, those of one repository next to one another. */
    CLEANUP(freep) struct reference *group = xcalloc(count, sizeof *group);
    CLEANUP(freep) bool *is_done = xcalloc(count, sizeof *is_done);

    progress_start("push");
    for (size_t i = 0; i < count; i++) {
        size_t members = 0;

        if (is_done[i])
            continue;
        for (size_t j = i; j < count; j++) {
            if (is_done[j] || !is_same_repository(&targets[i], &targets[j]))
                continue;
            is_done[j] = true;
            group[members++] = targets[j];
        }
        /* The digest is the same everywhere, as the image's blobs are. */
        TRY(push_group(content, group, members, access, store, ret));
    }
    progress_done();
    return NULL;
}

struct error *push_targets(const struct push_content *content, const struct reference *targets,
                           size_t count, const struct registry_access *access, struct store *store)
{
    struct digest digest = {0};

    TRY(push_targets_send(content, targets, count, access, store, &digest));
    for (size_t i = 0; i < count; i++)
        show_result(&targets[i], &digest);
    return NULL;
}
