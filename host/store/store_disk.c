#include "host/store/store_disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/store/store_reader.h"

#define BLOCK 4096 /* bytes; those of ext4 */
#define MAGIC "vmbuild disk"

/* The end of an entry that lies over another disk. */
struct footer {
    char magic[16];
    uint64_t size;                       /* of the disk */
    char below[72];                      /* its key */
    unsigned char mark[STORE_DISK_MARK]; /* of the disk below */
};

_Static_assert(sizeof(struct footer) % BLOCK != 0, "an entry with a footer has no whole blocks");

/* One of the entries that a disk consists of. */
struct part {
    struct store_reader *reader;
    char *key, *path;
    unsigned char *blocks; /* the bit of each block that it has; NULL: it has all */
    atomic_bool is_damaged;
};

struct store_disk {
    struct store *store;
    uint64_t size;
    struct part parts[STORE_DISK_DEPTH_MAX]; /* the whole disk last */
    size_t count;
    pthread_mutex_t mutex; /* for the readers, and for what follows */

    int fd; /* of the temporary that is written to, or below 0 */
    char *path;
    unsigned char *written; /* as struct part has it */
    bool is_frozen;
    char *published; /* the key of what was written, once it is an entry; or NULL */
};

static bool has_bit(const unsigned char *bits, uint64_t number)
{
    return (bits[number / 8] >> number % 8 & 1) != 0;
}

static void set_bit(unsigned char *bits, uint64_t number)
{
    bits[number / 8] |= (unsigned char)(1 << number % 8);
}

/* The bytes of a bit for each block of a disk of SIZE bytes, in whole blocks. */
static uint64_t bits_size(uint64_t size)
{
    uint64_t bytes = (size / BLOCK + 7) / 8;

    return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

static bool read_part(struct part *part, uint64_t offset, size_t length, void *bytes)
{
    bool done = store_reader_read(part->reader, offset, length, bytes);

    if (!done)
        part->is_damaged = true;
    return done;
}

/* Reads the footer of PART, and its bits. Returns false if it makes no sense. */
static bool read_footer(struct part *part, struct footer *ret)
{
    uint64_t length = store_reader_size(part->reader);

    if (length < sizeof *ret || !read_part(part, length - sizeof *ret, sizeof *ret, ret))
        return false;
    if (strcmp(ret->magic, MAGIC) != 0 || ret->size % BLOCK != 0 || ret->size > length ||
        length != ret->size + bits_size(ret->size) + sizeof *ret ||
        memchr(ret->below, '\0', sizeof ret->below) == NULL || ret->below[0] == '\0' ||
        ret->below[strspn(ret->below, "0123456789abcdef")] != '\0')
        return false;
    part->blocks = xcalloc(bits_size(ret->size), 1);
    return read_part(part, ret->size, bits_size(ret->size), part->blocks);
}

/* Opens the entry KEY as the next part of DISK. *RET_FOUND: it is there. */
static struct error *open_part(struct store_disk *disk, const char *key, bool *ret_found)
{
    CLEANUP(freep) char *path = store_find_for_reader(disk->store, STORE_DISK, key);
    struct part *part = &disk->parts[disk->count];

    *ret_found = path != NULL;
    if (path == NULL)
        return NULL;
    TRY(store_reader_open(disk->store, path, &part->reader));
    part->key = xstrdup(key);
    part->path = STEAL(path);
    disk->count++;
    return NULL;
}

/* Returns the first part from FIRST on that has the block NUMBER. */
static size_t find_part(const struct store_disk *disk, size_t first, uint64_t number)
{
    while (first + 1 < disk->count && !has_bit(disk->parts[first].blocks, number))
        first++;
    return first;
}

/* Reads the mark of the disk that the parts from FIRST on make. */
static bool read_mark(struct store_disk *disk, size_t first, unsigned char *ret)
{
    return read_part(&disk->parts[find_part(disk, first, 0)], 0, STORE_DISK_MARK, ret);
}

/* Whether the part NUMBER of DISK lies over the one that it was made for, which has MARK. */
static bool fits(struct store_disk *disk, size_t number, const unsigned char *mark)
{
    uint64_t size = disk->size + bits_size(disk->size) + sizeof(struct footer);
    unsigned char found[STORE_DISK_MARK];

    return store_reader_size(disk->parts[number].reader) == size &&
           read_mark(disk, number + 1, found) && memcmp(found, mark, sizeof found) == 0;
}

/* Opens the parts of DISK from the entry KEY down. *RET_WHOLE: all are there. */
static struct error *open_parts(struct store_disk *disk, const char *key, bool *ret_whole)
{
    unsigned char marks[STORE_DISK_DEPTH_MAX][STORE_DISK_MARK]; /* of what lies below each */
    CLEANUP(freep) char *next = xstrdup(key);

    *ret_whole = false;
    for (;;) {
        struct footer footer;
        bool found = false;

        if (disk->count == STORE_DISK_DEPTH_MAX)
            return NULL;
        TRY(open_part(disk, next, &found));
        if (!found)
            return NULL;
        struct part *part = &disk->parts[disk->count - 1];

        disk->size = store_reader_size(part->reader);
        if (disk->size % BLOCK == 0)
            break;
        if (!read_footer(part, &footer))
            return NULL;
        memcpy(marks[disk->count - 1], footer.mark, sizeof footer.mark);
        free(next);
        next = xstrdup(footer.below);
    }
    *ret_whole = true;
    for (size_t i = 0; i + 1 < disk->count; i++)
        *ret_whole = *ret_whole && fits(disk, i, marks[i]);
    return NULL;
}

/* Counts the parts as used, each later than those that lie over it, which are useless without it
 * and so are pruned first. */
static void count_use(const struct store_disk *disk)
{
    struct timespec times[2] = {{0}, {.tv_nsec = UTIME_OMIT}};

    clock_gettime(CLOCK_REALTIME, &times[0]);
    for (size_t i = 0; i < disk->count; i++) {
        (void)utimensat(AT_FDCWD, disk->parts[i].path, times, AT_SYMLINK_NOFOLLOW);
        times[0].tv_sec += times[0].tv_nsec / 999999999;
        times[0].tv_nsec = (times[0].tv_nsec + 1) % 1000000000;
    }
}

struct error *store_disk_open(struct store *store, const char *key, struct store_disk **ret)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = xcalloc(1, sizeof *disk);
    bool whole;

    disk->store = store;
    disk->fd = -1;
    pthread_mutex_init(&disk->mutex, NULL);
    TRY(open_parts(disk, key, &whole));
    if (store_disk_is_damaged(disk))
        store_disk_drop(disk);
    if (whole)
        count_use(disk);
    *ret = whole ? STEAL(disk) : NULL;
    return NULL;
}

/* All of it counts as written. */
struct error *store_disk_open_file(const char *path, struct store_disk **ret)
{
    CLEANUP(store_disk_freep) struct store_disk *disk = xcalloc(1, sizeof *disk);
    struct stat status;

    pthread_mutex_init(&disk->mutex, NULL);
    disk->fd = open(path, O_RDWR | O_CLOEXEC);
    if (disk->fd < 0 || fstat(disk->fd, &status) < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    disk->size = (uint64_t)status.st_size;
    assert(disk->size % BLOCK == 0);
    disk->written = xcalloc(bits_size(disk->size), 1);
    memset(disk->written, 0xff, bits_size(disk->size));
    *ret = STEAL(disk);
    return NULL;
}

const char *store_disk_path(const struct store_disk *disk)
{
    return disk->path != NULL ? disk->path : disk->parts[0].path;
}

uint64_t store_disk_size(const struct store_disk *disk)
{
    return disk->size;
}

size_t store_disk_depth(const struct store_disk *disk)
{
    return disk->count;
}

/* Returns what has the block NUMBER: a part's number, or COUNT: what was written. */
static size_t holder(const struct store_disk *disk, uint64_t number)
{
    return disk->written != NULL && has_bit(disk->written, number) ? disk->count
                                                                   : find_part(disk, 0, number);
}

static bool read_from(struct store_disk *disk, size_t part, uint64_t offset, size_t length,
                      char *bytes)
{
    if (part < disk->count)
        return read_part(&disk->parts[part], offset, length, bytes);
    while (length > 0) {
        ssize_t got = pread(disk->fd, bytes, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return true;
}

/* Reads a range, in as few pieces as it has holders. */
static bool read_range(struct store_disk *disk, uint64_t offset, size_t length, char *bytes)
{
    while (length > 0) {
        size_t part = holder(disk, offset / BLOCK);
        uint64_t end = (offset / BLOCK + 1) * BLOCK;

        while (end < offset + length && holder(disk, end / BLOCK) == part)
            end += BLOCK;
        size_t piece = end - offset < length ? (size_t)(end - offset) : length;

        if (!read_from(disk, part, offset, piece, bytes))
            return false;
        bytes += piece;
        offset += piece;
        length -= piece;
    }
    return true;
}

bool store_disk_read(struct store_disk *disk, uint64_t offset, size_t length, void *bytes)
{
    assert(offset <= disk->size && length <= disk->size - offset);
    pthread_mutex_lock(&disk->mutex);
    bool done = read_range(disk, offset, length, bytes);

    pthread_mutex_unlock(&disk->mutex);
    return done;
}

static void free_parts(struct store_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        store_reader_free(disk->parts[i].reader);
        free(disk->parts[i].key);
        free(disk->parts[i].path);
        free(disk->parts[i].blocks);
    }
    disk->count = 0;
}

/* Makes what was published the first part of DISK. */
static struct error *take_published(struct store_disk *disk)
{
    bool is_whole = disk->count == STORE_DISK_DEPTH_MAX, found = false;
    CLEANUP(freep) char *key = STEAL(disk->published);

    if (is_whole)
        free_parts(disk);
    size_t last = disk->count;

    TRY(open_part(disk, key, &found));
    if (!found)
        return error_new(EXIT_AGAIN, "open the disk '%s': it is gone", key);
    struct part part = {.reader = disk->parts[last].reader,
                        .key = disk->parts[last].key,
                        .path = disk->parts[last].path};

    if (!is_whole)
        part.blocks = STEAL(disk->written);

    memmove(&disk->parts[1], &disk->parts[0], last * sizeof disk->parts[0]);
    disk->parts[0] = part;
    free(STEAL(disk->written));
    close(steal_fd(&disk->fd));
    return NULL;
}

static struct error *extend(struct store_disk *disk)
{
    if (disk->published != NULL)
        TRY(take_published(disk));
    disk->is_frozen = false;
    if (disk->written != NULL)
        return NULL;
    TRY(store_temporary(disk->store, &disk->path, &disk->fd));
    if (ftruncate(disk->fd, (off_t)disk->size) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", disk->path);
    (void)fcntl(disk->fd, F_SETFL, O_NOATIME); /* as store_file_open does */
    disk->written = xcalloc(bits_size(disk->size), 1);
    return NULL;
}

struct error *store_disk_extend(struct store_disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    struct error *err = extend(disk);

    pthread_mutex_unlock(&disk->mutex);
    return err;
}

void store_disk_freeze(struct store_disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    disk->is_frozen = true;
    pthread_mutex_unlock(&disk->mutex);
}

bool store_disk_is_writable(const struct store_disk *disk)
{
    return disk->written != NULL && !disk->is_frozen;
}

/* Writes LENGTH bytes at OFFSET of FD. Returns 0 or errno. */
static int write_all(int fd, uint64_t offset, size_t length, const char *bytes)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, bytes, length, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        offset += (uint64_t)written;
        length -= (size_t)written;
    }
    return 0;
}

/* Writes a part of a block, which is taken over from below unless that was done. */
static int write_piece(struct store_disk *disk, uint64_t offset, size_t length, const char *bytes)
{
    uint64_t number = offset / BLOCK;
    char block[BLOCK];

    if (!read_range(disk, number * BLOCK, BLOCK, block))
        return EIO;
    memcpy(block + offset % BLOCK, bytes, length);
    return write_all(disk->fd, number * BLOCK, BLOCK, block);
}

static int write_range(struct store_disk *disk, uint64_t offset, size_t length, const char *bytes)
{
    while (length > 0) {
        size_t start = (size_t)(offset % BLOCK);
        size_t piece = start == 0 && length >= BLOCK ? length / BLOCK * BLOCK
                       : BLOCK - start < length      ? BLOCK - start
                                                     : length;
        int cause = piece >= BLOCK ? write_all(disk->fd, offset, piece, bytes)
                                   : write_piece(disk, offset, piece, bytes);

        if (cause != 0)
            return cause;
        for (uint64_t at = offset / BLOCK; at * BLOCK < offset + piece; at++)
            set_bit(disk->written, at);
        bytes += piece;
        offset += piece;
        length -= piece;
    }
    return 0;
}

int store_disk_write(struct store_disk *disk, uint64_t offset, size_t length, const void *bytes)
{
    assert(offset <= disk->size && length <= disk->size - offset);
    pthread_mutex_lock(&disk->mutex);
    int cause = store_disk_is_writable(disk) ? write_range(disk, offset, length, bytes) : EPERM;

    pthread_mutex_unlock(&disk->mutex);
    return cause;
}

/* Writes the bit of each block that was written; what is only zeros remains a hole. */
static int write_bits(const struct store_disk *disk)
{
    static const unsigned char zeros[BLOCK];
    int cause = 0;

    for (uint64_t at = 0; cause == 0 && at < bits_size(disk->size); at += BLOCK)
        if (memcmp(disk->written + at, zeros, BLOCK) != 0)
            cause = write_all(disk->fd, disk->size + at, BLOCK, (const char *)disk->written + at);
    return cause;
}

/* Completes the temporary as an entry that lies over others. */
static int finish_over(struct store_disk *disk)
{
    struct footer footer = {.magic = MAGIC, .size = disk->size};

    if (!read_mark(disk, 0, footer.mark))
        return EIO;
    assert(strlen(disk->parts[0].key) < sizeof footer.below);
    memcpy(footer.below, disk->parts[0].key, strlen(disk->parts[0].key));
    int cause = write_bits(disk);

    return cause != 0 ? cause
                      : write_all(disk->fd, disk->size + bits_size(disk->size), sizeof footer,
                                  (const char *)&footer);
}

/* Returns the first block from NUMBER on that PART has, and which is not only zeros if PART is the
 * whole disk; or the end. */
static uint64_t next_block(const struct store_disk *disk, const struct part *part, uint64_t number)
{
    uint64_t end = disk->size / BLOCK;

    if (part->blocks == NULL)
        return store_reader_skip_zeros(part->reader, number * BLOCK) / BLOCK;
    while (number < end && !has_bit(part->blocks, number))
        number++;
    return number;
}

/* Completes the temporary as a whole disk: copies what the part NUMBER has to add to it. */
static int take_over(struct store_disk *disk, size_t number)
{
    struct part *part = &disk->parts[number];
    uint64_t end = disk->size / BLOCK;
    char block[BLOCK];
    int cause = 0;

    for (uint64_t at = 0; cause == 0 && (at = next_block(disk, part, at)) < end; at++) {
        if (holder(disk, at) != number)
            continue;
        if (!read_part(part, at * BLOCK, BLOCK, block))
            return EIO;
        cause = write_all(disk->fd, at * BLOCK, BLOCK, block);
    }
    return cause;
}

/* Completes the temporary. */
static int finish(struct store_disk *disk)
{
    int cause = 0;

    if (disk->count < STORE_DISK_DEPTH_MAX)
        return finish_over(disk);
    for (size_t i = 0; cause == 0 && i < disk->count; i++)
        cause = take_over(disk, i);
    return cause;
}

struct error *store_disk_publish(struct store_disk *disk, const char *key)
{
    pthread_mutex_lock(&disk->mutex);
    disk->is_frozen = true;
    errno = finish(disk);
    struct error *err = errno != 0 ? error_errno(EXIT_OTHER, "write '%s'", disk->path) : NULL;

    pthread_mutex_unlock(&disk->mutex);
    TRY(err);
    TRY(store_publish(disk->store, STORE_DISK, key, disk->path, NULL));
    free(STEAL(disk->path));
    disk->published = xstrdup(key);
    count_use(disk);
    return NULL;
}

bool store_disk_is_damaged(const struct store_disk *disk)
{
    bool any = false;

    for (size_t i = 0; i < disk->count; i++)
        any = any || disk->parts[i].is_damaged;
    return any;
}

void store_disk_drop(struct store_disk *disk)
{
    bool any = store_disk_is_damaged(disk);

    for (size_t i = 0; i < disk->count; i++) {
        const struct part *part = &disk->parts[i];

        if (any && !part->is_damaged)
            continue;
        if (any)
            progress_note("the cache entry '%s' is damaged, and is removed",
                          store_name(disk->store, part->path));
        store_drop(disk->store, STORE_DISK, part->key);
    }
}

void store_disk_free(struct store_disk *disk)
{
    if (disk == NULL)
        return;
    free_parts(disk);
    closep(&disk->fd);
    free(disk->published);
    temporary_remove(disk->path);
    free(disk->path);
    free(disk->written);
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}
