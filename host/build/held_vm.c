#include "host/build/held_vm.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/progress.h"

/* Bytes of the tars that a held VM unpacks: they come by libguestfs' protocol, and beyond this, a
 * VM of one's own that has them as disks takes less time. */
#define LAYERS_MAX (UINT64_C(24) << 20)

static bool needs_vm(const struct spec *spec)
{
    struct plan plan;

    plan_make(spec, &plan);
    return plan.needs_vm;
}

/* Whether CONTENT can be read by a confined process. */
static bool is_here(const struct spec_content *content)
{
    return content->url == NULL && (content->image.name == NULL || content->image.is_built);
}

static bool are_here(const struct spec *spec)
{
    for (size_t i = 0; i < spec->contents.count; i++)
        if (!is_here(&spec->contents.items[i]))
            return false;
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (spec->mounts.items[i].kind == SPEC_MOUNT_BIND &&
            !is_here(&spec->mounts.items[i].content))
            return false;
    return true;
}

/* Whether a VM with devices or secrets for SPEC alone is needed. */
static bool needs_own(const struct spec *spec)
{
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (spec->mounts.items[i].kind == SPEC_MOUNT_CACHE)
            return true;
    /* Hooks are root in the builder's environment, which is not made anew. */
    for (size_t i = 0; i < GUEST_HOOK_COUNT; i++)
        if (spec->hooks[i] != NULL)
            return true;
    return spec->shares.count > 0 || spec->secrets.count > 0;
}

/* Whether the VM of ONE is that of OTHER, too. */
static bool are_alike(const struct spec *one, const struct spec *other)
{
    return one->memory == other->memory && one->cpus == other->cpus &&
           one->disk_size == other->disk_size && one->network == other->network &&
           one->architecture.is_given == other->architecture.is_given &&
           strcmp(one->architecture.name, other->architecture.name) == 0;
}

bool held_vm_suits(const struct held_vm *held, const struct spec *spec)
{
    bool needs = needs_vm(spec);

    if (held->count == HELD_VM_BUILDS_MAX || (needs && needs_own(spec)))
        return false;
    /* The first one opens what it needs before the process is confined. */
    if (held->count > 0 && !are_here(spec))
        return false;
    for (size_t i = 0; needs && i < held->count; i++)
        if (needs_vm(held->specs[i]) && !are_alike(held->specs[i], spec))
            return false;
    return true;
}

bool held_vm_is_wanted(const struct held_vm *held)
{
    for (size_t i = held->position + 1; i < held->count; i++)
        if (needs_vm(held->specs[i]))
            return true;
    return false;
}

void held_vm_keep(struct held_vm *held, struct vm **vm, struct base_disk *disk)
{
    held->vm = STEAL(*vm);
    held->disk = *disk;
    held->disk.is_held = true;
    *disk = (struct base_disk){.lock = -1};
}

/* Has the guest unpack what DISK lacks of BASE. */
static struct error *fill(struct vm *vm, struct store *store, const struct image *base,
                          struct base_disk *disk)
{
    progress_start("unpack");
    for (size_t i = disk->first; i < base->layer_count; i++)
        if (base->layers[i].size > 0)
            TRY(vm_add_base_layer(vm, base->layers[i].tar_path));
    TRY(base_disk_publish(store, disk));
    progress_done();
    return NULL;
}

/* Makes the VM ready for a build on BASE. */
static struct error *prepare(struct held_vm *held, struct store *store, struct image *base,
                             struct call_words *words, int64_t clock)
{
    bool fits = false;

    if (held->vm == NULL)
        return error_new(EXIT_VM, "use the VM of the build before: it has ended");
    if (base != NULL)
        TRY(base_disk_go_on(store, base, LAYERS_MAX, &held->disk, &fits));
    if (!fits)
        return error_new(EXIT_VM, "use the VM of the build before: its base does not fit");
    TRY(vm_renew(held->vm, clock, words));
    if (held->disk.is_new)
        TRY(fill(held->vm, store, base, &held->disk));
    return vm_mount_base(held->vm);
}

struct error *held_vm_take(struct held_vm *held, struct store *store, struct image *base,
                           struct call_words *words, int64_t clock, struct vm **ret_vm,
                           struct base_disk *ret_disk)
{
    struct error *err = prepare(held, store, base, words, clock);

    call_words_free(words);
    if (err != NULL) {
        progress_detail("the next image gets another VM: %s", err->message);
        held->is_spent = true;
        return err;
    }
    *ret_vm = STEAL(held->vm);
    *ret_disk = held->disk;
    held->disk = (struct base_disk){.lock = -1};
    return NULL;
}

void held_vm_free(struct held_vm *held)
{
    vm_free(STEAL(held->vm));
    base_disk_release(&held->disk);
    shared_cache_free(STEAL(held->shared));
    free(STEAL(held->last));
}
