#include "host/spec/spec_key.h"

#include <string.h>

#include "host/machine/scratch_disk.h"
#include "host/spec/spec.h"

#define AT(member) offsetof(struct spec, member)

const struct spec_key spec_keys[] = {
    {"name", SPEC_NAME, AT(name), 0, 0, 0, "Name of the image; a registry prefix is allowed."},
    {"tag", SPEC_TAG, AT(tag), 0, 0, 0, "Tag of the image."},
    {"fromImage", SPEC_REFERENCE, AT(from_image), 0, 0, 0,
     "Base image: a path or a transport reference such as docker-archive:FILE."},
    {"fromImageName", SPEC_STRING, AT(from_image_name), 0, 0, 0,
     "Name of the image to take from an archive with several."},
    {"fromImageTag", SPEC_STRING, AT(from_image_tag), 0, 0, 0,
     "Tag of the image to take from an archive with several."},
    {"contents", SPEC_PATHS, AT(contents), 0, 0, 0,
     "Folders (their contents), tarballs or files that are copied to the layer's root."},
    {"closure", SPEC_CLOSURE, AT(closure), 0, 0, 0,
     "Host paths that are stored at their own absolute paths, less what the base has."},
    {"config", SPEC_CONFIG, AT(config), 0, 0, 0,
     "Image config (Cmd, Env, User, ...), laid over the base image's."},
    {"runAsRoot", SPEC_SCRIPT, AT(run_as_root), 0, 0, 0,
     "Script that is run as root in the image."},
    {"extraCommands", SPEC_SCRIPT, AT(extra_commands), 0, 0, 0,
     "Shell commands that are run in the layer's folder with the builder's tools."},
    {"preMount", SPEC_SCRIPT, AT(pre_mount), 0, 0, 0,
     "Shell commands before the overlay is mounted."},
    {"postMount", SPEC_SCRIPT, AT(post_mount), 0, 0, 0,
     "Shell commands after runAsRoot, while the overlay is mounted."},
    {"postUmount", SPEC_SCRIPT, AT(post_umount), 0, 0, 0,
     "Shell commands after the overlay is unmounted."},
    {"shadowSetup", SPEC_BOOLEAN, AT(shadow_setup), 0, 0, 0,
     "Make /etc/passwd, shadow, group, gshadow, login.defs and pam.d/other where missing."},
    {"diskSize", SPEC_NUMBER, AT(disk_size), 10240, SCRATCH_DISK_MIN_MIB, SCRATCH_DISK_MAX_MIB,
     "Size of the scratch disk in MiB; it is sparse."},
    {"memory", SPEC_NUMBER, AT(memory), 512, 256, UINT64_C(4) << 20,
     "Memory of the VM in MiB; libguestfs wants 256 at least."},
    {"cpus", SPEC_NUMBER, AT(cpus), 1, 1, 32, "Processors of the VM."},
    {"network", SPEC_BOOLEAN, AT(network), 0, 0, 0, "User-mode network for runAsRoot."},
    {"shares", SPEC_SHARES, AT(shares), 0, 0, 0,
     "Host folders that are shown read-only in the guest."},
    {"env", SPEC_ENV, AT(env), 0, 0, 0,
     "Further environment of the scripts, which is never stored in the image."},
    {"created", SPEC_CREATED, AT(created), 0, 0, 0,
     "Creation time; newer entries of the layer are clamped to it."},
    {"stillClock", SPEC_BOOLEAN, AT(still_clock), 0, 0, 0,
     "Have the clock stand still while a script runs, so that all its times are one."},
    {"architecture", SPEC_ARCHITECTURE, AT(architecture), 0, 0, 0,
     "Architecture of the image, as Go names it."},
    {"timeout", SPEC_NUMBER, AT(timeout), 3600, 1, UINT64_C(30) * 24 * 3600,
     "Time limit of each script in seconds."},
};

const size_t spec_key_count = sizeof spec_keys / sizeof *spec_keys;

const struct spec_key *spec_key_find(const char *name)
{
    for (size_t i = 0; i < spec_key_count; i++)
        if (strcmp(spec_keys[i].name, name) == 0)
            return &spec_keys[i];
    return NULL;
}

const char *spec_key_name(size_t index)
{
    return spec_keys[index].name;
}
