/*
 * One entry of a tar, as the readers report it and the writers take it: a header with its extended
 * headers already applied. It owns nothing; its strings belong to whatever filled it in.
 */
#ifndef VMBUILD_TAR_ENTRY_H
#define VMBUILD_TAR_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512 /* bytes: headers are one block, data is padded to whole ones */

/* Time of a header that has none, such as a global one: Go's zero time. */
#define TAR_NO_TIME INT64_C(-62135596800)

struct tar_xattr {
    const char *name; /* without SCHILY.xattr. */
    const char *value;
    size_t length;
};

struct tar_entry {
    const char *name; /* of directories with the final slash that tars give them */
    const char *link; /* target, or empty */
    const char *user, *group;
    uint64_t offset; /* of the header in the stream */
    int64_t mode, uid, gid;
    int64_t size;        /* of the file, holes included */
    int64_t stored_size; /* as stored in the stream: less if it is sparse */
    int64_t mtime;       /* seconds, rounded down */
    int64_t major, minor;
    char type;                      /* '0' for both forms of regular files */
    bool has_data;                  /* `stored_size` bytes follow */
    bool is_sparse;                 /* in one of GNU's PAX formats, or its oldest, type 'S' */
    bool has_map;                   /* its map is in PAX records: tar_strings.sparse_map */
    bool data_left_out;             /* its holes are larger than holes_max: no data is reported */
    bool name_has_nul;              /* name or link contained a NUL byte, which ended it */
    const struct tar_xattr *xattrs; /* sorted by name */
    size_t xattr_count;
};

#endif
