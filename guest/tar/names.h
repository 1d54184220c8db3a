/*
 * The names in one directory, read at once, so that walking it needs no open stream and does not
 * depend on the order of the file system.
 */
#ifndef VMBUILD_GUEST_NAMES_H
#define VMBUILD_GUEST_NAMES_H

#include <stddef.h>

struct name {
    char *text;
    unsigned char type; /* DT_*, as readdir returns it */
};

struct names {
    struct name *items;
    size_t count;
    size_t room;
};

/* Reads DIRECTORY, without "." and "..". Returns 0, or -1 with errno. The caller frees *RET with
 * names_free. */
int names_read(int directory, struct names *ret);
/* Adds a copy of TEXT. Returns 0, or -1 if memory is short. */
int names_add(struct names *names, const char *text, unsigned char type);
/* Sorts by bytes, the name of a directory as if it ended in "/": the order of whole paths in a
 * tree. */
void names_sort(struct names *names);
void names_free(struct names *names);

#endif
