#include "host/build/image_part.h"

#include <string.h>

#include "host/image/layer_tar.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/tree/export.h"

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

/* The keys of the part as a directory, and as a file; the caller's. */
static void make_keys(const struct image *image, const char *path, const char *name, char *ret[2])
{
    CLEANUP(buffer_free) struct buffer text = {0};
    struct digest chain, key;

    image_chain_id(image, image->layer_count, &chain);
    buffer_printf(&text, "%s\n%zu %s\n%s", chain.hex, strlen(path), path, name);
    digest_of(text.data, text.length, &key);
    ret[true] = xasprintf("directory/%s", key.hex);
    ret[false] = xasprintf("file/%s", key.hex);
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

static struct error *make(struct image *image, const char *path, const char *name,
                          struct store *store, char *const keys[2], char **ret_tar,
                          bool *ret_is_folder)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    for (size_t i = 0; i < image->layer_count; i++)
        TRY(layer_tar_use(&image->layers[i], store));
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
