#include "host/tree/link_group.h"

#include <search.h>
#include <stdlib.h>

#include "host/lib/memory.h"

static int by_key(const void *left, const void *right)
{
    const struct link_key *a = &((const struct link_group *)left)->key;
    const struct link_key *b = &((const struct link_group *)right)->key;

    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return 0;
}

struct link_group *link_groups_find(struct link_groups *groups, struct link_key key, bool make)
{
    struct link_group wanted = {.key = key};
    struct link_group **found = tfind(&wanted, &groups->root, by_key);

    if (found != NULL || !make)
        return found != NULL ? *found : NULL;
    struct link_group *group = xcalloc(1, sizeof *group);

    group->key = key;
    xallocated(tsearch(group, &groups->root, by_key));
    return group;
}

void link_group_add(struct link_group *group, const char *path, uint64_t owner)
{
    group->names = xreallocarray(group->names, group->name_count + 1, sizeof *group->names);
    group->names[group->name_count++] = (struct link_name){xstrdup(path), owner};
}

static void free_group(void *pointer)
{
    struct link_group *group = pointer;

    for (size_t i = 0; i < group->name_count; i++)
        free(group->names[i].path);
    free(group->names);
    free(group->emitted);
    free(group);
}

void link_groups_free(struct link_groups *groups)
{
    tdestroy(groups->root, free_group);
    *groups = (struct link_groups){0};
}
