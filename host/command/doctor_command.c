/*
 * vmbuild doctor: what this host offers. Each check reports what it found, why that matters and, if
 * something is wrong, the command that fixes it. The last one boots a VM.
 */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/machine/accelerator.h"
#include "host/machine/appliance.h"
#include "host/machine/confined_qemu.h"
#include "host/machine/confined_uml.h"
#include "host/machine/machine.h"
#include "host/machine/scratch_disk.h"
#include "host/store/store.h"
#include "host/store/store_pruning.h"
#include "host/vm/guest_library.h"
#include "host/vm/vm.h"

#define MIB (UINT64_C(1) << 20)
#define SCRATCH_FREE_LEAST (64 * MIB)    /* a build that changes next to nothing */
#define SCRATCH_FREE_ENOUGH (2048 * MIB) /* an ordinary one with a base image */
#define GUEST_MEMORY_MIB 512             /* the spec's default */
#define TRIAL_DISK_MIB 64
#define FIX_SCRATCH "export TMPDIR=/a/directory/with/more/room"

enum state { GOOD, SLOW, BAD };

/* What one check found. It owns its texts. */
struct finding {
    enum state state;
    char *found;
    char *fix; /* the command that fixes it, or NULL */
};

struct check {
    const char *name;
    const char *why;
    struct finding (*look)(const struct options *options);
};

/* Returns the finding of a check that ended with ERR, which is freed. FIX may be NULL. */
static struct finding from_error(struct error *err, const char *fix)
{
    struct finding finding = {
        .state = BAD, .found = xstrdup(err->message), .fix = fix == NULL ? NULL : xstrdup(fix)};

    error_free(err);
    return finding;
}

/* Returns the command that unsets VARIABLE if it is set, else OTHER. Static. */
static const char *unset_or(const char *variable, const char *other)
{
    static char text[64];
    const char *value = getenv(variable);

    if (value == NULL || *value == '\0')
        return other;
    snprintf(text, sizeof text, "unset %s", variable);
    return text;
}

/* Whether a QEMU that reports VERSION lacks what connects the guest to its network (machine.c),
 * which QEMU 7.2 brought. */
static bool lacks_network(const char *version)
{
    static const char prefix[] = "QEMU emulator version ";

    if (strncmp(version, prefix, strlen(prefix)) != 0)
        return false;
    char *end;
    unsigned long major = strtoul(version + strlen(prefix), &end, 10);

    return *end == '.' && (major < 7 || (major == 7 && strtoul(end + 1, NULL, 10) < 2));
}

static struct finding look_at_qemu(const struct options *options)
{
    CLEANUP(freep) char *path = NULL;
    const struct machine_type *native = machine_type_native();
    struct error *err = guest_library_find_qemu(native, &path);

    (void)options;
    if (err != NULL)
        return from_error(err, unset_or("VMBUILD_QEMU", native->install));
    CLEANUP(freep) char *version = appliance_qemu_version(path);

    if (version == NULL)
        return (struct finding){.state = BAD,
                                .found = xasprintf("%s cannot be run", path),
                                .fix = xasprintf("%s --version", path)};
    if (lacks_network(version))
        return (struct finding){
            .state = SLOW,
            .found = xasprintf("%s: %s; scripts with \"network\" need 7.2", path, version)};
    return (struct finding){.found = xasprintf("%s: %s", path, version)};
}

static struct finding look_at_libguestfs(const struct options *options)
{
    CLEANUP(freep) char *version = guest_library_version();

    (void)options;
    return (struct finding){.found = xasprintf("version %s", version)};
}

/* Returns why UML is not there for guests of this host, the caller's; NULL if it is. */
static char *find_uml_lack(void)
{
    CLEANUP(freep) char *folder = NULL;
    struct error *err = appliance_find(machine_type_native(), &folder);
    bool found = err == NULL && appliance_has_uml(folder);

    error_free(err);
    return found ? NULL : xstrdup("'make uml' builds it");
}

/* What brings KVM's device. NULL: nothing; on arm64 KVM is part of the kernel. */
#ifdef __aarch64__
#define LOAD_KVM NULL
#else
#define LOAD_KVM "sudo modprobe kvm_intel   # or kvm_amd; in a VM, its host must allow nesting"
#endif

/* Returns the command that lets this user use KVM; NULL if none does, or if the device is
 * accessible and yet does not work. */
static const char *fix_kvm(void)
{
    if (access(ACCELERATOR_KVM_DEVICE, F_OK) < 0)
        return LOAD_KVM;
    if (access(ACCELERATOR_KVM_DEVICE, R_OK | W_OK) < 0)
        return "sudo usermod -aG kvm \"$USER\"   # then log in again";
    return NULL;
}

static struct finding look_at_accelerator(const struct options *options)
{
    CLEANUP(freep) char *lack = find_uml_lack();
    CLEANUP(accelerator_choice_free) struct accelerator_choice choice = {0};
    struct error *err =
        accelerator_choose(options->accelerator, ACCELERATOR_KVM_DEVICE, lack, &choice);
    const char *fix = fix_kvm();

    if (err != NULL)
        return from_error(err, fix != NULL ? fix : "vmbuild --accel auto ...   # emulation");
    if (choice.accelerator == ACCELERATOR_KVM)
        return (struct finding){.found = xstrdup("KVM")};
    if (choice.accelerator == ACCELERATOR_UML)
        return (struct finding){.found = xstrdup("UML, as requested")};
    if (choice.reason == NULL)
        return (struct finding){.state = SLOW, .found = xstrdup("TCG, as requested")};
    return (struct finding){.state = SLOW,
                            .found = xasprintf("TCG: %s", choice.reason),
                            .fix = fix == NULL ? NULL : xstrdup(fix)};
}

/* Whether it is used is the user's to say. */
static struct finding look_at_uml(const struct options *options)
{
    CLEANUP(freep) char *lack = find_uml_lack();
    CLEANUP(freep) char *reason = lack != NULL ? STEAL(lack) : confined_uml_reason_against();

    (void)options;
    return (struct finding){.found = reason == NULL ? xstrdup("works, with --accel uml or auto,uml")
                                                    : xasprintf("not here: %s", reason)};
}

static struct finding look_at_confinement(const struct options *options)
{
    CLEANUP(freep) char *lack = NULL;
    CLEANUP(freep) char *confinement = confined_qemu_describe(&lack);

    (void)options;
    if (lack == NULL)
        return (struct finding){.found = STEAL(confinement)};
    return (struct finding){.state = SLOW,
                            .found = xasprintf("%s; not covered: %s", confinement, lack),
                            .fix =
                                xstrdup("cat /sys/kernel/security/lsm   # must have landlock; all "
                                        "is covered from Linux 6.12 on")};
}

static struct finding look_at_appliance(const struct options *options)
{
    CLEANUP(freep) char *folder = NULL;
    struct error *err = appliance_find(machine_type_native(), &folder);

    (void)options;
    if (err != NULL)
        return from_error(err,
                          unset_or("VMBUILD_APPLIANCE",
                                   "make install   # in the directory where vmbuild was built"));
    CLEANUP(freep) char *version = appliance_kernel_version(folder);

    return (struct finding){.found = xasprintf("%s, Linux %s", folder,
                                               version != NULL ? version : "(unknown version)")};
}

/* Returns the bytes that this user may still write where PATH is; 0 if that is unknown. */
static uint64_t free_space(const char *path)
{
    struct statvfs status;

    return statvfs(path, &status) < 0 ? 0 : (uint64_t)status.f_bavail * status.f_frsize;
}

static const char *fix_cache(const struct options *options)
{
    return options->cache_dir != NULL ? "vmbuild doctor --cache-dir /a/directory/of/yours"
                                      : "export XDG_CACHE_HOME=/a/directory/of/yours";
}

static struct finding look_at_cache(const struct options *options)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct store_entry *entries = NULL;
    size_t count = 0;
    uint64_t size = 0;
    struct error *err = store_open(options->cache_dir, options->no_cache, &store);

    if (err == NULL)
        err = store_list(store, false, &entries, &count);
    if (err != NULL)
        return from_error(err, fix_cache(options));
    if (store_is_thrown_away(store)) {
        store_entries_free(entries, count);
        return (struct finding){.state = SLOW,
                                .found = xstrdup("none: each build fetches and unpacks its base"),
                                .fix = xstrdup(fix_cache(options))};
    }
    for (size_t i = 0; i < count; i++)
        size += entries[i].disk_size;
    store_entries_free(entries, count);
    return (struct finding){.found = xasprintf("%s: %zu entries, %" PRIu64 " MiB of %" PRIu64
                                               " MiB allowed, %" PRIu64 " MiB free",
                                               store_folder(store), count, size / MIB,
                                               store_limit(store) / MIB,
                                               free_space(store_folder(store)) / MIB)};
}

static struct finding look_at_scratch(const struct options *options)
{
    const char *folder = NULL;
    struct error *err = temporary_run_folder(&folder);

    (void)options;
    if (err != NULL)
        return from_error(err, FIX_SCRATCH);
    uint64_t room = free_space(folder);
    int parent = (int)(strrchr(folder, '/') - folder);
    struct finding finding = {
        .state = room < SCRATCH_FREE_LEAST    ? BAD
                 : room < SCRATCH_FREE_ENOUGH ? SLOW
                                              : GOOD,
        .found = xasprintf("%.*s: %" PRIu64 " MiB free", parent, folder, room / MIB)};

    if (finding.state != GOOD)
        finding.fix = xstrdup(FIX_SCRATCH);
    return finding;
}

/* Returns a field of /proc/meminfo in MiB; 0 if it cannot be read. */
static uint64_t memory_field(const char *name)
{
    CLEANUP(fclosep) FILE *file = fopen("/proc/meminfo", "re");
    char line[256];

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            return strtoull(line + strlen(name), NULL, 10) / 1024;
    return 0;
}

static struct finding look_at_memory(const struct options *options)
{
    uint64_t available = memory_field("MemAvailable:");

    (void)options;
    return (struct finding){
        .state = available < GUEST_MEMORY_MIB ? BAD : GOOD,
        .found = xasprintf("%" PRIu64 " MiB available; a VM takes %d MiB by "
                           "default",
                           available, GUEST_MEMORY_MIB),
        .fix = available < GUEST_MEMORY_MIB
                   ? xstrdup("vmbuild --memory 256 ...   # or close other programs")
                   : NULL};
}

/* Boots a VM with a small disk and ends it. */
static struct error *boot_once(const struct options *options, double *ret_seconds)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(vm_freep) struct vm *vm = NULL;
    struct call_words words = {0};
    struct timespec before, after;

    TRY(store_open(options->cache_dir, options->no_cache, &store));
    const struct vm_options machine = {.machine = {.memory = GUEST_MEMORY_MIB, .cpus = 1},
                                       .accelerator = options->accelerator,
                                       .scratch_size = TRIAL_DISK_MIB * MIB,
                                       .clock = 1,
                                       .store = store};

    clock_gettime(CLOCK_MONOTONIC, &before);
    call_words_set_number(&words, GUEST_WORD_CLAMP, 1);
    TRY(vm_launch(&machine, &words, &vm));
    clock_gettime(CLOCK_MONOTONIC, &after);
    *ret_seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    return NULL;
}

static struct finding look_at_boot(const struct options *options)
{
    double seconds = 0;
    struct error *err = boot_once(options, &seconds);

    if (err == NULL)
        return (struct finding){.found = xasprintf("booted in %.2f seconds", seconds)};
    CLEANUP(freep) char *details = err->details == NULL ? NULL : xstrdup(err->details);
    struct finding finding = from_error(err, NULL);

    if (details != NULL) {
        CLEANUP(freep) char *found = finding.found;

        finding.found = xasprintf("%s\n%s", found, details);
    }
    return finding;
}

static const struct check checks[] = {
    {"QEMU", "runs the VM in which scripts run", look_at_qemu},
    {"libguestfs", "starts the VM, and copies files in and out", look_at_libguestfs},
    {"appliance", "the kernel and the init of the VM, which come with vmbuild", look_at_appliance},
    {"accelerator",
     "with KVM a VM runs at the speed of the processor, without it several times slower; the "
     "results are the same",
     look_at_accelerator},
    {"UML", "User-Mode Linux, which --accel uml runs the guest with", look_at_uml},
    {"confinement", "QEMU is kept from the user's files, processes and sockets",
     look_at_confinement},
    {"memory", "a VM takes its memory from the host", look_at_memory},
    {"scratch", "the disk of a build is here and grows by what is written to it", look_at_scratch},
    {"cache", "unpacked base images and layers are kept here for later builds", look_at_cache},
};

/* Tried only if no other check found something bad. */
static const struct check trial = {"VM", "everything above, working together", look_at_boot};

static struct error *show(const struct check *check, const struct finding *finding)
{
    static const char *const words[] = {[GOOD] = "good", [SLOW] = "weak", [BAD] = "BAD"};
    CLEANUP(buffer_free) struct buffer text = {0};

    buffer_printf(&text, "%-4s  %-11s  %s\n", words[finding->state], check->name, finding->found);
    buffer_printf(&text, "      %-11s  why: %s\n", "", check->why);
    if (finding->fix != NULL)
        buffer_printf(&text, "      %-11s  fix: %s\n", "", finding->fix);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}

/* Carries CHECK out, shows what it found, and adds one to *BAD if that is bad. */
static struct error *carry_out(const struct check *check, const struct options *options,
                               size_t *bad)
{
    struct finding finding = check->look(options);
    struct error *err = show(check, &finding);

    *bad += finding.state == BAD;
    free(finding.found);
    free(finding.fix);
    return err;
}

/* Shows the guest of TYPE, which is for another architecture than the host's, if it was built. */
static struct error *show_guest(const struct machine_type *type)
{
    struct check check = {type->guest, "runs the scripts of images for this architecture", NULL};
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(freep) char *qemu = NULL;
    CLEANUP(error_freep) struct error *no_guest = appliance_find(type, &folder);

    if (no_guest != NULL)
        return NULL;
    CLEANUP(error_freep) struct error *no_qemu = guest_library_find_qemu(type, &qemu);
    CLEANUP(freep)
    char *found = no_qemu == NULL ? xasprintf("%s, %s", folder, qemu)
                                  : xasprintf("%s; %s", folder, no_qemu->message);
    const struct finding finding = {.state = no_qemu == NULL ? GOOD : SLOW,
                                    .found = found,
                                    .fix = no_qemu == NULL ? NULL : no_qemu->advice};

    return show(&check, &finding);
}

static struct error *show_guests(void)
{
    const struct machine_type *type = NULL;

    while ((type = machine_type_next_guest(type)) != NULL)
        if (!machine_type_is_native(type))
            TRY(show_guest(type));
    return NULL;
}

struct error *doctor_command(const struct options *options)
{
    size_t bad = 0;

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        TRY(carry_out(&checks[i], options, &bad));
    TRY(show_guests());
    if (bad == 0)
        TRY(carry_out(&trial, options, &bad));
    if (bad == 0)
        return NULL;
    return error_advise(error_new(EXIT_VM, "check this host: builds cannot work here"),
                        "fix what is marked BAD above");
}
