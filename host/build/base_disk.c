#include "host/build/base_disk.h"

#include <fcntl.h>
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

static void make_key(const struct image *image, char *ret)
{
    struct digest chain, key;

    image_chain_id(image, image->layer_count, &chain);
    char *text = xasprintf("base disk %s %s", GUEST_BASE_FORMAT, chain.hex);

    digest_of(text, strlen(text), &key);
    free(text);
    memcpy(ret, key.hex, sizeof key.hex);
}

/* Makes a disk that has room for what the layers' tars hold. */
static struct error *make_empty(struct store *store, struct image *image, char **ret)
{
    uint64_t content = 0;
    const char *folder;
    CLEANUP(temporary_removep) char *path = NULL;

    for (size_t i = 0; i < image->layer_count; i++) {
        TRY(layer_tar_use(&image->layers[i], store));
        content += image->layers[i].size;
    }
    uint64_t inodes = content / TAR_RECORD_SIZE + 1024;
    uint64_t size = content + content / TAR_RECORD_SIZE * 4096 + inodes * 256 + DISK_SIZE_SPARE;

    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "base", &path, NULL));
    TRY(scratch_disk_make_for_base(path, (size + MIB - 1) / MIB * MIB, inodes));
    *ret = STEAL(path);
    return NULL;
}

/* A disk that is older than marks has zeros in its place. */
static void read_mark(struct base_disk *disk)
{
    CLEANUP(closep) int fd = open(disk->path, O_RDONLY | O_CLOEXEC);
    unsigned char bytes[BASE_DISK_MARK];
    bool any = false;

    if (fd < 0 || pread(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        any = any || bytes[i] != 0;
    for (size_t i = 0; any && i < sizeof bytes; i++)
        snprintf(disk->mark + 2 * i, 3, "%02x", bytes[i]);
}

static struct error *write_mark(int fd, const char *path)
{
    unsigned char bytes[BASE_DISK_MARK];

    if (getentropy(bytes, sizeof bytes) < 0 ||
        pwrite(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return error_errno(EXIT_OTHER, "mark base disk '%s'", path);
    return NULL;
}

struct error *base_disk_open(struct store *store, struct image *image, struct base_disk *ret)
{
    struct base_disk disk = {.lock = -1};

    make_key(image, disk.key);
    disk.path = store_find_unchecked(store, STORE_DISK, disk.key);
    if (disk.path == NULL) {
        TRY(store_lock(store, STORE_DISK, disk.key, &disk.lock));
        disk.path = store_find_unchecked(store, STORE_DISK, disk.key);
        disk.is_new = disk.path == NULL;
    }
    if (!disk.is_new && disk.lock >= 0)
        close(steal_fd(&disk.lock));
    if (disk.is_new) {
        struct error *err = make_empty(store, image, &disk.path);

        if (err != NULL) {
            close(disk.lock);
            return err;
        }
    } else {
        read_mark(&disk);
    }
    *ret = disk;
    return NULL;
}

const char *base_disk_mark(const struct base_disk *disk)
{
    return disk->mark[0] == '\0' ? NULL : disk->mark;
}

struct error *base_disk_publish(struct store *store, struct base_disk *disk)
{
    CLEANUP(temporary_removep) char *copy = NULL;
    CLEANUP(closep) int to = -1;

    TRY(store_temporary(store, &copy, &to));
    TRY(file_system_explain(error_context(file_copy_sparse(disk->path, to, copy),
                                          "copy the base disk to the cache '%s'",
                                          store_folder(store)),
                            store_folder(store)));
    TRY(write_mark(to, copy));
    TRY(store_publish(store, STORE_DISK, disk->key, copy, NULL));
    close(steal_fd(&disk->lock));
    return NULL;
}

void base_disk_discard(struct store *store, struct base_disk *disk)
{
    store_drop(store, STORE_DISK, disk->key);
}

void base_disk_release(struct base_disk *disk)
{
    if (disk->lock >= 0)
        close(steal_fd(&disk->lock));
    if (disk->is_new)
        temporary_remove(disk->path);
    free(disk->path);
    disk->path = NULL;
    disk->is_new = false;
}
