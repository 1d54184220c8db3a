/*
 * The names in one folder, read at once, so that walking it needs no open folder stream and does
 * not depend on the order of the file system.
 */
#ifndef VMBUILD_GUEST_NAMES_H
#define VMBUILD_GUEST_NAMES_H

#include <stddef.h>

struct name {
    char *text;
    unsigned char type; /* DT_* as readdir says it */
};

struct names {
    struct name *items;
    size_t count;
    size_t room;
};

/* Reads the folder DIRECTORY, less "." and "..". Returns 0, or -1 with errno; the caller frees what
 * *RET holds with names_free. */
int names_read(int directory, struct names *ret);
/* Adds a copy of TEXT. Returns 0, or -1 when memory is short. */
int names_add(struct names *names, const char *text, unsigned char type);
/* Sorts by bytes, a folder's name as if a "/" ended it: the order of the whole paths of a tree. */
void names_sort(struct names *names);
void names_free(struct names *names);

#endif
