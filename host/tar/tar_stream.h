/*
 * A tar read as it streams by, in pieces of any size: ustar, PAX, GNU long names, star and V7
 * headers, understood as Go's archive/tar does, since that is what Docker and the OCI tools read
 * layers with. Entries are told with their extended headers already applied; the data follows in
 * pieces. Nothing is kept but one header and its extensions, all of limited size.
 */
#ifndef VMBUILD_TAR_STREAM_H
#define VMBUILD_TAR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"

#define TAR_BLOCK 512
#define TAR_EXTENSION_MAX (4u << 20) /* bytes of one PAX header or GNU long name */
#define TAR_ENTRIES_MAX (1u << 23)

/* Time of a header that has none, such as a global one: Go's zero time. */
#define TAR_NO_TIME INT64_C(-62135596800)

struct tar_xattr {
    const char *name; /* without SCHILY.xattr. */
    const char *value;
    size_t length;
};

/* Strings are borrowed until the callback returns. */
struct tar_entry {
    const char *name; /* of folders with the final slash that tars give them */
    const char *link; /* target, or empty */
    const char *user, *group;
    uint64_t offset; /* of the header in the stream */
    int64_t mode, uid, gid;
    int64_t size;        /* of the file, holes included */
    int64_t stored_size; /* of what stands for it in the stream: less where it is sparse */
    int64_t mtime;       /* seconds, rounded down */
    int64_t major, minor;
    char type;                      /* '0' for both forms of regular files */
    bool has_data;                  /* `stored_size` bytes follow */
    bool is_sparse;                 /* in GNU's PAX form 1.0, or its oldest, type 'S' */
    bool data_left_out;             /* its holes are larger than holes_max: no data is told */
    bool name_has_nul;              /* name or link held a NUL byte, which ended it */
    const struct tar_xattr *xattrs; /* sorted by name */
    size_t xattr_count;
};

struct tar_events {
    void *context;
    struct error *(*entry)(void *context, const struct tar_entry *entry);
    struct error *(*data)(void *context, const void *bytes, size_t length); /* or NULL */
    uint64_t holes_max; /* of a sparse file whose data is told, holes as zeros; 0: any */
};

struct tar_stream;

/* STRICT: the stream must end in two blocks of zeros and hold nothing but zeros after them. Else,
 * as Go has it, the end of the stream between two entries will do and the rest is passed over. */
struct tar_stream *tar_stream_new(struct tar_events events, bool strict);

/* The next bytes. Errors: EXIT_INPUT ("at byte N: ..."), or what a callback returned. */
[[nodiscard]] struct error *tar_stream_write(struct tar_stream *stream, const void *bytes,
                                             size_t length);

/* The stream is over. Errors: EXIT_INPUT where it ends too early. STREAM is still to be freed. */
[[nodiscard]] struct error *tar_stream_finish(struct tar_stream *stream);

void tar_stream_free(struct tar_stream *stream);
static inline void tar_stream_freep(struct tar_stream **stream)
{
    tar_stream_free(*stream);
}

#endif
