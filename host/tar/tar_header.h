/*
 * One header block of a tar, and the extensions (PAX records, GNU long names) that came before it,
 * made into an entry. Pure; for streams see tar_stream.h.
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
    struct buffer sparse_name; /* the name of a sparse file, whose header has another */
    struct buffer sparse_map;  /* its map, "OFFSET,LENGTH,...", if it is in PAX records */
    struct tar_xattr *xattrs;
};

/* Reads BLOCK, checks its checksum and applies EXTENSIONS. The entry's strings are in STRINGS.
 * Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_header_read(const unsigned char block[TAR_BLOCK],
                                            const struct tar_extensions *extensions,
                                            struct tar_strings *strings, struct tar_entry *ret);

/* Adds the regions in BLOCK, of GNU's older format (type 'S'), to MAP. BLOCK is the file's header,
 * or a block that continues its map. *RET_MORE: another one follows. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_header_read_regions(const unsigned char block[TAR_BLOCK],
                                                    bool is_header, struct sparse_map *map,
                                                    bool *ret_more);

/* Adds the regions of STRINGS->sparse_map to MAP. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *tar_header_add_regions(const struct tar_strings *strings,
                                                   struct sparse_map *map);

/* Makes the entry that Go makes of a global PAX header: BLOCK, with the records PAX. */
[[nodiscard]] struct error *tar_header_read_global(const unsigned char block[TAR_BLOCK],
                                                   const struct buffer *pax,
                                                   struct tar_strings *strings,
                                                   struct tar_entry *ret);

void tar_extensions_free(struct tar_extensions *extensions);
void tar_strings_free(struct tar_strings *strings);

#endif
