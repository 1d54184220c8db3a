/* What the tests of contents share: their sources, and what is in the tar that becomes of them. */
#ifndef VMBUILD_TESTS_CONTENTS_H
#define VMBUILD_TESTS_CONTENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/contents.h"
#include "tests/unit/folder.h"

/* Runs a shell command in the directory. */
static inline void run(const char *command)
{
    CLEANUP(freep) char *line = xasprintf("cd '%s' && %s", folder, command);

    assert_int_equal(system(line), 0);
}

/* Returns a source for each of PATHS, which they borrow, with RULE for modes; the caller's. */
static inline struct contents_source *make_sources(const struct strings *paths,
                                                   enum contents_mode rule)
{
    struct contents_source *sources = xcalloc(paths->count, sizeof *sources);

    for (size_t i = 0; i < paths->count; i++)
        sources[i] = (struct contents_source){.path = paths->items[i], .mode_rule = rule};
    return sources;
}

/* sink_write: appends to the struct buffer CONTEXT. */
static inline struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

/* Returns what DESCRIBE appends for each entry of TAR; the caller's. */
static inline char *list_entries(const struct buffer *tar,
                                 void (*describe)(struct archive *archive,
                                                  struct archive_entry *entry, struct buffer *out))
{
    struct buffer text = {0};
    CLEANUP(archive_read_freep) struct archive *archive = xallocated(archive_read_new());
    struct archive_entry *entry;

    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, tar->data, tar->length), ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        describe(archive, entry, &text);
    return buffer_steal(&text);
}

/* The letter of an entry's type: 'h' for a hard link, else 'd', 'l' or 'f'. */
static inline char type_letter(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return 'h';
    switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
        return 'd';
    case AE_IFLNK:
        return 'l';
    default:
        return 'f';
    }
}

#endif
