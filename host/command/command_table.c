#include "host/command/command_table.h"

#include <string.h>

#define IMAGE                                                                                      \
    {                                                                                              \
        "IMAGE", ARGUMENT_IMAGE, NULL                                                              \
    }
#define REF                                                                                        \
    {                                                                                              \
        "REF", ARGUMENT_REGISTRY, NULL                                                             \
    }

static const struct choice cache_actions[] = {
    {"list", 0,
     "List all entries, a line each: the bytes that it takes on the disk, when it was last used "
     "(UTC), whether a running build uses it, and its name. The last line has the sum, the limit "
     "and the directory."},
    {"prune", 0,
     "Remove entries, the least recently used first, until the cache takes no more than `--limit`. "
     "Entries that a running build uses stay."},
    {"verify", 0,
     "Read all entries and check them: layers and blobs against their digests, base disks and "
     "saved "
     "VMs against their checksums. Those that are damaged are removed and listed, and the exit "
     "code "
     "is then 1. Builds check what they use themselves."},
    {"path", 0, "Print the directory of the cache, whether or not it exists."},
    {0},
};

const struct command command_table[COMMAND_COUNT] = {
    [COMMAND_BUILD] =
        {.name = "build",
         .arguments = {{"NAME", ARGUMENT_TEXT, NULL}},
         .arguments_min = 0,
         .arguments_max = -1,
         .summary = "build the image that a spec file describes (the default command)",
         .text =
             "Build the image that the spec file describes, and write it. The word `build` may "
             "be left out. The spec file is described in `vmbuild-spec(5)`.\n\n"
             "A spec without scripts needs no virtual machine, and none is started.\n\n"
             "A spec file may describe several images, some made of others. Then those called "
             "`NAME` are written, or else those that no other image of the file is made of. "
             "Images in place and of other files may be named, too, as `--set` has them. "
             "All that they need is built first, each image once, as far as it is not in the "
             "cache; see IMAGES THAT ARE MADE OF OTHERS of `vmbuild-spec(5)`.\n\n"
             "With `--file`, the image is that of a Dockerfile, which `convert` makes a spec of, "
             "and in place of names there may be a context, the directory that it copies from. "
             "See `vmbuild-dockerfile(7)`.",
         .supervised = true},
    [COMMAND_CONVERT] =
        {.name = "convert",
         .arguments = {{"CONTEXT", ARGUMENT_DIRECTORY, NULL}},
         .arguments_min = 0,
         .arguments_max = 1,
         .summary = "print the spec of the image that a Dockerfile describes",
         .text =
             "Print the spec that `build --file` builds, to be kept and built with `--spec` from "
             "then on: an image for each stage and for each instruction that changes files. "
             "`CONTEXT` is the directory that the Dockerfile copies from, by default the current "
             "one. Relative paths in the spec start from the current directory. The config of base "
             "images is read, and nothing is built. Warnings are those of `docker build --check`. "
             "See `vmbuild-dockerfile(7)`.",
         .supervised = true},
    [COMMAND_GRAPH] =
        {.name = "graph",
         .arguments = {{"NAME", ARGUMENT_TEXT, NULL}},
         .arguments_min = 0,
         .arguments_max = -1,
         .summary = "print the images of a spec and what each is made of, or what builds them",
         .text =
             "Print the images that a build of the spec would need, each after those that it is "
             "made of, or with `--format` a Makefile or a script for Slurm that has each of them "
             "built by a command of its own, on one machine or on many. Nothing is built. The "
             "other options are those of the builds: they are written into each command. See MANY "
             "MACHINES.",
         .supervised = true},
    [COMMAND_SHELL] =
        {.name = "shell",
         .arguments = {IMAGE},
         .arguments_min = 0,
         .arguments_max = 1,
         .summary = "open a root shell in an image, or at a step of a build",
         .text =
             "Boot a virtual machine and open a shell in it, as root and in exactly the view that "
             "a script has: of an image what `runAsRoot` sees on top of it, and with `--spec` what "
             "the script of a step sees, after all steps before it. By default that is "
             "`runAsRoot`, or the first script of a spec without it. The script lies in "
             "`/dev/vmbuild`, that of a hook in `/job`.\n\n"
             "The shell is the image's `bash` or `sh`, and for hooks the builder's busybox. It has "
             "the user's terminal, with job control and all keys but one: `Ctrl-]` typed three "
             "times within a second ends the virtual machine, whatever state it is in. If standard "
             "input or output is not a terminal, commands are read from standard input.\n\n"
             "Nothing is stored unless `--commit` is given. The exit code is that of the shell.",
         .supervised = true},
    [COMMAND_RUN] =
        {.name = "run",
         .arguments = {IMAGE, {"COMMAND", ARGUMENT_TEXT, NULL}},
         .arguments_min = 2,
         .arguments_max = -1,
         .summary = "run a command in an image",
         .text =
             "Boot a virtual machine and run a command in it, as root and in the view that "
             "`runAsRoot` would have on top of the image, without a terminal. Standard input is "
             "passed on unless it is a terminal; standard output and error come out as the command "
             "writes them. What follows the image is the command, options included; a `--` before "
             "it is left out.\n\n"
             "Nothing is stored unless `--commit` is given. The exit code is the command's: 127 if "
             "it is not in the image, and 128 and the number of the signal if one has killed it.",
         .supervised = true,
         .is_prefix = true},
    [COMMAND_RESUME] =
        {.name = "resume",
         .arguments = {{"FILE", ARGUMENT_FILE, NULL}},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "open a failed step that was kept",
         .text =
             "Open the file that a build with `--on-failure keep=FILE` has left: boot a virtual "
             "machine and open a shell in it as `shell` does, in the view of the script that has "
             "failed, with the layer as it was then. With `--retry` the script is run again "
             "instead, and the build goes on from there to its image. Its base image is taken from "
             "the file, or from where the spec has it, which `--set fromImage=IMAGE` overrides; it "
             "must have the same layers.\n\n"
             "Whoever has written the file is trusted as the author of a spec is.",
         .supervised = true},
    [COMMAND_EXPORT] =
        {.name = "export",
         .arguments = {IMAGE},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "write the whole file system of an image as one tar",
         .text =
             "Merge all layers of the image into one tar, as a container would see them. Whiteouts "
             "are applied, entries are sorted, and owners are numbers only. The tar depends on "
             "nothing but the layers. No virtual machine is needed.",
         .supervised = true},
    [COMMAND_PULL] =
        {.name = "pull",
         .arguments = {REF},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "fetch an image from a registry",
         .text = "Fetch an image from a registry and write it to a file or a directory. Every byte "
                 "is checked against its digest before it is used. The last event with "
                 "`--progress=json` has the digest of the manifest. Layers that the cache holds "
                 "are not fetched again.",
         .supervised = true},
    [COMMAND_PUSH] =
        {.name = "push",
         .arguments = {IMAGE, REF},
         .arguments_min = 2,
         .arguments_max = -1,
         .summary = "upload an image to a registry",
         .text = "Upload an image to a registry. Blobs that the registry has are not sent again, "
                 "and compressed layers keep their bytes. It may be pushed under several names at "
                 "once, for which its blobs are sent to each repository once. At the end each "
                 "reference and the digest of the manifest are shown.",
         .supervised = true},
    [COMMAND_COPY] =
        {.name = "copy",
         .arguments = {IMAGE, {"TARGET", ARGUMENT_IMAGE, NULL}},
         .arguments_min = 2,
         .arguments_max = -1,
         .summary = "copy an image between files, directories and registries",
         .text =
             "Copy an image to each target, which is written as in IMAGES. A plain path becomes "
             "a docker-archive. An archive and a `dir` are replaced; an OCI layout that exists "
             "keeps its other images. The image keeps its name unless the target has one, and "
             "its manifest and digest where the format of the target allows.",
         .supervised = true},
    [COMMAND_LOGIN] =
        {.name = "login",
         .arguments = {{"REGISTRY", ARGUMENT_TEXT, NULL}},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "log in to a registry",
         .text = "Check a user name and a password at a registry, `HOST[:PORT]` or "
                 "`HOST[:PORT]/NAMESPACE`, and keep them in a file for later commands, and for "
                 "skopeo, podman and buildah: that of `--authfile`, of `REGISTRY_AUTH_FILE`, or "
                 "`$XDG_RUNTIME_DIR/containers/auth.json`. Only the user can read the file. If it "
                 "names a credential helper for the registry, that keeps them, unless they are for "
                 "a namespace. On a terminal, what is not given is asked for.",
         .supervised = true},
    [COMMAND_LOGOUT] = {.name = "logout",
                        .arguments = {{"REGISTRY", ARGUMENT_TEXT, NULL}},
                        .arguments_min = 1,
                        .arguments_max = 1,
                        .summary = "forget the credentials for a registry",
                        .text = "Remove what `login` keeps for a registry.",
                        .supervised = true},
    [COMMAND_MERGE] =
        {.name = "merge",
         .arguments = {{"PATH", ARGUMENT_FILE, NULL}},
         .arguments_min = 1,
         .arguments_max = -1,
         .summary = "merge directories and tarballs into one directory",
         .text =
             "Copy the contents of all directories and tarballs into one new directory. If two "
             "of them have the same path, the later one wins; directories are merged, also through "
             "symlinks that lead to them. A directory that meets a file or a dangling symlink is "
             "an error. Modes, times and hard links are kept; the owner is the user. An existing "
             "directory is not replaced.",
         .supervised = true},
    [COMMAND_TARSUM] =
        {.name = "tarsum",
         .arguments = {{"FILE", ARGUMENT_FILE, NULL}},
         .arguments_min = 0,
         .arguments_max = 1,
         .summary = "print Docker's tarsum of a layer",
         .text =
             "Print Docker's tarsum of a layer tar, such as `tarsum.v1+sha256:HEX`. The tar may "
             "be compressed. Without a file, or with `-`, standard input is read."},
    [COMMAND_INSPECT] =
        {.name = "inspect",
         .arguments = {IMAGE},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "show what an image holds, as JSON",
         .text = "Print a JSON object with the name, the tag, the image ID, the digest of the "
                 "manifest, the config, the layers (digest, diff ID, sizes, compression) and the "
                 "history of the image. Of an image in a registry only the manifest and the config "
                 "are fetched, so that the uncompressed sizes may be null.",
         .supervised = true},
    [COMMAND_LIST_TAGS] =
        {.name = "list-tags",
         .arguments = {REF},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "list the tags of a repository in a registry",
         .text = "Print a JSON object with the name of the repository, `Repository`, and the list "
                 "of its tags, `Tags`. The tag of the reference does not matter.",
         .supervised = true},
    [COMMAND_DOCTOR] =
        {.name = "doctor",
         .summary = "check what this host offers",
         .text =
             "Check QEMU, libguestfs, the appliance, the accelerator, what the kernel offers to "
             "confine QEMU, memory, scratch space and the cache, and if none of these is BAD, boot "
             "a virtual machine. Each check reports "
             "what it found and why that matters; if something is wrong, it shows the command "
             "that fixes it. The exit code is 4 if builds cannot work here.",
         .supervised = true},
    [COMMAND_CACHE] =
        {.name = "cache",
         .arguments = {{"ACTION", ARGUMENT_CHOICE, cache_actions}},
         .arguments_min = 1,
         .arguments_max = 1,
         .summary = "show, check or prune the cache of layers, base disks and saved VMs",
         .text = "Manage the cache. Nothing in it is needed for correctness: what is missing is "
                 "made or fetched again.",
         .supervised = true},
    [COMMAND_SCHEMA] =
        {.name = "schema",
         .summary = "print the JSON Schema of the spec file",
         .text = "Print the JSON Schema (draft 2020-12) of the spec file, for editors and "
                 "validators."},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    return NULL;
}

unsigned int command_bit(const struct command *command)
{
    return 1u << (command - command_table);
}

bool command_repeats(const struct command *command, int index)
{
    return command->arguments_max < 0 &&
           (index + 1 == COMMAND_ARGUMENTS_MAX || command->arguments[index + 1].name == NULL);
}
