#include "host/format/docker_archive.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/claimed_layer.h"
#include "host/format/image_name.h"
#include "host/image/image_config.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define MANIFEST "manifest.json"
#define BLOBS "blobs/sha256/" /* Docker 25 and later keep an OCI layout in the archive */
#define ARCHIVE_MANIFEST_SIZE_MAX JSON_SIZE_MAX

bool docker_archive_is(const struct image_files *files)
{
    return files->has(files->context, MANIFEST);
}

static struct error *bad(const struct image_files *files, const char *cause)
{
    return error_new(EXIT_INPUT, "read '" MANIFEST "' of '%s': %s", files->path, cause);
}

/* Names in manifest.json are plain relative paths of printable characters. They are only ever
 * compared with the archive's names, but one that is anything else was made to do harm. */
static bool is_plain_path(const char *path)
{
    if (!printable_is_ascii(path))
        return false;
    while (true) {
        size_t length = strcspn(path, "/");

        if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
            return false;
        path += length;
        if (*path == '\0')
            return true;
        path++;
    }
}

/* Reads VALUE as the name of a file in the archive. WHAT the file is, for errors. *RET is
 * borrowed. */
static struct error *read_path(const struct image_files *files, const char *what,
                               const struct json *value, const char **ret)
{
    if (value == NULL || value->type != JSON_STRING)
        return error_new(EXIT_INPUT,
                         "read '" MANIFEST "' of '%s': the name of %s is missing or not a string",
                         files->path, what);
    if (!is_plain_path(value->text)) {
        CLEANUP(freep)
        char *shown =
            printable_copy(value->text, strlen(value->text), PRINTABLE_ASCII, PRINTABLE_MARK);

        return error_new(EXIT_INPUT,
                         "read '" MANIFEST "' of '%s': '%.100s', the name of %s, is not a plain "
                         "relative path",
                         files->path, shown, what);
    }
    *ret = value->text;
    return NULL;
}

/* Returns whether ENTRY of manifest.json is the image that CHOICE asks for, and then sets IMAGE's
 * name and tag, if it has any. Adds the names of ENTRY to NAMES. */
static bool matches(const struct json *entry, const struct image_choice *choice,
                    struct strings *names, struct image *image)
{
    const struct json *tags = json_get(entry, "RepoTags");
    size_t count = tags != NULL && tags->type == JSON_ARRAY ? tags->count : 0;

    for (size_t i = 0; i < count; i++) {
        CLEANUP(freep) char *name = NULL;
        CLEANUP(freep) char *tag = NULL;

        if (tags->items[i]->type != JSON_STRING)
            continue;
        strings_add(names, tags->items[i]->text);
        image_name_split(tags->items[i]->text, &name, &tag);
        if (image_name_matches(name, tag, choice)) {
            image->name = STEAL(name);
            image->tag = STEAL(tag);
            return true;
        }
    }
    return count == 0 && image_name_matches(NULL, NULL, choice);
}

static struct error *choose(const struct image_files *files, const struct json *manifest,
                            const struct image_choice *choice, struct image *image,
                            const struct json **ret)
{
    CLEANUP(strings_free) struct strings names = {0};

    if (manifest->type != JSON_ARRAY || manifest->count == 0)
        return bad(files, "it lists no images");
    for (size_t i = 0; i < manifest->count; i++) {
        if (manifest->items[i]->type != JSON_OBJECT)
            return bad(files, "an image is not an object");
        if (matches(manifest->items[i], choice, &names, image)) {
            *ret = manifest->items[i];
            return NULL;
        }
    }
    return image_name_missing(files->path, choice, &names);
}

/* Reads the digest from a file's NAME: HEX, HEX.json or blobs/sha256/HEX. Returns false if it has
 * none. */
static bool digest_of_name(const char *name, struct digest *ret)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    size_t length = strcspn(last, ".");

    if (length != DIGEST_HEX_LENGTH || (slash != NULL && strncmp(name, BLOBS, strlen(BLOBS)) != 0))
        return false;
    memcpy(ret->hex, last, length);
    ret->hex[length] = '\0';
    return digest_is_hex(ret->hex);
}

static struct error *read_config(const struct image_files *files, const struct json *entry,
                                 struct image *image, struct digest **ret_diff_ids,
                                 size_t *ret_count)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct digest stated;
    struct digest actual;
    const char *name = NULL;

    TRY(read_path(files, "the config", json_get(entry, "Config"), &name));
    TRY(files->read(files->context, name, MANIFEST_CONFIG_SIZE_MAX, &bytes));
    digest_of(bytes.data, bytes.length, &actual);
    if (digest_of_name(name, &stated) && !digest_equal(&stated, &actual))
        return error_new(EXIT_INPUT, "read '%s': config '%s' is damaged: its digest is sha256:%s",
                         files->path, name, actual.hex);
    CLEANUP(freep) char *label = xasprintf("%s:%s", files->path, name);

    return image_config_read(label, &bytes, image, ret_diff_ids, ret_count);
}

/* Refuses a layer whose bytes are not in the archive because they must not be distributed: Docker
 * lists those in LayerSources, by diff ID. */
static struct error *check_source(const struct image_files *files, const struct json *entry,
                                  const struct digest *diff_id)
{
    CLEANUP(freep) char *key = xasprintf(DIGEST_PREFIX "%s", diff_id->hex);
    const struct json *source = json_get(json_get(entry, "LayerSources"), key);
    const char *type = json_get_string(source, "mediaType");

    if (type != NULL &&
        (strstr(type, "foreign") != NULL || strstr(type, "nondistributable") != NULL))
        return error_new(EXIT_INPUT,
                         "read '%s': layer %s is foreign: the archive does not contain "
                         "its bytes",
                         files->path, key);
    if (type != NULL && strstr(type, "+encrypted") != NULL)
        return error_new(EXIT_INPUT, "read '%s': layer %s is encrypted", files->path, key);
    return NULL;
}

static struct error *read_layers(const struct image_files *files, const struct json *entry,
                                 const struct digest *diff_ids, size_t count,
                                 const struct image_request *request, struct image *image)
{
    const struct json *layers = json_get(entry, "Layers");
    size_t listed = layers != NULL && layers->type == JSON_ARRAY ? layers->count : 0;

    if (listed != count)
        return error_new(EXIT_INPUT,
                         "read '" MANIFEST
                         "' of '%s': it lists %zu layers, but the config lists %zu",
                         files->path, listed, count);
    for (size_t i = 0; i < count; i++) {
        struct claimed_layer claim = {.diff_id = &diff_ids[i]};

        TRY(check_source(files, entry, &diff_ids[i]));
        TRY(read_path(files, "a layer", layers->items[i], &claim.file));
        claim.keeps_blob = strncmp(claim.file, BLOBS, strlen(BLOBS)) == 0;
        TRY(claimed_layer_get(&claim, files, request, image));
    }
    return NULL;
}

struct error *docker_archive_read(const struct image_files *files,
                                  const struct image_request *request, struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *manifest = NULL;
    CLEANUP(freep) struct digest *diff_ids = NULL;
    CLEANUP(freep) char *label = xasprintf("%s:" MANIFEST, files->path);
    const struct json *entry = NULL;
    size_t count = 0;

    TRY(files->read(files->context, MANIFEST, ARCHIVE_MANIFEST_SIZE_MAX, &bytes));
    TRY(json_parse(label, bytes.data, bytes.length, &manifest));
    TRY(choose(files, manifest, &request->choice, image, &entry));
    TRY(read_config(files, entry, image, &diff_ids, &count));
    TRY(read_layers(files, entry, diff_ids, count, request, image));
    *ret = STEAL(image);
    return NULL;
}
