#include "host/tar/pax_writer.h"

#include <errno.h>
#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/charset.h"

#define BLOCK_SIZE (256u << 10) /* bytes that go to the sink at a time */

struct pax_writer {
    struct archive *archive;
    struct sink sink;
    struct error *err; /* of the sink, while libarchive was writing */
    bool abandoned;    /* nothing is written any more */
};

static la_ssize_t on_write(struct archive *archive, void *context, const void *bytes, size_t length)
{
    struct pax_writer *writer = context;

    if (writer->abandoned)
        return -1;
    writer->err = writer->sink.write(writer->sink.context, bytes, length);
    if (writer->err == NULL)
        return (la_ssize_t)length;
    archive_set_error(archive, EIO, "the output failed");
    return -1;
}

struct error *pax_writer_new(enum pax_form form, struct sink sink, struct pax_writer **ret)
{
    CLEANUP(pax_writer_freep) struct pax_writer *writer = xcalloc(1, sizeof *writer);

    charset_for_writing();
    writer->sink = sink;
    writer->archive = xallocated(archive_write_new());
    if (form == PAX_RESTRICTED)
        archive_write_set_format_pax_restricted(writer->archive);
    else
        archive_write_set_format_pax(writer->archive);
    archive_write_set_format_option(writer->archive, "pax", "xattrheader", "SCHILY");
    archive_write_set_bytes_per_block(writer->archive, BLOCK_SIZE);
    archive_write_set_bytes_in_last_block(writer->archive, 1);
    if (archive_write_open(writer->archive, writer, NULL, on_write, NULL) < ARCHIVE_WARN)
        return pax_writer_error(writer, "start", "tar");
    *ret = STEAL(writer);
    return NULL;
}

struct archive *pax_writer_archive(const struct pax_writer *writer)
{
    return writer->archive;
}

bool pax_writer_keeps_xattr(const char *name)
{
    for (; *name != '\0'; name++)
        if (*name <= ' ' || *name > '~' || *name == '%' || *name == '=')
            return false;
    return true;
}

struct error *pax_writer_error(struct pax_writer *writer, const char *operation, const char *path)
{
    const char *cause = archive_error_string(writer->archive);

    if (writer->err != NULL)
        return STEAL(writer->err);
    return error_new(EXIT_OTHER, "%s '%s': %s", operation, path,
                     cause != NULL ? cause : "libarchive failed");
}

void pax_writer_free(struct pax_writer *writer)
{
    if (writer == NULL)
        return;
    writer->abandoned = true;
    /* libarchive frees the buffer of an archive that failed only in closing it. */
    archive_write_close(writer->archive);
    archive_write_free(writer->archive);
    error_free(writer->err);
    free(writer);
}
