#include "host/store/store_facts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/store/store_file.h"

#define ENTRY_MTIME 1        /* seconds since 1970: any later write moves it */
#define SAMPLE_SIZE 4096     /* bytes at each end that the digest is of */
#define HASH_PIECE (1 << 20) /* bytes hashed at a time */

/* The kernel's ID of this boot, a UUID (random(4)). */
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36

#define DURABLE "durable" /* in place of a boot's ID */
#define DURABLE_AFTER 60  /* seconds, after which the kernel has mostly written the entry */

struct facts {
    uint64_t size;
    struct digest sample;          /* of the first and last SAMPLE_SIZE bytes */
    char boot[BOOT_ID_LENGTH + 1]; /* that wrote it, or DURABLE */
    time_t recorded;
};

/* Sets RET to the ID of this boot. If the host provides none, all entries count as durable. */
static void read_boot_id(char ret[BOOT_ID_LENGTH + 1])
{
    CLEANUP(closep) int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

    memset(ret, 0, BOOT_ID_LENGTH + 1);
    if (fd < 0 || read(fd, ret, BOOT_ID_LENGTH) != BOOT_ID_LENGTH)
        strcpy(ret, DURABLE);
}

/* Takes the facts of the file FD as it is now. Returns false if it cannot be read. */
static bool gather(int fd, struct facts *ret)
{
    char sample[2 * SAMPLE_SIZE] = {0};
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    ret->size = (uint64_t)status.st_size;
    size_t end = ret->size < SAMPLE_SIZE ? (size_t)ret->size : SAMPLE_SIZE;

    if (!store_file_read_at(fd, sample, end, 0) ||
        !store_file_read_at(fd, sample + end, end, ret->size - end))
        return false;
    digest_of(sample, 2 * end, &ret->sample);
    read_boot_id(ret->boot);
    return true;
}

static char *facts_path(const char *folder, const char *name)
{
    return store_file_flat(folder, "facts", name);
}

/* Reads the recorded facts of the entry NAME. Returns false if there are none. */
static bool read_facts(const char *folder, const char *name, struct facts *ret)
{
    CLEANUP(freep) char *path = facts_path(folder, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[160] = "";
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || read(fd, text, sizeof text - 1) <= 0)
        return false;
    ret->recorded = status.st_mtim.tv_sec;
    return sscanf(text, "%" SCNu64 " %64s %36s", &ret->size, ret->sample.hex, ret->boot) == 3;
}

static struct error *write_facts(struct store_session *session, const char *name,
                                 const struct facts *facts)
{
    CLEANUP(freep) char *path = facts_path(store_session_store(session), name);
    CLEANUP(freep)
    char *text = xasprintf("%" PRIu64 " %s %s\n", facts->size, facts->sample.hex, facts->boot);

    return store_file_write(session, path, text, strlen(text));
}

/* Returns whether the SHA-256 of all of FD is HEX. */
static bool hash_matches(int fd, const char *hex)
{
    CLEANUP(freep) char *piece = xcalloc(1, HASH_PIECE);
    struct sha256 *hash = sha256_new();
    struct digest digest;
    uint64_t offset = 0;
    ssize_t got;

    while ((got = pread(fd, piece, HASH_PIECE, (off_t)offset)) > 0) {
        sha256_update(hash, piece, (size_t)got);
        offset += (uint64_t)got;
    }
    sha256_finish(hash, &digest);
    return got == 0 && strcmp(digest.hex, hex) == 0;
}

/* Whether the host cannot have crashed after the entry was written and before it was on the disk.
 */
static bool has_lasted(const struct facts *recorded, const struct facts *now)
{
    return strcmp(recorded->boot, DURABLE) == 0 || strcmp(recorded->boot, now->boot) == 0;
}

/* Records that the entry NAME, open as FD, is on the disk, once waiting for that costs nothing. */
static void make_durable(struct store_session *session, const char *name, struct facts *recorded,
                         int fd)
{
    if (strcmp(recorded->boot, DURABLE) == 0 || recorded->recorded > time(NULL) - DURABLE_AFTER ||
        fdatasync(fd) < 0)
        return;
    strcpy(recorded->boot, DURABLE);
    error_free(write_facts(session, name, recorded));
}

void store_facts_touch(int fd)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = ENTRY_MTIME}};

    (void)futimens(fd, times);
}

struct error *store_facts_record(struct store_session *session, const char *name, int fd)
{
    struct facts facts;

    if (!gather(fd, &facts))
        return error_errno(EXIT_OTHER, "read the new cache entry '%s'", name);
    return write_facts(session, name, &facts);
}

bool store_facts_match(struct store_session *session, const char *name, const char *digest, int fd)
{
    struct facts now;
    struct facts recorded;
    struct stat status;

    if (!gather(fd, &now) || fstat(fd, &status) < 0)
        return false;
    if (status.st_mtim.tv_sec == ENTRY_MTIME &&
        read_facts(store_session_store(session), name, &recorded) && recorded.size == now.size &&
        digest_equal(&recorded.sample, &now.sample) && has_lasted(&recorded, &now)) {
        make_durable(session, name, &recorded, fd);
        return true;
    }
    if (digest == NULL || !hash_matches(fd, digest))
        return false;
    error_free(write_facts(session, name, &now));
    return true;
}

void store_facts_remove(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = facts_path(folder, name);

    store_file_remove(path);
}
