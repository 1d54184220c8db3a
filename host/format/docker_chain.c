#include "host/format/docker_chain.h"

#include <stdlib.h>
#include <string.h>

#include "host/format/claimed_layer.h"
#include "host/format/image_name.h"
#include "host/image/architecture.h"
#include "host/image/document.h"
#include "host/image/image_config.h"
#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define REPOSITORIES "repositories"

/* The layers' json documents, top layer first. */
struct chain {
    char *ids[IMAGE_LAYERS_MAX];
    struct json *documents[IMAGE_LAYERS_MAX];
    size_t count;
    size_t size; /* bytes of the documents */
};

static void chain_free(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        free(chain->ids[i]);
        json_free(chain->documents[i]);
    }
}

bool docker_chain_is(const struct image_files *files)
{
    return files->has(files->context, REPOSITORIES);
}

/* Finds the ID of the top layer of the image that CHOICE asks for. *RET is borrowed. */
static struct error *choose(const struct image_files *files, const struct json *repositories,
                            const struct image_choice *choice, struct image *image,
                            const char **ret)
{
    CLEANUP(strings_free) struct strings names = {0};
    size_t position = 0;

    for (size_t i = 0; repositories->type == JSON_OBJECT && i < repositories->count; i++) {
        const struct json *tags = repositories->items[i];

        for (size_t j = 0; tags->type == JSON_OBJECT && j < tags->count; j++) {
            strings_take(&names, xasprintf("%s:%s", repositories->keys[i], tags->keys[j]));
            position++;
            if (tags->items[j]->type != JSON_STRING ||
                (choice->position != 0 && choice->position != position) ||
                !image_name_matches(repositories->keys[i], tags->keys[j], choice))
                continue;
            image->name = xstrdup(repositories->keys[i]);
            image->tag = xstrdup(tags->keys[j]);
            *ret = tags->items[j]->text;
            return NULL;
        }
    }
    if (names.count == 0)
        return error_new(EXIT_INPUT, "read '" REPOSITORIES "' of '%s': it lists no images",
                         files->path);
    return image_name_missing(files->path, choice, &names);
}

/* Reads the document of the layer ID. All of CHAIN become one config and are limited together. */
static struct error *read_document(const struct image_files *files, const char *id,
                                   struct chain *chain, struct json **ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    if (!digest_is_hex(id))
        return error_new(EXIT_INPUT, "read '%s': '%.100s' is not a layer ID of 64 hex digits",
                         files->path, id);
    CLEANUP(freep) char *name = xasprintf("%s/json", id);
    CLEANUP(freep) char *label = xasprintf("%s:%s", files->path, name);

    TRY(files->read(files->context, name, MANIFEST_CONFIG_SIZE_MAX, &bytes));
    chain->size += bytes.length;
    if (chain->size > MANIFEST_CONFIG_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s': the layers' documents are larger than %u bytes",
                         files->path, MANIFEST_CONFIG_SIZE_MAX);
    TRY(document_parse(DOCUMENT_CONFIG, label, bytes.data, bytes.length, ret));
    if ((*ret)->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "read '%s': not a JSON object", label);
    return NULL;
}

/* Follows the chain of parents from the layer TOP. A cycle ends at the limit. */
static struct error *read_chain(const struct image_files *files, const char *top,
                                struct chain *chain)
{
    for (const char *id = top; id != NULL && *id != '\0';) {
        if (chain->count == IMAGE_LAYERS_MAX)
            return error_new(EXIT_INPUT,
                             "read '%s': the chain of parents of %.64s has more than "
                             "%d layers",
                             files->path, top, IMAGE_LAYERS_MAX);
        struct json *document = NULL;
        struct error *err = read_document(files, id, chain, &document);

        if (err != NULL) {
            json_free(document);
            return err;
        }
        chain->ids[chain->count] = xstrdup(id);
        chain->documents[chain->count++] = document;
        id = json_get_string(document, "parent");
    }
    return NULL;
}

/* Copies the member KEY of FROM, if there is one, as NEW_KEY. */
static void copy_member(struct json *to, const char *new_key, const struct json *from,
                        const char *key)
{
    const struct json *value = json_get(from, key);

    if (value != NULL && value->type != JSON_NULL)
        json_set(to, new_key, json_copy(value));
}

/* Copies the member KEY of FROM; OTHERWISE if it is missing or empty. */
static void copy_text(struct json *to, const struct json *from, const char *key,
                      const char *otherwise)
{
    const char *text = json_get_string(from, key);

    json_set(to, key, json_string(text != NULL && *text != '\0' ? text : otherwise));
}

/* Adds what the layer was created by: its container's command, joined by spaces as Docker does when
 * it converts such an image. */
static void add_created_by(struct json *history, const struct json *document)
{
    const struct json *command = json_get(json_get(document, "container_config"), "Cmd");
    CLEANUP(buffer_free) struct buffer text = {0};

    for (size_t i = 0; command != NULL && command->type == JSON_ARRAY && i < command->count; i++)
        if (command->items[i]->type == JSON_STRING)
            buffer_printf(&text, "%s%s", i > 0 ? " " : "", command->items[i]->text);
    if (text.length > 0)
        json_set(history, "created_by", json_string(text.data));
}

static struct json *make_history(const struct json *document)
{
    struct json *history = json_object();

    copy_member(history, "created", document, "created");
    copy_member(history, "author", document, "author");
    add_created_by(history, document);
    copy_member(history, "comment", document, "comment");
    return history;
}

/* Returns the config of an image whose layers are complete; the caller's. */
static struct json *make_config(const struct chain *chain, const struct image *image)
{
    const struct json *top = chain->documents[0];
    struct json *config = json_object();
    struct json *rootfs = json_object();
    struct json *diff_ids = json_array();
    struct json *history = json_array();

    copy_member(config, "created", top, "created");
    copy_member(config, "author", top, "author");
    copy_text(config, top, "architecture", architecture_of_host());
    copy_text(config, top, "os", "linux");
    copy_member(config, "config", top, "config");
    for (size_t i = 0; i < image->layer_count; i++) {
        CLEANUP(freep) char *text = xasprintf(DIGEST_PREFIX "%s", image->layers[i].diff_id.hex);

        json_append(diff_ids, json_string(text));
        json_append(history, make_history(chain->documents[chain->count - 1 - i]));
    }
    json_set(rootfs, "type", json_string("layers"));
    json_set(rootfs, "diff_ids", diff_ids);
    json_set(config, "rootfs", rootfs);
    json_set(config, "history", history);
    return config;
}

struct error *docker_chain_read(const struct image_files *files,
                                const struct image_request *request, struct image **ret)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    CLEANUP(json_freep) struct json *repositories = NULL;
    CLEANUP(chain_free) struct chain chain = {.count = 0};
    CLEANUP(freep) char *label = xasprintf("%s:" REPOSITORIES, files->path);
    const char *top = NULL;

    TRY(files->read(files->context, REPOSITORIES, JSON_SIZE_MAX, &bytes));
    TRY(json_parse_lenient(label, bytes.data, bytes.length, &repositories));
    TRY(choose(files, repositories, &request->choice, image, &top));
    TRY(read_chain(files, top, &chain));
    image->config = make_config(&chain, image);
    TRY(image_config_check_platform(files->path, image, request->choice.architecture));
    for (size_t i = chain.count; i > 0; i--) {
        CLEANUP(freep) char *file = xasprintf("%s/layer.tar", chain.ids[i - 1]);
        struct claimed_layer claim = {.file = file};

        TRY(claimed_layer_get(&claim, files, request, image));
    }
    json_free(image->config);
    image->config = make_config(&chain, image);
    *ret = STEAL(image);
    return NULL;
}
