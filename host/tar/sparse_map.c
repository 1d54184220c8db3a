#include "host/tar/sparse_map.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/tar/tar_entry.h"

#define REGIONS_MAX (1u << 20)
#define DIGITS_MAX 19 /* of a number */

struct region {
    uint64_t offset, length;
};

struct sparse_map {
    uint64_t real_size, stored_size;
    struct sink expanded;

    uint64_t stored;             /* bytes seen */
    char number[DIGITS_MAX + 1]; /* of the map, not complete yet */
    size_t digits;
    bool has_count;
    bool in_map;  /* until the last number and its block have ended */
    size_t count; /* of regions, as the map announced */
    struct region *regions;
    size_t numbers; /* of those read so far */

    size_t region;     /* being filled */
    uint64_t position; /* in the file */
};

struct sparse_map *sparse_map_new(uint64_t real_size, uint64_t stored_size, struct sink expanded)
{
    struct sparse_map *map = xcalloc(1, sizeof *map);

    map->real_size = real_size;
    map->stored_size = stored_size;
    map->expanded = expanded;
    map->in_map = true;
    return map;
}

static struct error *bad(const char *cause)
{
    return error_new(EXIT_INPUT, "the map of a sparse file is invalid: %s", cause);
}

static struct error *tell(struct sparse_map *map, const void *bytes, size_t length)
{
    map->position += length;
    if (map->expanded.write == NULL)
        return NULL;
    return map->expanded.write(map->expanded.context, bytes, length);
}

static struct error *tell_zeros(struct sparse_map *map, uint64_t end)
{
    static const char zeros[64 << 10];

    if (map->expanded.write == NULL)
        map->position = end;
    while (map->position < end) {
        uint64_t left = end - map->position;

        TRY(tell(map, zeros, left < sizeof zeros ? (size_t)left : sizeof zeros));
    }
    return NULL;
}

/* Checks that the regions are in order and within the file, and that their bytes are all that is
 * stored after the map. */
static struct error *check_regions(const struct sparse_map *map, uint64_t map_size)
{
    uint64_t end = 0, sum = 0;

    for (size_t i = 0; i < map->count; i++) {
        const struct region *region = &map->regions[i];

        if (region->offset < end || region->offset > map->real_size ||
            region->length > map->real_size - region->offset)
            return bad("its regions overlap or exceed the file");
        end = region->offset + region->length;
        sum += region->length;
    }
    if (map_size > map->stored_size || sum != map->stored_size - map_size)
        return bad("its regions do not match the data");
    return NULL;
}

static bool is_complete(const struct sparse_map *map)
{
    return map->has_count && map->numbers == 2 * map->count;
}

static struct error *end_number(struct sparse_map *map)
{
    if (map->digits == 0)
        return bad("a number is missing");
    map->number[map->digits] = '\0';
    map->digits = 0;
    uint64_t number = strtoull(map->number, NULL, 10);

    if (!map->has_count) {
        if (number > REGIONS_MAX)
            return bad("it has too many regions");
        map->has_count = true;
        map->count = (size_t)number;
        map->regions = xcalloc(map->count, sizeof *map->regions);
        return NULL;
    }
    struct region *region = &map->regions[map->numbers / 2];

    if (map->numbers++ % 2 == 0)
        region->offset = number;
    else
        region->length = number;
    return NULL;
}

/* Takes a byte of the map, or of the padding of its last block. */
static struct error *read_map(struct sparse_map *map, char byte)
{
    map->stored++;
    if (is_complete(map)) {
        if (byte != '\0')
            return bad("data after its last number");
    } else if (byte == '\n') {
        TRY(end_number(map));
    } else if (byte < '0' || byte > '9' || map->digits == DIGITS_MAX) {
        return bad("expected a number");
    } else {
        map->number[map->digits++] = byte;
    }
    if (!is_complete(map) || map->stored % TAR_BLOCK != 0)
        return NULL;
    map->in_map = false;
    return check_regions(map, map->stored);
}

struct error *sparse_map_add(struct sparse_map *map, int64_t offset, int64_t length)
{
    if (map->count == REGIONS_MAX)
        return bad("it has too many regions");
    if (offset < 0 || length < 0)
        return bad("it contains a negative number");
    map->regions = xreallocarray(map->regions, map->count + 1, sizeof *map->regions);
    map->regions[map->count++] = (struct region){(uint64_t)offset, (uint64_t)length};
    return NULL;
}

struct error *sparse_map_begin(struct sparse_map *map)
{
    map->in_map = false;
    return check_regions(map, 0);
}

/* Takes the next bytes of the regions. *RET_USED is how many of them belong to the current one. */
static struct error *read_region(struct sparse_map *map, const char *bytes, size_t length,
                                 size_t *ret_used)
{
    while (map->region < map->count &&
           map->position >= map->regions[map->region].offset + map->regions[map->region].length)
        map->region++;
    if (map->region == map->count)
        return bad("more data than in its regions");
    const struct region *region = &map->regions[map->region];

    TRY(tell_zeros(map, region->offset));
    uint64_t left = region->offset + region->length - map->position;

    *ret_used = left < length ? (size_t)left : length;
    map->stored += *ret_used;
    return tell(map, bytes, *ret_used);
}

struct error *sparse_map_write(struct sparse_map *map, const void *bytes, size_t length)
{
    const char *next = bytes;

    while (length > 0) {
        size_t used = 1;

        if (map->in_map)
            TRY(read_map(map, *next));
        else
            TRY(read_region(map, next, length, &used));
        next += used;
        length -= used;
    }
    return NULL;
}

struct error *sparse_map_finish(struct sparse_map *map)
{
    if (map->in_map || map->stored != map->stored_size)
        return bad("it is truncated");
    return tell_zeros(map, map->real_size);
}

void sparse_map_free(struct sparse_map *map)
{
    if (map == NULL)
        return;
    free(map->regions);
    free(map);
}
