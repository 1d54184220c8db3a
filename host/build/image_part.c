#include "host/build/image_part.h"

#include <string.h>

#include "host/image/layer_tar.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/path_pattern.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/lib/utf8.h"
#include "host/store/store_record.h"
#include "host/tree/export.h"
#include "host/tree/image_merge.h"
#include "host/tree/merged_match.h"

#define MATCH_RECORDS "image-paths"

/* Where a part goes. */
struct target {
    int fd;
    const char *path;
};

/* sink_write */
static struct error *write_bytes(void *context, const void *bytes, size_t length)
{
    const struct target *target = context;

    return file_write_sparse(bytes, length, target->fd, target->path);
}

/* Returns a key for NAME at PATH in the layers of IMAGE; the caller's. */
static char *make_key(const struct image *image, const char *path, const char *name)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    struct digest chain, key;

    image_chain_id(image, image->layer_count, &chain);
    buffer_printf(&text, "%s\n%zu %s\n%s", chain.hex, strlen(path), path, name);
    digest_of(text.data, text.length, &key);
    return xstrdup(key.hex);
}

/* The keys of the part as a directory, and as a file; the caller's. */
static void make_keys(const struct image *image, const char *path, const char *name, char *ret[2])
{
    CLEANUP(freep) char *key = make_key(image, path, name);

    ret[true] = xasprintf("directory/%s", key);
    ret[false] = xasprintf("file/%s", key);
}

static bool find(struct store *store, char *const keys[2], char **ret_tar, bool *ret_is_folder)
{
    for (int is_folder = true; is_folder >= false; is_folder--) {
        *ret_tar = store_find(store, STORE_DERIVED, keys[is_folder]);
        *ret_is_folder = is_folder;
        if (*ret_tar != NULL)
            return true;
    }
    return false;
}

static struct error *use_layers(struct image *image, struct store *store)
{
    for (size_t i = 0; i < image->layer_count; i++)
        TRY(layer_tar_use(&image->layers[i], store));
    return NULL;
}

static struct error *make(struct image *image, const char *path, const char *name,
                          struct store *store, char *const keys[2], char **ret_tar,
                          bool *ret_is_folder)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(use_layers(image, store));
    TRY(store_temporary(store, &temporary, &fd));
    struct target target = {fd, temporary};

    TRY(export_write_part(image, path, name,
                          (struct sink){.write = write_bytes, .context = &target}, ret_is_folder));
    return store_publish(store, STORE_DERIVED, keys[*ret_is_folder], temporary, ret_tar);
}

struct error *image_part_find(struct image *image, const char *path, const char *name,
                              struct store *store, char **ret_tar, bool *ret_is_folder)
{
    CLEANUP(closep) int lock = -1;
    char *keys[2];
    struct error *err = NULL;

    make_keys(image, path, name, keys);
    if (!find(store, keys, ret_tar, ret_is_folder)) {
        err = store_lock(store, STORE_DERIVED, keys[true], &lock);
        if (err == NULL && !find(store, keys, ret_tar, ret_is_folder))
            err = make(image, path, name, store, keys, ret_tar, ret_is_folder);
    }
    free(keys[true]);
    free(keys[false]);
    return err;
}

/* Sets *RET, the caller's, to the list of the paths in IMAGE that PATTERN matches. */
static struct error *match(struct image *image, const struct path_pattern *pattern,
                           struct store *store, struct json **ret)
{
    CLEANUP(merged_tree_freep) struct merged_tree *tree = NULL;
    CLEANUP(strings_free) struct strings paths = {0};

    TRY(use_layers(image, store));
    TRY(image_merge(image, &tree));
    TRY(merged_match(tree, pattern, &paths));
    *ret = json_array();
    for (size_t i = 0; i < paths.count; i++)
        json_append(*ret, json_string(paths.items[i]));
    return NULL;
}

/* Whether a record can hold LIST: names are bytes, JSON is text. */
static bool is_text(const struct json *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!utf8_is_valid(list->items[i]->text, strlen(list->items[i]->text)))
            return false;
    return true;
}

/* The same as image_part_match for a path with names that are patterns, but nothing is no error. */
static struct error *match_pattern(struct image *image, const char *path,
                                   const struct path_pattern *pattern, struct store *store,
                                   struct strings *ret)
{
    CLEANUP(json_freep) struct json *list = NULL;
    CLEANUP(freep) char *key = make_key(image, path, "*");

    list = store_record_get(store, MATCH_RECORDS, key);
    if (list == NULL) {
        TRY(match(image, pattern, store, &list));
        if (is_text(list))
            store_record_put(store, MATCH_RECORDS, key, list);
    }
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->type == JSON_STRING)
            strings_add(ret, list->items[i]->text);
    return NULL;
}

struct error *image_part_match(struct image *image, const char *path, bool is_optional,
                               struct store *store, struct strings *ret)
{
    CLEANUP(path_pattern_free) struct path_pattern pattern = {0};
    CLEANUP(error_freep) struct error *mistake = path_pattern_parse(path, &pattern);

    if (mistake == NULL && pattern.count > 0)
        TRY(match_pattern(image, path, &pattern, store, ret));
    if (ret->count == 0 && (!is_optional || pattern.count == 0))
        strings_add(ret, path);
    return NULL;
}
