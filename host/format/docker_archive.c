#include "host/format/docker_archive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "host/format/claimed_layer.h"
#include "host/format/image_name.h"
#include "host/image/document.h"
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
#define RATED_MAX 1000 /* images whose configs are read to choose one of them */

bool docker_archive_is(const struct image_files *files)
{
    return files->has(files->context, MANIFEST);
}

static struct error *bad(const struct image_files *files, const char *cause)
{
    return error_new(EXIT_INPUT, "read '" MANIFEST "' of '%s': %s", files->path, cause);
}

/* Names in manifest.json are plain relative paths of printable characters, perhaps with "." parts.
 * They are only ever compared with the archive's names, but one that is anything else was made to
 * do harm. */
static bool is_plain_path(const char *path)
{
    bool names_file = false;

    if (!printable_is_ascii(path))
        return false;
    while (true) {
        size_t length = strcspn(path, "/");
        bool is_dot = length == 1 && *path == '.';

        if (length == 0 || (length == 2 && strncmp(path, "..", length) == 0))
            return false;
        names_file = names_file || !is_dot;
        path += length;
        if (*path == '\0')
            return names_file;
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

/* The name under which an image of the archive was found. */
struct found_name {
    char *name, *tag; /* or NULL */
};

static void found_name_free(struct found_name *found)
{
    free(found->name);
    free(found->tag);
    *found = (struct found_name){0};
}

/* Returns whether ENTRY of manifest.json is the image that CHOICE asks for, and under which of its
 * names, the first if any will do. Adds the names of ENTRY to NAMES. */
static bool matches(const struct json *entry, const struct image_choice *choice,
                    struct strings *names, struct found_name *ret)
{
    const struct json *tags = json_get(entry, "RepoTags");
    size_t count = tags != NULL && tags->type == JSON_ARRAY ? tags->count : 0;

    for (size_t i = 0; i < count; i++) {
        CLEANUP(found_name_free) struct found_name found = {0};

        if (tags->items[i]->type != JSON_STRING)
            continue;
        strings_add(names, tags->items[i]->text);
        image_name_split(tags->items[i]->text, &found.name, &found.tag);
        if (image_name_matches(found.name, found.tag, choice)) {
            *ret = found;
            found = (struct found_name){0};
            return true;
        }
    }
    return count == 0 && image_name_matches(NULL, NULL, choice);
}

/* Reads the config of ENTRY. */
static struct error *read_config_bytes(const struct image_files *files, const struct json *entry,
                                       const char **ret_name, struct buffer *ret)
{
    struct digest stated;
    struct digest actual;

    TRY(read_path(files, "the config", json_get(entry, "Config"), ret_name));
    TRY(files->read(files->context, *ret_name, MANIFEST_CONFIG_SIZE_MAX, ret));
    digest_of(ret->data, ret->length, &actual);
    if (digest_of_name(*ret_name, &stated) && !digest_equal(&stated, &actual))
        return error_new(EXIT_INPUT, "read '%s': config '%s' is damaged: its digest is sha256:%s",
                         files->path, *ret_name, actual.hex);
    return NULL;
}

/* Rates ENTRY for WANTED by its config, and adds its platform to PLATFORMS. */
static struct error *rate(const struct image_files *files, const struct json *entry,
                          const struct platform *wanted, struct strings *platforms, int *ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0}, platform = {0};
    CLEANUP(freep) struct digest *diff_ids = NULL;
    const char *name = NULL;
    size_t count;

    TRY(read_config_bytes(files, entry, &name, &bytes));
    TRY(image_config_read(name, &bytes, image, &diff_ids, &count));
    *ret = image_config_rate(image->config, wanted);
    image_config_append_platform(image->config, &platform);
    if (!strings_contain(platforms, platform.data))
        strings_add(platforms, platform.data);
    return NULL;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The images of an archive that have the name that is asked for. */
struct candidates {
    const struct json **entries;
    struct found_name *names;
    size_t count;
    struct strings all; /* names in the archive */
};

static void candidates_free(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++)
        found_name_free(&candidates->names[i]);
    free(candidates->entries);
    free(candidates->names);
    strings_free(&candidates->all);
}

static struct error *find_candidates(const struct image_files *files, const struct json *manifest,
                                     const struct image_choice *choice, struct candidates *ret)
{
    if (manifest->type != JSON_ARRAY || manifest->count == 0)
        return bad(files, "it lists no images");
    if (choice->position > manifest->count)
        return error_new(EXIT_INPUT, "find image '@%zu' in '%s': it contains %zu image%s",
                         choice->position - 1, files->path, manifest->count,
                         manifest->count == 1 ? "" : "s");
    ret->entries = xcalloc(manifest->count, sizeof *ret->entries);
    ret->names = xcalloc(manifest->count, sizeof *ret->names);
    for (size_t i = 0; i < manifest->count; i++) {
        struct found_name found = {0};

        if (manifest->items[i]->type != JSON_OBJECT)
            return bad(files, "an image is not an object");
        if (choice->position > 0 && choice->position != i + 1)
            continue;
        if (!matches(manifest->items[i], choice, &ret->all, &found))
            continue;
        ret->entries[ret->count] = manifest->items[i];
        ret->names[ret->count++] = found;
    }
    if (ret->count == 0)
        return image_name_missing(files->path, choice, &ret->all);
    return NULL;
}

/* Chooses the candidate for the platform of CHOICE. If none is required, those that are called
 * differently from the first are other images, not the same for other platforms. *RET_FITS is
 * whether there is one for a platform that is required. */
static struct error *choose_platform(const struct image_files *files,
                                     const struct candidates *candidates,
                                     const struct image_choice *choice, struct strings *platforms,
                                     size_t *ret, bool *ret_fits)
{
    bool required = choice->architecture != NULL;
    unsigned int rated = 0;
    int best = PLATFORM_WRONG;
    struct platform wanted;

    *ret = 0;
    *ret_fits = true;
    TRY(platform_parse(choice->architecture, &wanted));
    if (!required && candidates->count == 1)
        return NULL;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct found_name *names = candidates->names;
        int rating = PLATFORM_WRONG;

        if (!required && (names[0].name == NULL || !is_same_text(names[i].name, names[0].name) ||
                          !is_same_text(names[i].tag, names[0].tag)))
            continue;
        if (++rated > RATED_MAX)
            return error_new(EXIT_INPUT, "read '%s': more than %d images to choose from",
                             files->path, RATED_MAX);
        TRY(rate(files, candidates->entries[i], &wanted, platforms, &rating));
        if (rating > best) {
            best = rating;
            *ret = i;
        }
    }
    *ret_fits = !required || best > PLATFORM_WRONG;
    return NULL;
}

static struct error *read_list(const struct image_files *files, struct json **ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(freep) char *label = xasprintf("%s:" MANIFEST, files->path);

    TRY(files->read(files->context, MANIFEST, ARCHIVE_MANIFEST_SIZE_MAX, &bytes));
    return document_parse(DOCUMENT_ARCHIVE, label, bytes.data, bytes.length, ret);
}

bool docker_archive_lacks_platform(const struct image_files *files,
                                   const struct image_choice *choice)
{
    CLEANUP(json_freep) struct json *manifest = NULL;
    CLEANUP(candidates_free) struct candidates candidates = {0};
    CLEANUP(strings_free) struct strings platforms = {0};
    bool fits = true;
    size_t chosen;
    struct error *err = read_list(files, &manifest);

    if (err == NULL)
        err = find_candidates(files, manifest, choice, &candidates);
    if (err == NULL)
        err = choose_platform(files, &candidates, choice, &platforms, &chosen, &fits);
    error_free(err);
    return err == NULL && !fits;
}

/* Chooses an image of MANIFEST. Its name is IMAGE's then. *RET is borrowed. */
static struct error *choose(const struct image_files *files, const struct json *manifest,
                            const struct image_choice *choice, struct image *image,
                            const struct json **ret)
{
    CLEANUP(candidates_free) struct candidates candidates = {0};
    CLEANUP(strings_free) struct strings platforms = {0};
    bool fits = true;
    size_t chosen;

    TRY(find_candidates(files, manifest, choice, &candidates));
    TRY(choose_platform(files, &candidates, choice, &platforms, &chosen, &fits));
    if (!fits)
        return image_name_wrong_platform(files->path, choice, &platforms);
    assert(candidates.count > chosen);
    *ret = candidates.entries[chosen];
    image->name = STEAL(candidates.names[chosen].name);
    image->tag = STEAL(candidates.names[chosen].tag);
    return NULL;
}

static struct error *read_config(const struct image_files *files, const struct json *entry,
                                 struct image *image, struct digest **ret_diff_ids,
                                 size_t *ret_count)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    const char *name = NULL;

    TRY(read_config_bytes(files, entry, &name, &bytes));
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
    CLEANUP(json_freep) struct json *manifest = NULL;
    CLEANUP(freep) struct digest *diff_ids = NULL;
    const struct json *entry = NULL;
    size_t count = 0;

    TRY(read_list(files, &manifest));
    TRY(choose(files, manifest, &request->choice, image, &entry));
    TRY(read_config(files, entry, image, &diff_ids, &count));
    TRY(read_layers(files, entry, diff_ids, count, request, image));
    *ret = STEAL(image);
    return NULL;
}
