#include "guest/tar/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int names_add(struct names *names, const char *text, unsigned char type)
{
    if (names->count == names->room) {
        size_t room = names->room ? names->room * 2 : 16;
        struct name *items = reallocarray(names->items, room, sizeof *items);

        if (items == NULL)
            return -1;
        names->items = items;
        names->room = room;
    }
    char *copy = strdup(text);

    if (copy == NULL)
        return -1;
    names->items[names->count++] = (struct name){.text = copy, .type = type};
    return 0;
}

static int read_stream(DIR *stream, struct names *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);

        if (entry == NULL)
            return errno ? -1 : 0;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            names_add(names, entry->d_name, entry->d_type))
            return -1;
    }
}

int names_read(int directory, struct names *ret)
{
    struct names names = {0};
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    DIR *stream = fdopendir(fd);

    if (stream == NULL) {
        close(fd);
        return -1;
    }
    int status = read_stream(stream, &names);
    int cause = errno;

    closedir(stream);
    if (status) {
        names_free(&names);
        errno = cause;
        return -1;
    }
    *ret = names;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct name *a = left;
    const struct name *b = right;
    const unsigned char *p = (const unsigned char *)a->text;
    const unsigned char *q = (const unsigned char *)b->text;

    while (*p && *p == *q) {
        p++;
        q++;
    }
    int left_byte = *p ? *p : a->type == DT_DIR ? '/' : 0;
    int right_byte = *q ? *q : b->type == DT_DIR ? '/' : 0;

    return left_byte - right_byte;
}

void names_sort(struct names *names)
{
    if (names->count > 1)
        qsort(names->items, names->count, sizeof *names->items, compare);
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].text);
    free(names->items);
    *names = (struct names){0};
}
