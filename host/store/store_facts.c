#include "host/store/store_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/checksum.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/store/store_file.h"

/* Bytes of a facts file: the line, and an item for each block of 16 TiB. */
#define LINE_MAX_LENGTH 160
#define FACTS_SIZE_MAX (LINE_MAX_LENGTH + (UINT64_C(1) << 44) / CHECKSUM_BLOCK * 16)

static char *facts_path(const char *folder, const char *name)
{
    return store_file_flat(folder, "facts", name);
}

/* Returns the line of the facts of the entry NAME; the caller's. */
static char *make_line(const char *name, const struct store_facts *facts)
{
    uint64_t checksum = checksum_of(facts->items.data, facts->items.length);
    CLEANUP(freep)
    char *text = xasprintf("%s %" PRIu64 " %016" PRIx64, name, facts->size, checksum);
    struct digest proof;

    digest_of(text, strlen(text), &proof);
    return xasprintf("%" PRIu64 " %016" PRIx64 " %s\n", facts->size, checksum, proof.hex);
}

void store_facts_free(struct store_facts *facts)
{
    buffer_free(&facts->items);
    *facts = (struct store_facts){0};
}

/* Reads the facts file FD of LENGTH bytes. Returns false if it is damaged. */
static bool parse(int fd, size_t length, const char *name, struct store_facts *ret)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};
    char *text = buffer_reserve(&bytes, length);

    if (!store_file_read_at(fd, text, length, 0))
        return false;
    text[length] = '\0'; /* for sscanf */
    const char *end = memchr(bytes.data, '\n', length);
    size_t line = end == NULL ? 0 : (size_t)(end + 1 - bytes.data);

    if (line == 0 || line > LINE_MAX_LENGTH ||
        (length - line) % sizeof(struct checksum_item) != 0 ||
        sscanf(bytes.data, "%" SCNu64 " ", &ret->size) != 1)
        return false;
    buffer_append(&ret->items, bytes.data + line, length - line);
    CLEANUP(freep) char *expected = make_line(name, ret);

    return strlen(expected) == line && memcmp(expected, bytes.data, line) == 0;
}

bool store_facts_read(const char *folder, const char *name, struct store_facts *ret)
{
    CLEANUP(freep) char *path = facts_path(folder, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uint64_t)status.st_size > FACTS_SIZE_MAX)
        return false;
    if (parse(fd, (size_t)status.st_size, name, ret))
        return true;
    store_facts_free(ret);
    return false;
}

struct error *store_facts_record(struct store_session *session, const char *name, int fd)
{
    CLEANUP(freep) char *path = facts_path(store_session_store(session), name);
    CLEANUP(store_facts_free) struct store_facts facts = {0};
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct stat status;

    if (fstat(fd, &status) < 0 || !checksum_of_file(fd, NULL, &facts.items))
        return error_errno(EXIT_OTHER, "read the new cache entry '%s'", name);
    facts.size = (uint64_t)status.st_size;
    CLEANUP(freep) char *line = make_line(name, &facts);

    buffer_append(&bytes, line, strlen(line));
    buffer_append(&bytes, facts.items.data, facts.items.length);
    return store_file_write(session, path, bytes.data, bytes.length);
}

enum store_facts_verdict store_facts_compare(const char *folder, const char *name, int fd,
                                             const atomic_bool *stopped)
{
    CLEANUP(store_facts_free) struct store_facts facts = {0};
    CLEANUP(buffer_free) struct buffer items = {0};
    struct stat status;

    if (!store_facts_read(folder, name, &facts))
        return STORE_FACTS_UNKNOWN;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size != facts.size || !checksum_of_file(fd, stopped, &items) ||
        items.length != facts.items.length)
        return STORE_FACTS_DIFFER;
    return items.length == 0 || memcmp(items.data, facts.items.data, items.length) == 0
               ? STORE_FACTS_MATCH
               : STORE_FACTS_DIFFER;
}

void store_facts_remove(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = facts_path(folder, name);

    store_file_remove(path);
}
