#include "guest/tar/packing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest/tar/charset.h"

int packing_fail(struct packing *packing)
{
    return fault_set(packing->fault, errno, "pack '%s'", path_text(&packing->path));
}

int packing_archive_fail(struct packing *packing)
{
    return fault_set(packing->fault, 0, "pack '%s': %s", path_text(&packing->path),
                     archive_error_string(packing->archive));
}

/* Without blocks, libarchive hands on the very bytes that it is given: holes are known by where
 * they are. */
static bool is_hole(const struct packing *packing, const void *bytes)
{
    return (uintptr_t)bytes - (uintptr_t)packing->zeros < PACKING_ZEROS_SIZE;
}

static la_ssize_t write_bytes(struct archive *archive, void *context, const void *bytes,
                              size_t length)
{
    struct packing *packing = context;
    int status = is_hole(packing, bytes)
                     ? packing->sink.skip(packing->sink.context, length)
                     : packing->sink.write(packing->sink.context, bytes, length);

    if (status) {
        archive_set_error(archive, EPIPE, "the host takes no more");
        return -1;
    }
    return (la_ssize_t)length;
}

static int open_archive(struct packing *packing)
{
    struct archive *archive = packing->archive;

    charset_for_writing();
    if (archive_write_set_format_pax(archive) != ARCHIVE_OK ||
        archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(archive, 0) != ARCHIVE_OK ||
        archive_write_open(archive, packing, NULL, write_bytes, NULL) != ARCHIVE_OK)
        return packing_archive_fail(packing);
    return 0;
}

/* Returns whether there is memory for everything. */
static bool allocate(struct packing *packing)
{
    void *zeros = mmap(NULL, PACKING_ZEROS_SIZE, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    packing->zeros = zeros != MAP_FAILED ? zeros : NULL;
    packing->buffer = malloc(PACKING_READ_SIZE);
    packing->archive = archive_write_new();
    packing->entry = archive_entry_new();
    return packing->zeros != NULL && packing->buffer != NULL && packing->archive != NULL &&
           packing->entry != NULL;
}

struct packing *packing_new(int64_t clamp, struct pack_sink sink, struct fault *fault)
{
    struct packing *packing = calloc(1, sizeof *packing);

    if (packing == NULL) {
        fault_set(fault, ENOMEM, "pack the layer");
        return NULL;
    }
    packing->sink = sink;
    packing->fault = fault;
    packing->clamp = clamp;
    if (!allocate(packing))
        fault_set(fault, ENOMEM, "pack the layer");
    else if (open_archive(packing) == 0)
        return packing;
    packing_free(packing);
    return NULL;
}

int packing_finish(struct packing *packing)
{
    if (archive_write_close(packing->archive) != ARCHIVE_OK)
        return packing_archive_fail(packing);
    archive_write_free(packing->archive);
    packing->archive = NULL;
    return 0;
}

void packing_free(struct packing *packing)
{
    if (packing == NULL)
        return;
    if (packing->zeros != NULL)
        munmap((void *)packing->zeros, PACKING_ZEROS_SIZE);
    if (packing->archive != NULL)
        archive_write_fail(packing->archive); /* or freeing it would write a regular end */
    archive_entry_free(packing->entry);
    archive_write_free(packing->archive);
    links_free(&packing->links);
    path_free(&packing->path);
    free(packing->buffer);
    free(packing);
}
