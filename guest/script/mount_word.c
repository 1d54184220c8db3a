#include "guest/script/mount_word.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/contract.h"

#define ID_MAX (UINT32_MAX - 1)
#define MODE_MAX 07777

/* Reads TEXT, a number to BASE and at most MOST. Returns whether it is one. */
static bool read_number(const char *text, int base, uint64_t most, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(text, &end, base);
    return end != text && *end == '\0' && errno == 0 && *ret <= most &&
           text[strspn(text, "0123456789")] == '\0';
}

/* Reads the option NAME. Returns whether there is such a one with such a value. */
static bool read_option(const char *name, const char *value, struct mount_word *mount)
{
    uint64_t number;

    if (strcmp(name, "file") == 0)
        mount->file = value;
    else if (strcmp(name, "disk") == 0)
        mount->disk = value;
    else if (strcmp(name, "env") == 0)
        mount->variable = value;
    else if (strcmp(name, "part") == 0 && read_number(value, 10, GUEST_MOUNTS_MAX - 1, &number))
        mount->part = (unsigned)number;
    else if (strcmp(name, "writable") == 0 && read_number(value, 10, 1, &number))
        mount->is_writable = number == 1;
    else if (strcmp(name, "size") == 0)
        return read_number(value, 10, UINT64_MAX, &mount->size);
    else if (strcmp(name, "mode") == 0 && read_number(value, 8, MODE_MAX, &number))
        mount->has_mode = (mount->mode = (mode_t)number, true);
    else if (strcmp(name, "uid") == 0 && read_number(value, 10, ID_MAX, &number))
        mount->uid = (uid_t)number;
    else if (strcmp(name, "gid") == 0 && read_number(value, 10, ID_MAX, &number))
        mount->gid = (gid_t)number;
    else
        return false;
    return *value != '\0';
}

static bool read_options(char *options, struct mount_word *mount)
{
    char *next = options;

    for (char *option; (option = strsep(&next, ",")) != NULL;) {
        char *value = strchr(option, '=');

        if (value == NULL)
            return false;
        *value++ = '\0';
        if (!read_option(option, value, mount))
            return false;
    }
    return true;
}

/* Whether MOUNT has what its kind needs. */
static bool is_whole(const struct mount_word *mount)
{
    if (mount->kind == MOUNT_SECRET)
        return mount->file != NULL && (mount->target != NULL || mount->variable != NULL);
    return mount->target != NULL && (mount->kind != MOUNT_CACHE || mount->disk != NULL);
}

int mount_word_read(char *text, struct mount_word *ret, struct fault *fault)
{
    static const char *const kinds[] = {[MOUNT_TMPFS] = "tmpfs",
                                        [MOUNT_SECRET] = "secret",
                                        [MOUNT_BIND] = "bind",
                                        [MOUNT_CACHE] = "cache"};
    char *target = strchr(text, ':');
    size_t kind = 0;

    *ret = (struct mount_word){0};
    if (target == NULL || (target[1] != '/' && target[1] != '\0'))
        return fault_set(fault, EINVAL, "mount '%s'", text);
    *target++ = '\0';
    ret->target = *target != '\0' ? target : NULL;
    char *options = strchr(text, ',');

    if (options != NULL)
        *options++ = '\0';
    while (kind < sizeof kinds / sizeof *kinds && strcmp(kinds[kind], text) != 0)
        kind++;
    ret->kind = (enum mount_kind)kind;
    if (kind == sizeof kinds / sizeof *kinds || (options != NULL && !read_options(options, ret)) ||
        !is_whole(ret))
        return fault_set(fault, EINVAL, "mount a '%s' at '%s'", text, target);
    return 0;
}
