/*
 * The data of a sparse file in a tar, in GNU's PAX form 1.0: first a map, decimal numbers that each
 * end with a newline (the count of data regions, then each one's offset and length), filled up with
 * zeros to whole blocks, then the regions' bytes. Fed in pieces of any size, it checks the map and
 * tells the file's bytes, holes as zeros.
 */
#ifndef VMBUILD_SPARSE_MAP_H
#define VMBUILD_SPARSE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct sparse_map;

/* A file of REAL_SIZE bytes, stored in STORED_SIZE. EXPANDED gets its bytes; where its write is
 * NULL, they are only checked. Never returns NULL. */
struct sparse_map *sparse_map_new(uint64_t real_size, uint64_t stored_size, struct sink expanded);

/* Of an older form, whose map lies elsewhere: gives MAP its regions one by one, in order, and then
 * says that they were all, before anything is written. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *sparse_map_add(struct sparse_map *map, int64_t offset, int64_t length);
[[nodiscard]] struct error *sparse_map_begin(struct sparse_map *map);

/* The next stored bytes. Errors: EXIT_INPUT where the map is not in order, or EXPANDED's. */
[[nodiscard]] struct error *sparse_map_write(struct sparse_map *map, const void *bytes,
                                             size_t length);

/* All stored bytes were written. Errors: as above. MAP is still to be freed. */
[[nodiscard]] struct error *sparse_map_finish(struct sparse_map *map);

void sparse_map_free(struct sparse_map *map);

#endif
