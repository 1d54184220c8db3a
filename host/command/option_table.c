#include "host/command/option_table.h"

#include <assert.h>

#include "host/command/options.h"

#define BIT(name) (1u << COMMAND_##name)
#define SESSIONS (BIT(SHELL) | BIT(RUN))
#define VMS (BIT(BUILD) | SESSIONS | BIT(RESUME))
#define BUILDS (BIT(BUILD) | BIT(GRAPH)) /* the second writes them into commands of the first */
#define DOCKERFILES (BIT(BUILD) | BIT(CONVERT))
#define SINGLES (BIT(EXPORT) | BIT(PULL) | BIT(PUSH) | BIT(COPY) | BIT(INSPECT)) /* one image */
#define IMAGES (VMS | BIT(CONVERT) | SINGLES)
#define REGISTRIES (IMAGES | BIT(LOGIN) | BIT(LIST_TAGS))
#define ALL ((1u << COMMAND_COUNT) - 1)

#define MEMBER(member) .offset = offsetof(struct options, member)

static const struct choice formats[] = {
    {"docker-archive", FORMAT_DOCKER_ARCHIVE,
     "An archive as `docker save` writes it. This is the default."},
    {"oci-archive", FORMAT_OCI_ARCHIVE, "An OCI image layout in a tar."},
    {"oci", FORMAT_OCI, "An OCI image layout in a directory."},
    {"layer", FORMAT_LAYER,
     "A directory with the new layer alone: `layer.tar`, `json` and `VERSION`."},
    {0},
};

static const struct choice graph_formats[] = {
    {"json", GRAPH_JSON,
     "An object with each image: what it needs, the key of its layer, and whether the cache has "
     "it. This is the default."},
    {"dot", GRAPH_DOT, "The same as a picture, for Graphviz."},
    {"make", GRAPH_MAKE, "A Makefile with a target for each image."},
    {"slurm", GRAPH_SLURM, "A shell script that submits a job of Slurm for each image."},
    {0},
};

static const struct choice compressions[] = {
    {"gzip", COMPRESSION_GZIP, "This is the default for any other name."},
    {"zstd", COMPRESSION_ZSTD, "Faster and smaller, but not every client reads it."},
    {"none", COMPRESSION_NONE,
     "The fastest, and the only one that skopeo and podman of Debian 12 read in a docker-archive."},
    {0},
};

static const struct choice rebuilds[] = {
    {"all", BUILD_REBUILD_ALL, "All images that it is made of, too."},
    {0},
};

static const struct choice accelerators[] = {
    {"auto", ACCELERATOR_AUTO,
     "KVM if it works here, otherwise TCG, also if the VM does not start under KVM."},
    {"kvm", ACCELERATOR_KVM, "KVM. If it does not work here, the VM does not start."},
    {"tcg", ACCELERATOR_TCG, "Emulation by QEMU, which works everywhere and is slower."},
    {"uml", ACCELERATOR_UML,
     "User-Mode Linux: the guest's kernel as a confined process of this host, without QEMU. Faster "
     "than emulation, and a thinner wall; see CAVEATS. If it does not work here, the VM does not "
     "start."},
    {"auto,uml", ACCELERATOR_AUTO_UML, "KVM if it works here, else UML if that does, else TCG."},
    {0},
};

static const struct choice scripts[] = {
    {"preMount", (int)PLAN_HOOK + GUEST_HOOK_PRE_MOUNT, "In the builder's environment."},
    {"runAsRoot", PLAN_RUN_AS_ROOT, "In the image."},
    {"run", PLAN_RUN, "In the image, as its user."},
    {"postMount", (int)PLAN_HOOK + GUEST_HOOK_POST_MOUNT, "In the builder's environment."},
    {"postUmount", (int)PLAN_HOOK + GUEST_HOOK_POST_UMOUNT, "In the builder's environment."},
    {"extraCommands", (int)PLAN_HOOK + GUEST_HOOK_EXTRA_COMMANDS,
     "In the builder's environment, in the layer's directory."},
    {0},
};

static const struct choice trusts[] = {
    {"true", REGISTRY_TRUST_VERIFIED, "Certificates must be valid."},
    {"false", REGISTRY_TRUST_ANYONE,
     "Any certificate will do, and plain HTTP if a registry does not answer by HTTPS."},
    {0},
};

static const struct choice tarsum_versions[] = {
    {"v0", TARSUM_V0, "`tarsum+sha256:`, the first version, in which modification times count."},
    {"v1", TARSUM_V1,
     "`tarsum.v1+sha256:`, without times and with extended attributes. This is the default."},
    {"dev", TARSUM_DEV, "`tarsum.dev+sha256:`, the same sum as v1 under another name."},
    {0},
};

static const struct choice progress_modes[] = {
    {"auto", PROGRESS_AUTO,
     "`tty` if standard error is a terminal, otherwise `plain`. This is the default."},
    {"tty", PROGRESS_TTY,
     "For a terminal: the current stage with a clock, a bar or the script's last lines."},
    {"plain", PROGRESS_PLAIN, "For a log: a line for each stage that is done, with its duration."},
    {"json", PROGRESS_JSON, "A JSON object on a line for each event."},
    {"none", PROGRESS_NONE, "Nothing but errors."},
    {0},
};

const struct option_row option_table[] = {
    {.name = "spec",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = BUILDS | BIT(SHELL),
     .required = BUILDS,
     .alternative = "file",
     MEMBER(spec),
     .argument = {"FILE", ARGUMENT_FILE, NULL},
     .summary = "the spec file; '-' is standard input",
     .text = "The spec file, in JSON. With `-` it is read from standard input, and relative paths "
             "in it start from the current directory instead of the directory of the file."},
    {.name = "file",
     .letter = 'f',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(file),
     .argument = {"DOCKERFILE", ARGUMENT_FILE, NULL},
     .summary = "a Dockerfile in place of a spec; '-' is standard input",
     .text = "A Dockerfile in place of a spec. With `-` it is read from standard input. For "
             "`convert` it is by default the file `Dockerfile` of the context. What the context "
             "leaves out is in the file of this name with `.dockerignore` behind it, or else in "
             "`.dockerignore` of the context."},
    {.name = "target",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(target),
     .argument = {"STAGE", ARGUMENT_TEXT, NULL},
     .summary = "the stage of the Dockerfile to build (default: the last one)",
     .text = "The stage of the Dockerfile whose image is built. By default it is the last one. "
             "Stages that it does not need are not built."},
    {.name = "build-arg",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(build_args),
     .argument = {"NAME[=VALUE]", ARGUMENT_TEXT, NULL},
     .summary = "the value of an ARG of the Dockerfile",
     .text = "The value of an `ARG` of the Dockerfile. Without a value it has that of the "
             "environment, if the variable is set there. The option may be repeated. Values are "
             "kept in the history of the image: a secret is for `--secret`."},
    {.name = "build-context",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(build_contexts),
     .argument = {"NAME=PATH", ARGUMENT_TEXT, NULL},
     .summary = "a directory or an image that the Dockerfile calls NAME",
     .text = "What the Dockerfile finds as `NAME`: a directory, for `--from=NAME`, or an image, "
             "which also takes the place of the image `NAME` in a `FROM`: a file with one, or any "
             "other that is written as in IMAGES, such as `debian:12=docker-archive:debian.tar`. "
             "BuildKit's `docker-image://` and `oci-layout://` are read as well. The option may be "
             "repeated."},
    {.name = "tag",
     .letter = 't',
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(names),
     .argument = {"NAME[:TAG]", ARGUMENT_TEXT, NULL},
     .summary = "the name of a Dockerfile's image",
     .text = "The name of a Dockerfile's image. By default it is that of the stage, or, if that "
             "has none, of the context's directory."},
    {.name = "squash",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES,
     MEMBER(squash),
     .summary = "put all files of a Dockerfile's image into one layer",
     .text = "Put all files of a Dockerfile's image, those of its base as well, into one layer. "
             "What later instructions have removed is not in it."},
    {.name = "platform",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = DOCKERFILES | BIT(GRAPH),
     MEMBER(platform),
     .argument = {"PLATFORM[,...]", ARGUMENT_ARCHITECTURE, NULL},
     .summary = "what the image is for (default: the host's platform)",
     .text = "The platform that the images are for, as `[linux/]ARCH[/VARIANT]` with the "
             "architecture's name in Go. It counts as the `architecture` of each image of the spec "
             "that does not state one. For several platforms, with commas between them, each "
             "image is built for each, and what is written is one OCI index of them, as with "
             "`--index`. In messages and in the command line such an image is `NAME@ARCH`. For "
             "a Dockerfile it is what `TARGETPLATFORM` names; `convert` takes one."},
    {.name = "check",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(CONVERT),
     MEMBER(check),
     .summary = "print no spec: show the warnings, and fail if there are any",
     .text = "Print no spec. The warnings are shown, and if there are any, the exit code is 3. See "
             "WARNINGS of `vmbuild-dockerfile(7)`."},
    {.name = "set",
     .kind = OPTION_SET,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     .argument = {"KEY=VALUE", ARGUMENT_ASSIGNMENT, NULL},
     .summary = "set a key of the spec, as if it were in the file",
     .text = "Set a key of the spec, as if it were in the file. The value is JSON if the key takes "
             "anything but a string, as in `--set network=true`. The option may be repeated; the "
             "last one for a key wins. In a spec with several images, the name of one goes before "
             "the key, as in `--set app.tag=1.2`."},
    {.name = "jobs",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(jobs),
     .letter = 'j',
     .argument = {"N", ARGUMENT_TEXT, NULL},
     .summary = "images of a spec that are built at the same time",
     .text = "Build up to `N` images of a spec with several at the same time. The default is the "
             "number of processors, or fewer if the memory that is free does not carry as many of "
             "the largest virtual machine."},
    {.name = "memory",
     .kind = OPTION_OVERRIDE,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     .argument = {"MIB", ARGUMENT_TEXT, NULL},
     .summary = "memory of the VM; overrides the spec",
     .text = "The memory of the virtual machine in MiB. Overrides `memory` of the spec."},
    {.name = "cpus",
     .kind = OPTION_OVERRIDE,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     .argument = {"N", ARGUMENT_TEXT, NULL},
     .summary = "processors of the VM; overrides the spec",
     .text = "The number of processors of the virtual machine. Overrides `cpus` of the spec."},
    {.name = "timeout",
     .kind = OPTION_OVERRIDE,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     .argument = {"SECONDS", ARGUMENT_TEXT, NULL},
     .summary = "time limit of each script; overrides the spec",
     .text = "The time limit of each script in seconds. Overrides `timeout` of the spec."},
    {.name = "accel",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH) | BIT(DOCTOR),
     MEMBER(accelerator),
     .argument = {"ACCELERATOR", ARGUMENT_CHOICE, accelerators},
     .summary = "what runs the VM (default: VMBUILD_ACCEL, or else auto)",
     .text = "What runs the virtual machine. The image is the same with each. The default is the "
             "value of `VMBUILD_ACCEL`, or else `auto`."},
    {.name = "allow-network",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     MEMBER(allow_network),
     .argument = {"TARGET", ARGUMENT_TEXT, NULL},
     .summary = "let scripts with `network` reach the host or private addresses",
     .text =
         "Let a script with `network` reach what it otherwise does not: `host`, the host itself "
         "(its loopback interface, at the gateway's address 10.0.2.2, and its other "
         "addresses); `private`, private addresses other than the host's (10.0.0.0/8, "
         "172.16.0.0/12, 192.168.0.0/16 and 100.64.0.0/10); `link-local`, 169.254.0.0/16 and "
         "other addresses at which clouds serve metadata; or an address or range in the form "
         "`ADDRESS[/BITS]`, where 127.0.0.1 stands for the host's loopback interface. With "
         "`:PORT` behind it, it is for that port alone. The option may be repeated. See "
         "`network` in `vmbuild-spec(5)`."},
    {.name = "secret",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     MEMBER(secrets),
     .argument = {"SECRET", ARGUMENT_TEXT, NULL},
     .summary = "a file for runAsRoot alone: id=ID,src=FILE or id=ID,env=NAME",
     .text = "A file that `runAsRoot` alone sees, and that is stored nowhere. The form is that of "
             "BuildKit: `id=ID,src=FILE` for a file, `id=ID,env=NAME` for a variable of the "
             "environment; `id=ID` alone for the variable ID, if it is set, or else the file ID. "
             "`target=PATH` names where the script finds it, by default `/run/secrets/ID`. A value "
             "that has a comma is put in double quotes with its key. It takes the place of what "
             "`secrets` of the spec says of this ID. The option may be repeated. See SECRETS in "
             "`vmbuild-spec(5)`."},
    {.name = "env",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_BUILD,
     .commands = VMS | BIT(GRAPH),
     MEMBER(variables),
     .argument = {"NAME[=VALUE]", ARGUMENT_TEXT, NULL},
     .summary = "a variable of the scripts' environment",
     .text = "Set a variable of the environment of scripts and hooks, over `env` of the spec. "
             "Without a value it has that of the environment, so that other users of the host do "
             "not see it among the arguments. It is stored neither in the image nor in the file of "
             "`--on-failure keep=FILE`, which has the name alone. The option may be repeated."},
    {.name = "check",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(check),
     .summary = "build twice under different conditions and compare",
     .text =
         "Build twice under different conditions and compare the outputs, byte by byte. If they "
         "differ, each path and field that does is shown, with the lines of texts that do, and "
         "the exit code is 10. The output is that of the second build in any case."},
    {.name = "on-failure",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(on_failure),
     .argument = {"ACTION", ARGUMENT_TEXT, NULL},
     .summary = "what to do when a script fails: stop, shell or keep=FILE",
     .text =
         "What to do when a script fails. `stop`, the default, ends the build. `shell` opens a "
         "shell in the view of the script, as the command `shell` does, with what the script has "
         "left; if its exit code is 0, the script is run again, with the changes that were made to "
         "it and to the image, otherwise the build ends with the script's error. `keep=FILE` ends "
         "the build and writes a file that holds the failed step: the spec and its scripts, the "
         "layer as it was, what the scripts have written, and the digest of the base image. "
         "`resume` opens it, on any host. It has the values of `env`, and what scripts have put "
         "into the layer, but neither secrets nor the values of `--env`, which `resume` has to be "
         "given again; if a script has written a secret to its disk, nothing is kept."},
    {.name = "self-contained",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(self_contained),
     .summary = "put the base image into the file of --on-failure keep=FILE",
     .text = "Put the base image, too, into the file that `--on-failure keep=FILE` writes."},
    {.name = "retry",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(RESUME),
     MEMBER(retry),
     .summary = "run the failed script again and finish the build",
     .text = "Run the failed script again, then what follows it, and write the image."},
    {.name = "log",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(log),
     .argument = {"FILE", ARGUMENT_FILE, NULL},
     .summary = "file that keeps all output of the scripts",
     .text =
         "A file that keeps all output of the scripts, whatever `--log-limit` is. It is created "
         "when the build starts, replaces an existing file, and grows while scripts run. It is "
         "kept if the build fails or is interrupted. If it cannot be written, the build fails."},
    {.name = "log-limit",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(log_limit),
     .argument = {"MIB", ARGUMENT_TEXT, NULL},
     .summary = "how much output of each script is shown (default: 64)",
     .text = "How much output of each script is shown, in MiB. What a script writes beyond that is "
             "counted, and a note tells how much it was. By default it is 64; with 0 nothing is "
             "shown."},
    {.name = "raw-output",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(raw_output),
     .summary = "show and keep the output of scripts unchanged",
     .text =
         "Show and keep the output of scripts unchanged, with colours and whatever else controls "
         "a terminal. Without this option, what is not text in UTF-8 appears as `cat -v` shows "
         "it, an escape as `^[`. A script that is not trusted could use it to hide what it "
         "wrote, or to type into the terminal."},
    {.name = "before",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(SHELL),
     MEMBER(before),
     .argument = {"KEY", ARGUMENT_CHOICE, scripts},
     .summary = "open the shell before the script KEY of the spec",
     .text =
         "Open the shell where the script of the spec's KEY would run, in its place, whether or "
         "not the spec has one."},
    {.name = "after",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(SHELL),
     MEMBER(after),
     .argument = {"KEY", ARGUMENT_CHOICE, scripts},
     .summary = "open the shell after the script KEY of the spec",
     .text = "Run the script of the spec's KEY, and then open the shell in the same view."},
    {.name = "rescue",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(SHELL),
     MEMBER(rescue),
     .summary = "use the builder's shell instead of the image's",
     .text = "Use the builder's busybox as the shell, for images that have none. Its programs are "
             "in `/dev/vmbuild/bin`, at the end of `PATH`."},
    {.name = "trace",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BUILDS,
     MEMBER(trace),
     .summary = "let shells show each command of the scripts",
     .text = "Run scripts with the shell's option `-x`, so that each command is shown before it "
             "runs. Scripts of other interpreters than `sh`, `dash`, `ash` and `bash` run as ever. "
             "A script sees the option in `$-`."},
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_BUILD,
     .commands = BIT(BUILD),
     MEMBER(dry_run),
     .summary = "print the plan as JSON and do nothing",
     .text = "Print as JSON what would be done: the values of the spec with their defaults, the "
             "virtual machine, and the steps in order. Nothing is built, fetched or written."},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BUILDS,
     MEMBER(outputs),
     .argument = {"OUT", ARGUMENT_IMAGE, NULL},
     .summary = "where the image goes: a path or an image reference (default: NAME.tar.gz)",
     .text = "Where the image goes. A path is of the format of `--format`: a file, or a directory "
             "for `oci` and `layer`. With `-` an archive goes to standard output, which must not "
             "be a terminal. A transport names the format: `docker-archive:FILE[:REF]`, "
             "`oci-archive:FILE[:REF]`, `oci:DIR[:REF]`, `dir:DIR`, or `docker://HOST/NAME[:TAG]`, "
             "an image in a registry, to which the layers are sent from the cache. `REF` is the "
             "name that the image gets instead of its own, and `oci:DIR` adds it to the images of "
             "a layout that exists. The option may be repeated: all outputs are of one build, and "
             "the registries come last. By default there is one, whose name is the last component "
             "of the image's name, in the current directory, with the extension of the format and "
             "the compression: `.tar.gz`, `.tar.zst`, `.tar` or none. What exists is replaced only "
             "by a complete new output, and only if it is of the same kind."},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(RESUME) | BIT(PULL),
     MEMBER(output),
     .argument = {"PATH", ARGUMENT_FILE, NULL},
     .summary = "where the image goes (default: NAME.tar.gz)",
     .text = "Where the image goes: a file, or a directory for the formats `oci` and `layer`. With "
             "`-` an archive goes to standard output, which must not be a terminal. By default it "
             "is the last component of the image's name, in the current directory, with the "
             "extension of the format and the compression: `.tar.gz`, `.tar.zst`, `.tar` or none. "
             "What exists there is replaced only by a complete new output, and only if it is of "
             "the same kind."},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(EXPORT),
     .required = BIT(EXPORT),
     MEMBER(output),
     .argument = {"FILE", ARGUMENT_FILE, NULL},
     .summary = "where the tar goes; '-' is standard output",
     .text =
         "Where the tar goes. With `-` it goes to standard output. It is compressed if its name "
         "ends in `.tar.gz`, `.tgz` or `.tar.zst`."},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(MERGE),
     .required = BIT(MERGE),
     MEMBER(output),
     .argument = {"DIR", ARGUMENT_DIRECTORY, NULL},
     .summary = "the directory to create",
     .text = "The directory to create; with `--only-deps`, the file."},
    {.name = "commit",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_OUTPUT,
     .commands = SESSIONS,
     MEMBER(output),
     .argument = {"PATH", ARGUMENT_FILE, NULL},
     .summary = "write an image of what the session leaves",
     .text = "Write an image to PATH, as a build does, whose layer is what the session leaves. "
             "It has the name of the image that the session was opened in, or that of the spec. "
             "If the command of `run` fails, nothing is written, and the exit code is 5."},
    {.name = "only-deps",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(MERGE),
     MEMBER(only_deps),
     .summary = "write the list of paths instead of merging them",
     .text = "Write the absolute paths to a file, a line each, instead of merging them."},
    {.name = "index",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(BUILD),
     MEMBER(index),
     .summary = "write the images of the spec as one OCI index",
     .text = "Write the images of a spec with several, those that are named or that no other is "
             "made of, as one OCI index, such as that of an image for several architectures. "
             "`--output` names a layout, `oci-archive:FILE` or `oci:DIR`, a `dir:DIR`, or an image "
             "in a registry. The index has the name of the images, if they have the same; "
             "otherwise its entries have theirs as annotations."},
    {.name = "no-output",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(BUILD),
     MEMBER(no_output),
     .summary = "write no image, and keep its layers in the caches alone",
     .text = "Write no image. Its layers are built as ever, and kept in the cache and in those of "
             "`--cache-to`, for other builds."},
    {.name = "metadata-file",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(BUILD),
     MEMBER(metadata),
     .argument = {"FILE", ARGUMENT_FILE, NULL},
     .summary = "file that tells what was built, as JSON",
     .text = "A file that tells what was built, as JSON, with the names that `docker buildx` has "
             "for it: see METADATA. It is written when all outputs are."},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_OUTPUT,
     .commands = VMS | BIT(PULL),
     MEMBER(format),
     .argument = {"FORMAT", ARGUMENT_CHOICE, formats},
     .summary = "format of the image (default: docker-archive)",
     .text = "The format of the image, where `--output` is a path. See OUTPUTS."},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(GRAPH),
     MEMBER(graph_format),
     .argument = {"FORMAT", ARGUMENT_CHOICE, graph_formats},
     .summary = "what is printed (default: json)",
     .text = "What is printed."},
    {.name = "compression",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_OUTPUT,
     .commands = VMS | BIT(GRAPH) | BIT(PULL),
     MEMBER(compression),
     .argument = {"COMPRESSION", ARGUMENT_CHOICE, compressions},
     .summary = "how the image is compressed (default: by the output's name)",
     .text = "How the image is compressed: a docker-archive as a whole, OCI layers one by one. "
             "The format `layer` is not compressed. By default the name of a docker-archive "
             "decides: `.tar` is not compressed, `.tar.gz` and `.tgz` are compressed with gzip, "
             "and `.tar.zst` with zstd. It is an error if the name and this option contradict each "
             "other."},
    {.name = "version",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_OUTPUT,
     .commands = BIT(TARSUM),
     MEMBER(tarsum_version),
     .argument = {"VERSION", ARGUMENT_CHOICE, tarsum_versions},
     .summary = "version of the sum (default: v1)",
     .text = "The version of the sum."},
    {.name = "digest",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(PULL),
     MEMBER(digest),
     .argument = {"sha256:HEX", ARGUMENT_TEXT, NULL},
     .summary = "the digest that the manifest must have",
     .text = "The digest that the manifest must have, whatever tag the reference has."},
    {.name = "platform",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = SINGLES,
     MEMBER(platform),
     .argument = {"ARCH", ARGUMENT_ARCHITECTURE, NULL},
     .summary = "which image of an index (default: the host's)",
     .text = "The platform that the image must be for, as `[linux/]ARCH[/VARIANT]` with the "
             "architecture's name in Go: `amd64`, `arm64`, `arm/v7`, and so on. If there is none "
             "for it, the error lists those that exist. By default the image for the host is taken "
             "from an image index, and an image for a single platform is taken whatever that is."},
    {.name = "all",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(COPY) | BIT(PUSH),
     MEMBER(all),
     .summary = "copy the images for all platforms",
     .text =
         "Copy the whole image index: the images for all platforms and what else it lists, such "
         "as attestations, with their bytes and digests. Such an index cannot be in a "
         "docker-archive. Without this option the image for one platform is copied."},
    {.name = "raw",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(INSPECT),
     MEMBER(raw),
     .summary = "print the manifest or the index itself",
     .text = "Print the bytes of the manifest, or of the index if there is one; with `--platform` "
             "those of the manifest for that platform. Docker's archives have neither: for these "
             "a manifest is made."},
    {.name = "config",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(INSPECT),
     MEMBER(config),
     .summary = "print the image's config document itself",
     .text = "Print the bytes of the config document, whose digest is the image's ID."},
    {.name = "authfile",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = REGISTRIES | BIT(GRAPH) | BIT(LOGOUT),
     MEMBER(auth_file),
     .argument = {"FILE", ARGUMENT_FILE, NULL},
     .summary = "file with credentials for registries",
     .text = "The file with credentials for registries, instead of those listed under REGISTRIES."},
    {.name = "plain-http",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_IMAGE,
     .commands = REGISTRIES | BIT(GRAPH),
     MEMBER(plain_http),
     .summary = "reach registries by HTTP instead of HTTPS",
     .text = "Reach registries by HTTP instead of HTTPS. Without this option that is done only if "
             "a registry does not answer by HTTPS, and only on the loopback interface or for an "
             "insecure registry (see REGISTRIES and `--tls-verify`)."},
    {.name = "tls-verify",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_IMAGE,
     .commands = REGISTRIES | BIT(GRAPH),
     MEMBER(trust),
     .argument = {"BOOL", ARGUMENT_CHOICE, trusts},
     .summary = "whether certificates of registries must be valid (default: true)",
     .text = "Whether registries must be reached by HTTPS, with a valid certificate. This option "
             "overrides `insecure` of `registries.conf(5)`."},
    {.name = "creds",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = IMAGES | BIT(LIST_TAGS),
     MEMBER(creds),
     .argument = {"USER[:PASSWORD]", ARGUMENT_TEXT, NULL},
     .summary = "credentials for the registry",
     .text =
         "The user name and the password for the registry, instead of those in files; of two "
         "registries, for the one that is written to. All targets must be in one registry then. "
         "Other users of the host can see the arguments of a program: `--password-stdin` or "
         "`vmbuild login` is safer."},
    {.name = "username",
     .letter = 'u',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(LOGIN),
     MEMBER(username),
     .argument = {"USER", ARGUMENT_TEXT, NULL},
     .summary = "the user name",
     .text = "The user name."},
    {.name = "password",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = BIT(LOGIN),
     MEMBER(given_password),
     .argument = {"PASSWORD", ARGUMENT_TEXT, NULL},
     .summary = "the password; --password-stdin is safer",
     .text = "The password. Other users of the host can see the arguments of a program: "
             "`--password-stdin` is safer."},
    {.name = "password-stdin",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_IMAGE,
     .commands = REGISTRIES,
     MEMBER(password_stdin),
     .summary = "read the password from standard input",
     .text = "Read the password from standard input, for the user of `--creds` or `--username`. A "
             "line end behind it does not count."},
    {.name = "registry-timeout",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_IMAGE,
     .commands = REGISTRIES | BIT(GRAPH),
     MEMBER(registry_timeout),
     .argument = {"SECONDS", ARGUMENT_TEXT, NULL},
     .summary = "time limit of all requests to registries (default: none)",
     .text = "The time limit of all requests to registries together, in seconds, counted from the "
             "start of the command. By default there is none, but a transfer that stays below 1 "
             "KiB a second for a minute fails."},
    {.name = "cache-dir",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_CACHE,
     .commands = IMAGES | BIT(GRAPH) | BIT(DOCTOR) | BIT(CACHE),
     MEMBER(cache_dir),
     .argument = {"DIR", ARGUMENT_DIRECTORY, NULL},
     .summary = "the cache (default: $XDG_CACHE_HOME/vmbuild)",
     .text =
         "The directory of the cache. It is created if it does not exist. One that has files, but "
         "is not a cache, is refused. See FILES for the default."},
    {.name = "cache-from",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_CACHE,
     .commands = BUILDS,
     MEMBER(cache_from),
     .argument = {"REF", ARGUMENT_TEXT, NULL},
     .summary = "a repository to take layers from",
     .text = "A repository of a registry, `HOST/NAME`, from which layers are taken that the cache "
             "does not have. BuildKit's form `type=registry,ref=HOST/NAME` means the same. With a "
             "tag, those of layers begin with it and a hyphen. The option may be repeated; the "
             "repositories are asked in this order. Whoever can write there can choose what images "
             "hold. See SHARED CACHES."},
    {.name = "cache-to",
     .kind = OPTION_LIST,
     .group = OPTION_GROUP_CACHE,
     .commands = BUILDS,
     MEMBER(cache_to),
     .argument = {"REF", ARGUMENT_TEXT, NULL},
     .summary = "a repository to keep layers in",
     .text =
         "A repository of a registry, written as for `--cache-from`, in which the new layers of "
         "the images are kept, so that others can take them from there. The option may be "
         "repeated. See SHARED CACHES."},
    {.name = "rebuild",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_CACHE,
     .commands = BIT(BUILD),
     .constant = BUILD_REBUILD_IMAGES,
     .is_value_optional = true,
     MEMBER(rebuild),
     .argument = {"WHICH", ARGUMENT_CHOICE, rebuilds},
     .summary = "build the image again though the cache has its layer",
     .text = "Build the image again, though the cache has the layer that it would get, and keep "
             "the new layer in its place. See CACHE."},
    {.name = "max-age",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_CACHE,
     .commands = BUILDS,
     MEMBER(max_age),
     .argument = {"DURATION", ARGUMENT_TEXT, NULL},
     .summary = "build again what the cache has had for longer (default: no limit)",
     .text = "Build again what was built longer ago: a number with the unit `s`, `m`, `h`, `d` or "
             "`w`, such as `12h`; without a unit, of seconds. That is for layers whose scripts use "
             "the network, which can be outdated. By default no layer is too old."},
    {.name = "no-cache",
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_CACHE,
     .commands = IMAGES,
     MEMBER(no_cache),
     .summary = "neither read nor write the cache",
     .text = "Neither read nor write the cache. Shared caches are used all the same. With `--file` "
             "it means what it does to `docker build`: `--rebuild=all`."},
    {.name = "limit",
     .kind = OPTION_TEXT,
     .group = OPTION_GROUP_CACHE,
     .commands = BIT(CACHE),
     MEMBER(limit),
     .argument = {"MIB", ARGUMENT_TEXT, NULL},
     .summary = "size to prune to (default: 0)",
     .text = "The size in MiB to which `cache prune` reduces the cache. By default it is 0: "
             "everything that no running build uses is removed."},
    {.name = "progress",
     .kind = OPTION_CHOICE,
     .group = OPTION_GROUP_COMMON,
     .commands = ALL,
     MEMBER(progress),
     .argument = {"MODE", ARGUMENT_CHOICE, progress_modes},
     .summary = "how progress is shown (default: auto)",
     .text = "How progress is shown on standard error. See PROGRESS."},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_CONSTANT,
     .group = OPTION_GROUP_COMMON,
     .commands = ALL,
     MEMBER(verbosity),
     .constant = 1,
     .summary = "show details, such as the guest's console",
     .text = "Show details, such as the guest's console, attempts that are repeated, and failures "
             "that change no result."},
    {.name = "quiet",
     .letter = 'q',
     .kind = OPTION_CONSTANT,
     .group = OPTION_GROUP_COMMON,
     .commands = ALL,
     MEMBER(verbosity),
     .constant = -1,
     .summary = "show nothing but errors and the result",
     .text = "Show nothing but errors, and on standard output the result: of what was built, the "
             "image's ID, or the digest of an index; otherwise the path, or for an image in a "
             "registry its reference and digest."},
    {.name = "help",
     .letter = 'h',
     .kind = OPTION_FLAG,
     .group = OPTION_GROUP_COMMON,
     .commands = ALL,
     MEMBER(help),
     .summary = "show this help",
     .text = "Show the options of the command. Without a command, list the commands."},
};

const size_t option_count = sizeof option_table / sizeof *option_table;

static_assert(sizeof option_table / sizeof *option_table <= OPTION_ROWS_MAX);

const char *option_group_title(enum option_group group)
{
    static const char *const titles[] = {
        [OPTION_GROUP_BUILD] = "Building",
        [OPTION_GROUP_OUTPUT] = "Output",
        [OPTION_GROUP_IMAGE] = "Images and registries",
        [OPTION_GROUP_CACHE] = "Cache",
        [OPTION_GROUP_COMMON] = "All commands",
    };

    return titles[group];
}

bool option_is_of(const struct option_row *row, const struct command *command)
{
    return row->commands & command_bit(command);
}

bool option_is_required(const struct option_row *row, const struct command *command)
{
    return row->required & command_bit(command);
}

bool option_has_value(const struct option_row *row)
{
    return row->argument.name != NULL;
}
