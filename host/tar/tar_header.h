/*
 * One header block of a tar, and the extensions (PAX records, GNU long names) that came before it,
 * made into an entry. Pure; the streaming is tar_stream's.
 */
#ifndef VMBUILD_TAR_HEADER_H
#define VMBUILD_TAR_HEADER_H

#include "host/lib/buffer.h"
#include "host/tar/sparse_map.h"
#include "host/tar/tar_entry.h"

/* What came before a header. Zeroed: nothing. */
struct tar_extensions {
    struct buffer pax;       /* "LENGTH KEY=VALUE\n" records */
    struct buffer long_name; /* GNU 'L' */
    struct buffer long_link; /* GNU 'K' */
};

/* The strings of an entry. Zeroed: none. */
struct tar_strings {
    struct buffer name, link, user, group, records;
    struct buffer sparse_name; /* the name of a sparse file, whose header has another one */
    struct tar_xattr *xattrs;
};

/* Reads BLOCK, checksum included, with EXTENSIONS over it. The entry's strings are in STRINGS.
 * Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_header_read(const unsigned char block[TAR_BLOCK],
                                            const struct tar_extensions *extensions,
                                            struct tar_strings *strings, struct tar_entry *ret);

/* Gives MAP the regions that BLOCK has of GNU's older form, type 'S': the file's header, or a block
 * that continues its map. *RET_MORE: another one follows. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_header_read_regions(const unsigned char block[TAR_BLOCK],
                                                    bool is_header, struct sparse_map *map,
                                                    bool *ret_more);

/* The entry that Go makes of a global PAX header called by BLOCK with the records PAX. */
[[nodiscard]] struct error *tar_header_read_global(const unsigned char block[TAR_BLOCK],
                                                   const struct buffer *pax,
                                                   struct tar_strings *strings,
                                                   struct tar_entry *ret);

void tar_extensions_free(struct tar_extensions *extensions);
void tar_strings_free(struct tar_strings *strings);

#endif
