#include "host/spec/spec_key.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/machine/scratch_disk.h"
#include "host/spec/spec.h"
#include "host/spec/spec_command.h"
#include "host/spec/spec_contents.h"
#include "host/spec/spec_image.h"
#include "host/spec/spec_mount.h"
#include "host/spec/spec_path.h"
#include "host/spec/spec_secret.h"
#include "host/spec/spec_value.h"

#define AT(member) offsetof(struct spec, member)

/* In the order in which the documents list them. */
const struct spec_key spec_keys[] = {
    {
        .name = "name",
        .kind = &spec_value_name,
        .offset = AT(name),
        .is_apart = true,
        .required = true,
        .summary = "Name of the image; a registry prefix is allowed.",
        .documentation =
            "The name that the image has in archives and registries: lower-case parts separated "
            "by `/`, the first of which may be a registry such as `localhost:5000`.\n\n"
            "The last part is also the base name of the default output.",
    },
    {
        .name = "tag",
        .kind = &spec_value_tag,
        .offset = AT(tag),
        .is_apart = true,
        .initial = "latest",
        .summary = "Tag of the image.",
        .documentation = "The tag that the image has in archives and registries.",
    },
    {
        .name = "fromImage",
        .kind = &spec_image_base,
        .offset = AT(from_image),
        .is_apart = true,
        .summary = "Base image: a path, a transport reference such as docker-archive:FILE, or a "
                   "spec that is built for it.",
        .documentation =
            "The base image, on which the new layer is laid. The format of the image at a plain "
            "path is recognised: a Docker or OCI archive, compressed or not, an OCI layout, or a "
            "directory of skopeo's; `-` is an archive on standard input. A transport names it: "
            "`docker-archive:FILE[:REF|:@INDEX]`, `oci-archive:FILE[:REF]`, `oci:DIR[:REF]`, "
            "`dir:DIR` or `docker://HOST/NAME[:TAG|@DIGEST]`.\n\n"
            "The image inherits the base's layers, its whole config and its architecture. Of an "
            "image for several architectures, the one for `architecture` is taken.\n\n"
            "An object stands for an image that is built first: `{\"spec\": FILE}`, `{\"use\": "
            "NAME}` or a spec in place. See IMAGES THAT ARE MADE OF OTHERS.\n\n"
            "Without this key the image has a single layer, and scripts start from an empty "
            "directory.",
    },
    {
        .name = "fromImageName",
        .kind = &spec_value_string,
        .offset = AT(from_image_name),
        .is_apart = true,
        .otherwise = "the first",
        .summary = "Name of the image to take from an archive with several.",
        .documentation =
            "The name of the image to take from a `fromImage` that holds several. The prefixes "
            "`docker.io/` and `library/` may be left out.",
    },
    {
        .name = "fromImageTag",
        .kind = &spec_value_string,
        .offset = AT(from_image_tag),
        .is_apart = true,
        .otherwise = "the first",
        .summary = "Tag of the image to take from an archive with several.",
        .documentation = "The tag of the image to take from a `fromImage` that holds several.",
    },
    {
        .name = "contents",
        .kind = &spec_contents_list,
        .offset = AT(contents),
        .is_apart = true,
        .summary = "Directories (their contents), tarballs or files that are copied to the "
                   "layer's root.",
        .documentation =
            "What is copied to the root of the layer before any script runs. Each path is a "
            "directory, whose contents are copied; a tarball of any compression, whose members "
            "are; or another file. Directories are merged; if two sources have the same path, "
            "the later one wins.\n\n"
            "If the base image or an earlier source has a symlink to a directory, such as `/bin` "
            "on a base with `/usr` merged, what is copied there lies where the symlink leads, "
            "within the root. A directory that meets a file or a dangling symlink is an error; "
            "anything else replaces what is at its path.\n\n"
            "All entries are owned by root and writable by their owner and group; but what is "
            "setuid, setgid or sticky, or what its owner must not write either, does not become "
            "writable by its group. Symlinks, hard links and extended attributes are kept.\n\n"
            "An element of the list may also be an object, with `source` as its path and any of "
            "the following. `target` is the absolute path of the directory to copy to, by default "
            "`/`; it is made with mode 0755 if it is missing. `owner` is `USER[:GROUP]`, by "
            "default `0:0`, or `keep`. A user or group is a number, or a name that the base image "
            "has in `/etc/passwd` or `/etc/group`; if the group is left out, it is that of the "
            "user there, or has the user's number. `mode` is, for all but symlinks, an octal "
            "number or a change as of chmod(1), such as `u=rwX,go=rX`; `keep`; or `+w`, which is "
            "the default and as above. `keep` keeps the numbers in the tarball or of the host's "
            "files. `exclude` is "
            "a list of patterns, as in a `.gitignore` file, for what is not copied: `*`, `?` and "
            "`[...]` stand for characters of one name, `**` for any number of directories. One "
            "without a `/` is for names at any depth, any other for paths in the source; with a "
            "`/` at its end it is for directories alone.\n\n"
            "`ignore` is a list of patterns, too, and `excludeFile` a file with one on each line, "
            "both as in a `.dockerignore` file, where `/` need not begin a pattern for paths from "
            "the source's root, `**` stands for any number of directories, and one that begins "
            "with `!` takes back in what earlier ones leave out.\n\n"
            "With `path`, `source` is a directory, of which what is at that absolute path is "
            "copied; see Copying as Dockerfiles do. `{\"directory\": PATH}` makes a directory, and "
            "`{\"text\": TEXT, \"name\": NAME}` a file, and `{\"url\": URL}` fetches one; see "
            "Directories, texts and files of the network.\n\n"
            "With `image` and `path` in place of `source`, a part of another image is copied, as "
            "in "
            "`{\"image\": \"tools.tar\", \"path\": \"/out\", \"target\": \"/usr/local\"}`; see "
            "Parts of "
            "other images.\n\n"
            "For example, `{\"source\": \"rootfs.tar\", \"owner\": \"keep\", "
            "\"mode\": \"keep\", \"exclude\": [\"var/cache/\", \"*.pyc\"]}` copies a root file "
            "system.",
    },
    {
        .name = "closure",
        .kind = &spec_path_closure,
        .offset = AT(closure),
        .is_apart = true,
        .summary = "Host paths that are stored at their own absolute paths, less what the base "
                   "has.",
        .documentation =
            "Paths of the host that are stored in the layer at their own absolute paths, such as "
            "those that `nix-store -qR` prints. `{\"file\": PATH}` names a file with one path "
            "per line. A path that the base image or `contents` has is left out. Symlinks to "
            "directories are followed as for `contents`.\n\n"
            "Entries are owned by root and keep their modes, symlinks, hard links and extended "
            "attributes.",
    },
    {
        .name = "config",
        .kind = &spec_value_config,
        .offset = AT(config),
        .is_apart = true,
        .otherwise = "{}",
        .summary = "Image config (Cmd, Env, User, ...), laid over the base image's.",
        .documentation =
            "The `config` object of an OCI or Docker image: `Cmd`, `Entrypoint`, `Env`, "
            "`ExposedPorts`, `Labels`, `User`, `Volumes`, `WorkingDir` and so on. Names are "
            "spelled as in the OCI image specification; unknown ones are kept. A `Cmd` or "
            "`Entrypoint` that is a string is a list of one.\n\n"
            "The whole config of the base image is inherited. `Env` is merged by the names of "
            "its variables, `Labels`, `ExposedPorts` and `Volumes` by key, and every other "
            "member replaces the base's. A null member removes the base's, as does a null entry "
            "of `Labels`, `ExposedPorts` or `Volumes`. Setting `Entrypoint` without `Cmd` clears "
            "the base's `Cmd`.",
    },
    {
        .name = "annotations",
        .kind = &spec_value_annotations,
        .offset = AT(annotations),
        .is_apart = true,
        .otherwise = "{}",
        .summary = "Annotations of the image's OCI manifest.",
        .documentation =
            "Annotations of the image's manifest, in the formats `oci` and `oci-archive` and in "
            "registries: names and texts. They are set beside `org.opencontainers.image.created`, "
            "which is `created` of the spec, and `org.opencontainers.image.base.name` and "
            "`.base.digest`, the full name of the base image and the digest of its manifest, if it "
            "has them: the image in a docker-archive has no manifest. One of the same name "
            "replaces them, and null leaves them out.",
    },
    {
        .name = "createdBy",
        .kind = &spec_value_string,
        .offset = AT(created_by),
        .is_apart = true,
        .otherwise = "what made the layer",
        .summary = "Text of the image's entry in its history.",
        .documentation =
            "The member `created_by` of the image's entry in its history. By default it tells what "
            "was copied, and the first line of each script.",
    },
    {
        .name = "emptyLayer",
        .kind = &spec_value_boolean,
        .offset = AT(empty_layer),
        .is_apart = true,
        .initial = "true",
        .summary = "Whether an image of nothing has a layer, which is empty.",
        .documentation = "Whether an image without `fromImage` that has no `contents` and runs no "
                         "script has a layer, which is empty then. Without, it has a config alone, "
                         "as what a Dockerfile makes of `FROM scratch` and no instruction that "
                         "changes files.",
    },
    {
        .name = "author",
        .kind = &spec_value_string,
        .offset = AT(author),
        .is_apart = true,
        .otherwise = "the base image's",
        .summary = "Author of the image.",
        .documentation = "The author of the image, in its config and in its entry of the history.",
    },
    {
        .name = "runAsRoot",
        .kind = &spec_path_script,
        .offset = AT(run_as_root),
        .summary = "Script that is run as root in the image.",
        .documentation =
            "A script that runs as root in the image, in a VM; what it changes becomes the "
            "layer. A `#!` line names its interpreter in the image; without one it runs under "
            "the image's `/bin/sh -e`. `{\"file\": PATH}` names a file that holds the script.\n\n"
            "Its environment is the `Env` of the base image, overridden by `env` and "
            "`SOURCE_DATE_EPOCH`, with a usable `PATH` and `HOME=/root` if they are not set. Its "
            "working directory is `/`, its umask is 022, and it has no standard input.\n\n"
            "The steps of a build run in this order: contents, preMount, mount, runAsRoot, "
            "postMount, unmount, postUmount, extraCommands, pack. Those that the spec does not "
            "need are left out, and a spec with neither scripts nor `shadowSetup` starts no VM.",
    },
    {
        .name = "run",
        .kind = &spec_command_kind,
        .offset = AT(run),
        .summary = "Command that is run as in a container of the image.",
        .documentation =
            "A command that runs as a container of the image would run it, in a VM; what it "
            "changes becomes the layer. A string is a command line for the image's `/bin/sh -c`, "
            "or, if it begins with `#!`, a script whose interpreter that line names. A list is a "
            "program, found by `PATH`, and its arguments. It excludes `runAsRoot`, and takes its "
            "place among the steps.\n\n"
            "The command has the user, the working directory and the environment that the base "
            "image's config and `config` give: `User`, `WorkingDir` and `Env`. See run in "
            "SCRIPTS.",
    },
    {
        .name = "extraCommands",
        .kind = &spec_path_script,
        .offset = AT(hooks[GUEST_HOOK_EXTRA_COMMANDS]),
        .summary = "Shell commands that are run in the layer's directory with the builder's tools.",
        .documentation =
            "Shell commands that run after everything else, in the directory that becomes the "
            "layer. Like `preMount`, they run under busybox `sh -e` outside the image.",
    },
    {
        .name = "preMount",
        .kind = &spec_path_script,
        .offset = AT(hooks[GUEST_HOOK_PRE_MOUNT]),
        .summary = "Shell commands before the overlay is mounted.",
        .documentation =
            "Shell commands that run before the merged view of base and layer is mounted. Such a "
            "hook runs as root under busybox `sh -e` in the VM, but outside the image. Its "
            "working directory is the root of the scratch disk, which holds `layer/` (what the "
            "image gets), `image/` (the base), `mnt/` (the merged view) and `work/`.\n\n"
            "Its environment is `env` and `SOURCE_DATE_EPOCH`, with a `PATH` that leads to "
            "busybox and `HOME=/root` if they are not set. Its umask is 022, and it has no "
            "standard input and no network.",
    },
    {
        .name = "postMount",
        .kind = &spec_path_script,
        .offset = AT(hooks[GUEST_HOOK_POST_MOUNT]),
        .summary = "Shell commands after runAsRoot, while the overlay is mounted.",
        .documentation =
            "Shell commands that run after `runAsRoot`, while the merged view is mounted at "
            "`mnt/`. Everything else is as for `preMount`.",
    },
    {
        .name = "postUmount",
        .kind = &spec_path_script,
        .offset = AT(hooks[GUEST_HOOK_POST_UMOUNT]),
        .summary = "Shell commands after the overlay is unmounted.",
        .documentation =
            "Shell commands that run after the merged view was unmounted. Everything else is as "
            "for `preMount`.",
    },
    {
        .name = "shadowSetup",
        .kind = &spec_value_boolean,
        .offset = AT(shadow_setup),
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_SHADOW,
        .initial = "false",
        .summary = "Create /etc/passwd, shadow, group, gshadow, login.defs and pam.d/other if "
                   "missing.",
        .documentation =
            "Creates the files that programs such as `useradd` need, if the image lacks them, "
            "before `runAsRoot` or `run` runs: `/etc/passwd` and `/etc/shadow` with root alone, "
            "`/etc/group` and `/etc/gshadow` likewise, an empty `/etc/login.defs`, and an "
            "`/etc/pam.d/other` for `pam_unix`. It takes effect without `runAsRoot`, too.",
    },
    {
        .name = "diskSize",
        .kind = &spec_value_number,
        .offset = AT(disk_size),
        .part = SPEC_PART_VM,
        .initial = "10240",
        .unit = "MiB",
        .least = SCRATCH_DISK_MIN_MIB,
        .most = SCRATCH_DISK_MAX_MIB,
        .summary = "Size of the scratch disk in MiB; it is sparse.",
        .documentation =
            "The size of the scratch disk, on which the layer is made. The disk is sparse: it "
            "takes no more room on the host than is written to it. Its journal takes up to 64 "
            "MiB of it.",
    },
    {
        .name = "memory",
        .kind = &spec_value_number,
        .offset = AT(memory),
        .part = SPEC_PART_VM,
        .initial = "512",
        .unit = "MiB",
        .least = 256,
        .most = UINT64_C(4) << 20,
        .summary = "Memory of the VM in MiB; libguestfs requires at least 256.",
        .documentation = "The memory of the VM.",
    },
    {
        .name = "cpus",
        .kind = &spec_value_number,
        .offset = AT(cpus),
        .part = SPEC_PART_VM,
        .initial = "1",
        .least = 1,
        .most = 32,
        .summary = "Processors of the VM.",
        .documentation = "The number of processors of the VM.",
    },
    {
        .name = "network",
        .kind = &spec_value_boolean,
        .offset = AT(network),
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_NETWORK,
        .initial = "false",
        .summary = "User-mode network for runAsRoot or run.",
        .documentation =
            "Gives `runAsRoot` or `run` a user-mode network: TCP and UDP over IPv4 through the "
            "host, "
            "no raw sockets and no incoming connections. The hooks have none.\n\n"
            "The script reaches public addresses. It does not reach the host itself, private "
            "(10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10) and link-local addresses "
            "(169.254.0.0/16), unless whoever builds the spec grants that with "
            "`--allow-network`. A connection to them fails at once, and a note names its address "
            "and port. With `--allow-network host` the gateway's address, 10.0.2.2, leads to the "
            "host's loopback interface.\n\n"
            "The script has the host's name resolution, whatever addresses its name servers have, "
            "its CA bundle and its proxy variables. The address and port of each proxy are "
            "granted; a proxy on the loopback interface is replaced by the gateway. None of these "
            "is stored in the image.\n\n"
            "The guest's clock then starts at the host's time rather than at a fixed one, since "
            "certificates are checked against it.",
    },
    {
        .name = "shares",
        .kind = &spec_path_shares,
        .offset = AT(shares),
        .is_apart = true,
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_SHARE,
        .summary = "Host directories that are shown read-only in the guest.",
        .documentation =
            "Directories of the host that `runAsRoot` or `run` and the hooks see read-only. "
            "`source` "
            "is a directory of the host, `target` an absolute path in the guest, which must not be "
            "the root directory, in `/dev`, `/proc` or `/sys`, nor in or above another target. "
            "Owners are the host's numbers. Nothing of a share is stored in the image.\n\n"
            "A hook does not see a share that would cover what it needs itself: busybox, the "
            "scratch disk or its own script.",
    },
    {
        .name = "env",
        .kind = &spec_value_env,
        .offset = AT(env),
        .part = SPEC_PART_VM,
        .summary = "Further environment of the scripts, which is never stored in the image.",
        .documentation =
            "Further environment variables of `runAsRoot` or `run` and the hooks, which override "
            "the base "
            "image's. They are never stored in the image. `SOURCE_DATE_EPOCH`, `PATH` and `HOME` "
            "may be set, too. Scripts find them in the order of their names, whatever it is here.",
    },
    {
        .name = "secrets",
        .kind = &spec_secret_list,
        .offset = AT(secrets),
        .is_apart = true,
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_SECRET,
        .summary = "Files for runAsRoot or run alone, in memory, that never reach the image.",
        .documentation =
            "Files that `runAsRoot` or `run` alone sees, and that are stored nowhere: tokens, "
            "passwords, "
            "keys. `id` names a secret: letters, digits, `_`, `-` and `.`. Its bytes are those of "
            "`file`, a file of the host, or of `env`, a variable of vmbuild's environment; if "
            "neither is given, `--secret` must give it, which also takes the place of either. "
            "`target` is the absolute path at which the script finds it, by default "
            "`/run/secrets/ID`; it must not be in `/dev`, `/proc` or `/sys`. See SECRETS.",
    },
    {
        .name = "mounts",
        .kind = &spec_mount_list,
        .offset = AT(mounts),
        .is_apart = true,
        .part = SPEC_PART_VM,
        .summary = "What runAsRoot or run has mounted for itself.",
        .documentation =
            "Files, file systems and secrets that `runAsRoot` or `run` alone has, as with Docker's "
            "`RUN "
            "--mount`. `type` is one of the following, and `target` the absolute path at which the "
            "script finds it, which must not be in `/dev`, `/proc` or `/sys`, but may be in "
            "another. "
            "What the image lacks on the way to it is there while the script runs, and "
            "is no part of the layer. `mode`, an octal number, `uid` and `gid` are texts, such as "
            "`\"0700\"`.\n\n"
            "`bind` is a directory or a file of the host, `source`, or with `image` in place of "
            "it, "
            "of another image; `path` is one in either. It is a copy, and read-only unless "
            "`writable` "
            "is true; what is written to it is thrown away. Owners, modes, `exclude`, "
            "`excludeFile` "
            "and `ignore` are as for `contents`.\n\n"
            "`tmpfs` is an empty file system in memory. It has the mode of the directory that it "
            "covers, or 1777; `size` limits it, as in `\"64m\"`.\n\n"
            "`secret` is the secret `id`, which `--secret` or `secrets` gives, as a file, by "
            "default `/run/secrets/ID` with mode 0400, or as the variable `env`, with which there "
            "is a file only if `target` is given. Unless `required` is true, one that is not given "
            "is left out. A secret of `--secret` that a mount names is seen by mounts alone; see "
            "SECRETS.\n\n"
            "`cache` is a directory that stays in the cache between builds, under `id`, by default "
            "its target, and that is no part of the layer: for what a package manager or a "
            "compiler "
            "keeps. It is empty at first, with mode 0755 unless `mode` is given. It may be empty "
            "at "
            "any time: what a script makes must not depend on it, since the key of a build does "
            "not. A build gets what the last one left whose script succeeded, up to 10 GiB; with "
            "`sharing` `locked` one build at a time has it, with `shared`, which is the default, "
            "and "
            "`private` each that runs at the same time has its own, and what the last one leaves "
            "stays.",
    },
    {
        .name = "created",
        .kind = &spec_value_time,
        .offset = AT(created),
        .is_apart = true,
        .otherwise = "SOURCE_DATE_EPOCH, else 1970-01-01T00:00:01Z",
        .summary =
            "Creation time; the times of the layer's entries are not newer than it and the base.",
        .documentation =
            "The creation time of the image: an RFC 3339 time or `now`. The default is the "
            "environment variable `SOURCE_DATE_EPOCH` (seconds since 1970) or, if that is not "
            "set, `1970-01-01T00:00:01Z`. Scripts find this time in `SOURCE_DATE_EPOCH`.\n\n"
            "Times of entries in the layer are clamped to the later of this time and the base "
            "image's creation time, which is the latest in its config and history: a file of the "
            "base whose owner a script changes keeps its time.\n\n"
            "For each script, the guest's clock starts at the later of these two, or at the "
            "host's time if `network` is true.",
    },
    {
        .name = "stillClock",
        .kind = &spec_value_boolean,
        .offset = AT(still_clock),
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_STILL,
        .initial = "false",
        .summary = "Stop the clock while a script runs, so that all its times are the same.",
        .documentation =
            "Stops the clock while a script runs, so that all times that it sees or leaves are "
            "the same second: a package manager's logs do not differ between builds.\n\n"
            "A program that waits for a time of day, rather than for a period, then waits "
            "forever, and `make` cannot tell which of two new files is newer.",
    },
    {
        .name = "architecture",
        .kind = &spec_value_architecture,
        .offset = AT(architecture),
        .is_apart = true,
        .otherwise = "the host's",
        .summary = "Architecture of the image, as Go names it.",
        .documentation =
            "The architecture of the image by its name in Go, such as `amd64` or `arm64`; a "
            "variant may follow, as in `arm/v7`. The kernel's names, such as `aarch64`, are "
            "understood, too. If the base image exists for several, this one is taken; a base that "
            "exists only for others is an error. Without this key a base for any architecture will "
            "do, and the image then has the base's. Scripts run in a guest for this architecture, "
            "which there is for `amd64` and `386` and, if it was built, for `arm64` and `arm`, "
            "`ppc64le`, `riscv64` and `s390x`: see OTHER ARCHITECTURES of `vmbuild(1)`. Without "
            "this key `extraCommands` and the like, which run the guest's "
            "own programs, run in that of the host.\n\n"
            "Of several variants of `amd64` without a plain one, the highest is taken that the "
            "guest can run, at most `v3`.",
    },
    {
        .name = "timeout",
        .kind = &spec_value_number,
        .offset = AT(timeout),
        .is_apart = true,
        .part = SPEC_PART_VM,
        .word = GUEST_WORD_TIMEOUT,
        .initial = "3600",
        .unit = "seconds",
        .least = 1,
        .most = UINT64_C(30) * 24 * 3600,
        .summary = "Time limit of each script in seconds.",
        .documentation =
            "The time limit of each script. A script that runs longer is killed, and the build "
            "fails.",
    },
};

const size_t spec_key_count = sizeof spec_keys / sizeof *spec_keys;

const struct spec_key *spec_key_find(const char *name)
{
    for (size_t i = 0; i < spec_key_count; i++)
        if (strcmp(spec_keys[i].name, name) == 0)
            return &spec_keys[i];
    return NULL;
}

const char *spec_key_type(const struct spec_key *key)
{
    return key->unit != NULL ? key->unit : key->kind->type;
}

const char *spec_key_default(const struct spec_key *key, bool *ret_literal)
{
    *ret_literal = key->initial != NULL;
    if (key->initial != NULL)
        return key->initial;
    if (key->otherwise != NULL)
        return key->otherwise;
    return key->required ? "required" : "none";
}

/* The lines of an option's text would be taken for the spec file's. */
static void clear_lines(struct json *value)
{
    value->line = 0;
    for (size_t i = 0; i < value->count; i++)
        clear_lines(value->items[i]);
}

static bool is_json(const struct spec_kind *kind, const char *text)
{
    return kind->json_start != NULL &&
           strncmp(text, kind->json_start, strlen(kind->json_start)) == 0;
}

struct error *spec_key_value(const struct spec_key *key, const char *text, struct json **ret)
{
    CLEANUP(json_freep) struct json *value = NULL;

    if (!is_json(key->kind, text)) {
        *ret = json_string(text);
        return NULL;
    }
    CLEANUP(error_freep) struct error *err = json_parse("JSON", text, strlen(text), &value);
    CLEANUP(freep)
    char *requirement = key->kind->judge != NULL ? key->kind->judge(key, value) : NULL;

    if (requirement != NULL)
        return error_new(EXIT_USAGE, "key '%s': '%.40s' %s", key->name, text, requirement);
    if (err != NULL)
        return error_new(EXIT_USAGE, "key '%s': %s", key->name, err->message);
    clear_lines(value);
    *ret = STEAL(value);
    return NULL;
}
