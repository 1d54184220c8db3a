/*
 * The data of a sparse file in a tar, in GNU's PAX format 1.0: first a map of decimal numbers that
 * each end with a newline (the number of data regions, then the offset and length of each), padded
 * with zeros to whole blocks, then the regions' bytes. It is fed in pieces of any size, checks the
 * map and passes on the file's bytes, holes as zeros.
 */
#ifndef VMBUILD_SPARSE_MAP_H
#define VMBUILD_SPARSE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct sparse_map;

/* Starts a file of REAL_SIZE bytes, stored in STORED_SIZE. EXPANDED is given its bytes; if its
 * write is NULL, they are only checked. Never returns NULL. */
struct sparse_map *sparse_map_new(uint64_t real_size, uint64_t stored_size, struct sink expanded);

/* For an older format, whose map lies elsewhere: adds the regions one by one, in order, and then
 * ends them, before anything is written. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *sparse_map_add(struct sparse_map *map, int64_t offset, int64_t length);
[[nodiscard]] struct error *sparse_map_begin(struct sparse_map *map);

/* Takes the next stored bytes. Errors: EXIT_INPUT if the map is invalid, or those of EXPANDED. */
[[nodiscard]] struct error *sparse_map_write(struct sparse_map *map, const void *bytes,
                                             size_t length);

/* To be called when all stored bytes have been written. Errors: as above. MAP is still to be freed.
 */
[[nodiscard]] struct error *sparse_map_finish(struct sparse_map *map);

void sparse_map_free(struct sparse_map *map);

#endif
