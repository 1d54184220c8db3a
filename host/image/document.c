#include "host/image/document.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/json_repair.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

/* The keys of each kind of document that mean something here. Lists end with NULL. */
static const char *const *const known_keys[] = {
    [DOCUMENT_CONFIG] = (const char *const[]){"id",
                                              "parent",
                                              "created",
                                              "author",
                                              "comment",
                                              "container",
                                              "container_config",
                                              "docker_version",
                                              "architecture",
                                              "variant",
                                              "os",
                                              "os.version",
                                              "os.features",
                                              "config",
                                              "rootfs",
                                              "history",
                                              "type",
                                              "diff_ids",
                                              "created_by",
                                              "empty_layer",
                                              "parent_id",
                                              "layer_id",
                                              "throwaway",
                                              "Size",
                                              "User",
                                              "ExposedPorts",
                                              "Env",
                                              "Entrypoint",
                                              "Cmd",
                                              "Volumes",
                                              "WorkingDir",
                                              "Labels",
                                              "StopSignal",
                                              "StopTimeout",
                                              "ArgsEscaped",
                                              "Healthcheck",
                                              "Test",
                                              "Interval",
                                              "Timeout",
                                              "StartPeriod",
                                              "StartInterval",
                                              "Retries",
                                              "OnBuild",
                                              "Shell",
                                              "Hostname",
                                              "Domainname",
                                              "AttachStdin",
                                              "AttachStdout",
                                              "AttachStderr",
                                              "Tty",
                                              "OpenStdin",
                                              "StdinOnce",
                                              "Image",
                                              "NetworkDisabled",
                                              "MacAddress",
                                              NULL},
    [DOCUMENT_MANIFEST] = (const char *const[]){"schemaVersion", "mediaType",    "artifactType",
                                                "config",        "layers",       "manifests",
                                                "subject",       "annotations",  "digest",
                                                "size",          "urls",         "data",
                                                "platform",      "architecture", "os",
                                                "os.version",    "os.features",  "variant",
                                                "fsLayers",      "history",      NULL},
    [DOCUMENT_ARCHIVE] = (const char *const[]){"Config", "RepoTags", "Layers", "Parent",
                                               "LayerSources", "mediaType", "size", "digest", NULL},
};

/* Members whose keys are the users' own. */
static const char *const maps[] = {"ExposedPorts", "Volumes", "Labels", "annotations",
                                   "LayerSources"};

static bool is_map(const char *key)
{
    for (size_t i = 0; key != NULL && i < sizeof maps / sizeof *maps; i++)
        if (strcmp(key, maps[i]) == 0)
            return true;
    return false;
}

/* Spells *KEY as it is in KNOWN, if that has it in another case. Returns whether it was changed. */
static bool spell(char **key, const char *const *known)
{
    for (size_t i = 0; known[i] != NULL; i++) {
        if (strcasecmp(*key, known[i]) != 0 || strcmp(*key, known[i]) == 0)
            continue;
        free(*key);
        *key = xstrdup(known[i]);
        return true;
    }
    return false;
}

/* KEY is VALUE's own, or NULL. The depth is that of the document. */
static void spell_keys(struct json *value, const char *key, /* NOLINT(misc-no-recursion) */
                       const char *const *known)
{
    bool changed = false;

    for (size_t i = 0; value->type == JSON_OBJECT && !is_map(key) && i < value->count; i++)
        changed = spell(&value->keys[i], known) || changed;
    if (changed)
        json_repair_members(value);
    for (size_t i = 0; i < value->count; i++)
        spell_keys(value->items[i], value->type == JSON_OBJECT ? value->keys[i] : NULL, known);
}

struct error *document_parse(enum document_kind kind, const char *name, const char *bytes,
                             size_t length, struct json **ret)
{
    TRY(json_parse_lenient(name, bytes, length, ret));
    spell_keys(*ret, NULL, known_keys[kind]);
    return NULL;
}
