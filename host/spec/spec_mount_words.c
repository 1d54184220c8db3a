/* The mounts as the guest is told of them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_mount.h"
#include "host/spec/spec_secret.h"

/* Appends the word of MOUNT, which has NUMBER. */
static void write_mount(const struct spec_mount *mount, size_t number, struct strings *out)
{
    struct buffer word = {0};

    buffer_printf(&word, "%s", spec_mount_kinds[mount->kind]);
    if (mount->kind == SPEC_MOUNT_SECRET)
        buffer_printf(&word, ",file=%s%zu", GUEST_JOB_SECRET, mount->secret);
    if (mount->kind == SPEC_MOUNT_BIND)
        buffer_printf(&word, ",part=%zu,writable=%d", number, mount->is_writable);
    if (mount->kind == SPEC_MOUNT_CACHE)
        buffer_printf(&word, ",disk=%s%zu", GUEST_DISK_CACHE, number);
    if (mount->variable != NULL)
        buffer_printf(&word, ",env=%s", mount->variable);
    if (mount->size > 0)
        buffer_printf(&word, ",size=%" PRIu64, mount->size);
    if (mount->has_mode)
        buffer_printf(&word, ",mode=%" PRIo32, mount->mode);
    buffer_printf(&word, ",uid=%" PRIu32 ",gid=%" PRIu32 ":%s", mount->uid, mount->gid,
                  mount->target != NULL ? mount->target : "");
    strings_take(out, buffer_steal(&word));
}

/* What lies in another one comes after it. */
static int by_target(const void *a, const void *b)
{
    const struct spec_mount *const *left = a, *const *right = b;
    const char *one = (*left)->target, *other = (*right)->target;

    return strcmp(one != NULL ? one : "", other != NULL ? other : "");
}

void spec_mounts_write(const struct spec *spec, struct strings *out)
{
    const struct spec_mounts *mounts = &spec->mounts;
    CLEANUP(freep) const struct spec_mount **sorted = xcalloc(mounts->count + 1, sizeof *sorted);

    for (size_t i = 0; i < mounts->count; i++)
        sorted[i] = &mounts->items[i];
    qsort(sorted, mounts->count, sizeof *sorted, by_target);
    for (size_t i = 0; i < mounts->count; i++)
        if (sorted[i]->kind != SPEC_MOUNT_SECRET ||
            spec_secret_is_given(&spec->secrets.items[sorted[i]->secret]))
            write_mount(sorted[i], (size_t)(sorted[i] - mounts->items), out);
}
