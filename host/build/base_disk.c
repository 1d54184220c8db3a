#include "host/build/base_disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/machine/scratch_disk.h"

#define MIB (UINT64_C(1) << 20)

/* Room for file data rounded up to blocks, directories and metadata, and an inode for the smallest
 * tar entry. The file is sparse: unused room costs nothing. */
#define DISK_SIZE_SPARE (64 * MIB)
#define TAR_RECORD_SIZE 512
#define INODE_SIZE 256
#define INODES_SPARE 1024

/* What a disk begins with, in the bytes that ext4 leaves alone. */
struct label {
    unsigned char mark[STORE_DISK_MARK];
    uint64_t content; /* bytes of its layers' tars */
    uint64_t layers;  /* that are not empty */
};

/* The key of the disk of the lowest COUNT layers of IMAGE. */
static void make_key(const struct image *image, size_t count, char *ret)
{
    struct digest chain, key;

    image_chain_id(image, count, &chain);
    char *text = xasprintf("base disk %s %s", GUEST_BASE_FORMAT, chain.hex);

    digest_of(text, strlen(text), &key);
    free(text);
    memcpy(ret, key.hex, sizeof key.hex);
}

/* The inodes of a disk for CONTENT bytes of tars. */
static uint64_t inodes_for(uint64_t content)
{
    return content / TAR_RECORD_SIZE + INODES_SPARE;
}

static uint64_t room_for(uint64_t content)
{
    return content + content / TAR_RECORD_SIZE * 4096 + inodes_for(content) * INODE_SIZE +
           DISK_SIZE_SPARE;
}

/* The size of a disk for CONTENT bytes of tars: one of a few, so that those of the next layers find
 * room on a disk of the same size. */
static uint64_t size_for(uint64_t content)
{
    uint64_t size = 2 * DISK_SIZE_SPARE;

    while (size < room_for(content) && size < UINT64_MAX / 2)
        size *= 2;
    return size;
}

/* Finds the tars of the layers of IMAGE from FIRST on. Adds their bytes and number to LABEL. */
static struct error *find_tars(struct store *store, struct image *image, size_t first,
                               struct label *label)
{
    for (size_t i = first; i < image->layer_count; i++) {
        TRY(layer_tar_use(&image->layers[i], store));
        label->content += image->layers[i].size;
        label->layers += image->layers[i].size > 0;
    }
    return NULL;
}

/* Makes a disk that has room for all layers of IMAGE. */
static struct error *make_empty(struct store *store, struct image *image, struct base_disk *disk)
{
    struct label label = {0};
    const char *folder;
    CLEANUP(temporary_removep) char *path = NULL;

    TRY(find_tars(store, image, 0, &label));
    uint64_t size = size_for(label.content);

    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "base", &path, NULL));
    /* As many inodes as the largest content that fits needs. */
    TRY(scratch_disk_make_for_base(path, size, inodes_for((size - DISK_SIZE_SPARE) * 2 / 19)));
    disk->content = label.content;
    disk->layers = label.layers;
    disk->path = STEAL(path);
    return NULL;
}

static bool read_label(struct store_disk *disk, struct label *ret)
{
    return store_disk_size(disk) >= sizeof *ret && store_disk_read(disk, 0, sizeof *ret, ret);
}

/* Reads what the label of DISK tells. A disk without a mark has zeros in its place. */
static void read_own_label(struct base_disk *disk)
{
    struct label label;
    bool any = false;

    if (!read_label(disk->stored, &label))
        return;
    disk->content = label.content;
    disk->layers = disk->below = label.layers;
    for (size_t i = 0; i < sizeof label.mark; i++)
        any = any || label.mark[i] != 0;
    for (size_t i = 0; any && i < sizeof label.mark; i++)
        snprintf(disk->mark + 2 * i, 3, "%02x", label.mark[i]);
}

/* Finds the disk of the lowest COUNT layers. *RET is NULL if there is none, or none that is whole.
 */
static struct error *find_disk(struct store *store, const struct image *image, size_t count,
                               struct store_disk **ret)
{
    char key[DIGEST_HEX_LENGTH + 1];

    make_key(image, count, key);
    return store_disk_open(store, key, ret);
}

/* Makes DISK of BELOW, that of the lowest COUNT layers of IMAGE, which it takes over if it has room
 * for the others. */
static struct error *extend(struct store *store, struct image *image, size_t count,
                            struct store_disk **below, struct base_disk *disk)
{
    struct label label = {0};

    if (!read_label(*below, &label) || label.layers == 0)
        return NULL;
    disk->below = label.layers;
    TRY(find_tars(store, image, count, &label));
    if (size_for(label.content) != store_disk_size(*below))
        return NULL;
    TRY(store_disk_extend(*below));
    disk->content = label.content;
    disk->layers = label.layers;
    disk->first = count;
    disk->stored = STEAL(*below);
    return NULL;
}

/* Makes DISK of that of as many of IMAGE's layers as possible. It has no `stored` if there is none.
 */
static struct error *derive(struct store *store, struct image *image, struct base_disk *disk)
{
    for (size_t count = image->layer_count; disk->stored == NULL && count-- > 1;) {
        CLEANUP(store_disk_freep) struct store_disk *below = NULL;

        TRY(find_disk(store, image, count, &below));
        if (below == NULL)
            continue;
        TRY(extend(store, image, count, &below, disk));
        break;
    }
    return NULL;
}

/* Makes DISK, a new one, under its lock. */
static struct error *make_new(struct store *store, struct image *image, struct base_disk *disk)
{
    disk->is_new = true;
    TRY(derive(store, image, disk));
    if (disk->stored != NULL)
        return NULL;
    disk->below = 0;
    return make_empty(store, image, disk);
}

/* Finds DISK, or locks its place in the store. */
static struct error *find_or_lock(struct store *store, struct image *image, struct base_disk *disk)
{
    TRY(find_disk(store, image, image->layer_count, &disk->stored));
    if (disk->stored != NULL)
        return NULL;
    TRY(store_lock(store, STORE_DISK, disk->key, &disk->lock));
    TRY(find_disk(store, image, image->layer_count, &disk->stored));
    if (disk->stored != NULL)
        close(steal_fd(&disk->lock));
    else
        store_drop(store, STORE_DISK, disk->key); /* one that lies over another that is gone */
    return NULL;
}

struct error *base_disk_open(struct store *store, struct image *image, struct base_disk *ret)
{
    struct base_disk disk = {.lock = -1, .count = image->layer_count};

    make_key(image, image->layer_count, disk.key);
    struct error *err = find_or_lock(store, image, &disk);

    if (err == NULL && disk.stored == NULL)
        err = make_new(store, image, &disk);
    else if (err == NULL)
        read_own_label(&disk);
    if (err != NULL)
        base_disk_release(&disk);
    else
        *ret = disk;
    return err;
}

struct error *base_disk_lacks(struct store *store, const struct image *image, size_t count,
                              bool *ret)
{
    *ret = true;
    for (size_t i = image->layer_count; *ret && i >= count && i > 0; i--) {
        CLEANUP(store_disk_freep) struct store_disk *disk = NULL;

        TRY(find_disk(store, image, i, &disk));
        *ret = disk == NULL;
    }
    return NULL;
}

struct error *base_disk_hold(struct base_disk *disk)
{
    if (disk->is_new || disk->layers == 0)
        return NULL;
    TRY(store_disk_extend(disk->stored));
    disk->is_held = true;
    disk->first = disk->count;
    return NULL;
}

void base_disk_freeze(struct base_disk *disk)
{
    if (disk->stored != NULL)
        store_disk_freeze(disk->stored);
}

/* Whether the layers of IMAGE begin with those of DISK. */
static bool is_below(const struct base_disk *disk, const struct image *image)
{
    char key[DIGEST_HEX_LENGTH + 1];

    if (disk->count > image->layer_count)
        return false;
    make_key(image, disk->count, key);
    return strcmp(key, disk->key) == 0;
}

struct error *base_disk_go_on(struct store *store, struct image *image, uint64_t most,
                              struct base_disk *disk, bool *ret_fits)
{
    struct label label = {.content = disk->content, .layers = disk->layers};

    *ret_fits = false;
    if (disk->stored == NULL || !is_below(disk, image))
        return NULL;
    for (size_t i = disk->count; i < image->layer_count; i++)
        label.content += image->layers[i].size; /* if that is known already */
    if (label.content - disk->content > most)
        return NULL;
    label.content = disk->content;
    TRY(find_tars(store, image, disk->count, &label));
    if (label.content - disk->content > most ||
        size_for(label.content) != store_disk_size(disk->stored))
        return NULL;
    *ret_fits = true;
    disk->is_new = image->layer_count > disk->count;
    if (!disk->is_new)
        return NULL;
    TRY(store_disk_extend(disk->stored));
    disk->first = disk->count;
    disk->count = image->layer_count;
    disk->content = label.content;
    disk->layers = disk->below = label.layers;
    make_key(image, image->layer_count, disk->key);
    return NULL;
}

const char *base_disk_mark(const struct base_disk *disk)
{
    return disk->mark[0] == '\0' ? NULL : disk->mark;
}

static struct error *make_label(const struct base_disk *disk, struct label *ret)
{
    *ret = (struct label){.content = disk->content, .layers = disk->layers};
    return getentropy(ret->mark, sizeof ret->mark) < 0
               ? error_errno(EXIT_OTHER, "mark base disk '%s'", disk->key)
               : NULL;
}

/* Copies DISK, a file, to the store. */
static struct error *publish_copy(struct store *store, const struct base_disk *disk,
                                  const struct label *label)
{
    CLEANUP(temporary_removep) char *copy = NULL;
    CLEANUP(closep) int to = -1;

    TRY(store_temporary(store, &copy, &to));
    TRY(file_system_explain(error_context(file_copy_sparse(disk->path, to, copy),
                                          "copy the base disk to the cache '%s'",
                                          store_folder(store)),
                            store_folder(store)));
    if (pwrite(to, label, sizeof *label, 0) != (ssize_t)sizeof *label)
        return error_errno(EXIT_OTHER, "mark base disk '%s'", copy);
    return store_publish(store, STORE_DISK, disk->key, copy, NULL);
}

/* Publishes what was written to DISK, which lies over another, unless the store has such a disk:
 * others may lie over that. */
static struct error *publish_changes(struct store *store, const struct base_disk *disk,
                                     const struct label *label)
{
    CLEANUP(store_disk_freep) struct store_disk *present = NULL;

    TRY(store_disk_open(store, disk->key, &present));
    if (present != NULL) {
        store_disk_freeze(disk->stored);
        return NULL;
    }
    int cause = store_disk_write(disk->stored, 0, sizeof *label, label);

    errno = cause;
    if (cause != 0)
        return error_errno(EXIT_OTHER, "mark base disk '%s'", disk->key);
    return file_system_explain(store_disk_publish(disk->stored, disk->key), store_folder(store));
}

struct error *base_disk_publish(struct store *store, struct base_disk *disk)
{
    struct label label;

    TRY(make_label(disk, &label));
    TRY((disk->stored != NULL ? publish_changes : publish_copy)(store, disk, &label));
    if (disk->lock >= 0)
        close(steal_fd(&disk->lock));
    return NULL;
}

bool base_disk_is_damaged(const struct base_disk *disk)
{
    return disk->stored != NULL && store_disk_is_damaged(disk->stored);
}

void base_disk_discard(struct base_disk *disk)
{
    if (disk->stored != NULL)
        store_disk_drop(disk->stored);
}

const char *base_disk_path(const struct base_disk *disk)
{
    return disk->stored != NULL ? store_disk_path(disk->stored) : disk->path;
}

void base_disk_release(struct base_disk *disk)
{
    if (disk->lock >= 0)
        close(steal_fd(&disk->lock));
    store_disk_free(disk->stored);
    disk->stored = NULL;
    temporary_remove(disk->path);
    free(disk->path);
    disk->path = NULL;
    disk->is_new = disk->is_held = false;
}
