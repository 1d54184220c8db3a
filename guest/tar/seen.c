#include "guest/tar/seen.h"

#include <stdlib.h>

/* FNV-1a with the final mix of MurmurHash3, since the slot comes from the low bits. */
static uint64_t hash(uint64_t folder, const char *name)
{
    uint64_t value = 0xcbf29ce484222325u;

    for (unsigned i = 0; i < 8; i++)
        value = (value ^ (folder >> 8 * i & 0xff)) * 0x100000001b3u;
    for (; *name; name++)
        value = (value ^ (unsigned char)*name) * 0x100000001b3u;
    value = (value ^ value >> 33) * 0xff51afd7ed558ccdu;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53u;
    value ^= value >> 33;
    return value ? value : 1;
}

static uint64_t *find(uint64_t *slots, size_t room, uint64_t value)
{
    size_t at = value & (room - 1);

    while (slots[at] != 0 && slots[at] != value)
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static int grow(struct seen *seen)
{
    size_t room = seen->room ? seen->room * 2 : 1024;
    uint64_t *slots = calloc(room, sizeof *slots);

    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < seen->room; i++)
        if (seen->slots[i] != 0)
            *find(slots, room, seen->slots[i]) = seen->slots[i];
    free(seen->slots);
    seen->slots = slots;
    seen->room = room;
    return 0;
}

int seen_add(struct seen *seen, uint64_t folder, const char *name)
{
    if (seen->used * 2 >= seen->room && grow(seen))
        return -1;
    uint64_t value = hash(folder, name);
    uint64_t *slot = find(seen->slots, seen->room, value);

    seen->used += *slot == 0;
    *slot = value;
    return 0;
}

bool seen_has(const struct seen *seen, uint64_t folder, const char *name)
{
    return seen->room > 0 && *find(seen->slots, seen->room, hash(folder, name)) != 0;
}

void seen_free(struct seen *seen)
{
    free(seen->slots);
    *seen = (struct seen){0};
}
