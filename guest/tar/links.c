#include "guest/tar/links.h"

#include <stdlib.h>
#include <string.h>

static struct link_slot *find(struct link_slot *slots, size_t room, uint64_t inode)
{
    size_t at = (inode * 0x9e3779b97f4a7c15u >> 32) & (room - 1);

    while (slots[at].path != NULL && slots[at].inode != inode)
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static int grow(struct links *links)
{
    size_t room = links->room ? links->room * 2 : 256;
    struct link_slot *slots = calloc(room, sizeof *slots);

    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < links->room; i++)
        if (links->slots[i].path != NULL)
            *find(slots, room, links->slots[i].inode) = links->slots[i];
    free(links->slots);
    links->slots = slots;
    links->room = room;
    return 0;
}

const char *links_first(struct links *links, uint64_t inode, const char *path, int *ret_error)
{
    *ret_error = 0;
    if (links->used * 2 >= links->room && grow(links)) {
        *ret_error = -1;
        return NULL;
    }
    struct link_slot *slot = find(links->slots, links->room, inode);

    if (slot->path != NULL)
        return slot->path;
    char *copy = strdup(path);

    if (copy == NULL) {
        *ret_error = -1;
        return NULL;
    }
    *slot = (struct link_slot){.inode = inode, .path = copy};
    links->used++;
    return NULL;
}

void links_free(struct links *links)
{
    for (size_t i = 0; i < links->room; i++)
        free(links->slots[i].path);
    free(links->slots);
    *links = (struct links){0};
}
