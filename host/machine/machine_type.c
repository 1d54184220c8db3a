#include "host/machine/machine_type.h"

#include <string.h>
#include <sys/personality.h>

/* A CPU without what QEMU is slow to emulate: if it has ERMS or FSRM, kernel and C libraries copy
 * with `rep movsb`, which QEMU emulates byte by byte. Both go, since Linux 6.1 does not boot on a
 * CPU that has FSRM alone, as "max,-erms" has in QEMU 10: its memmove assumes ERMS. */
#define CPU_PC "max,la57=off,-erms,-fsrm"

/* The same for arm64; programs use neither unless the CPU has it. */
#define CPU_ARM "max,pauth=off,sve=off,lpa2=off"

/* The kernel takes a delay's loops from its counter, whose frequency QEMU fixes. The line keeps the
 * host's own figure, which libguestfs would pass on, out of the guest's device tree. Under KVM the
 * counter is the host's. */
#define EMULATED_ARM "lpj=625000"

/* libguestfs chooses the machine of the host's architecture, which is best for a guest of that. */
#ifdef __aarch64__
#define MACHINE_PC "pc"
#else
#define MACHINE_PC NULL
#endif

#define PC(name)                                                                                   \
    {                                                                                              \
        .architecture = (name), .guest = "amd64", .qemu = "qemu-system-x86_64",                    \
        .package = "QEMU for x86-64 (Debian, Ubuntu: qemu-system-x86; Fedora: "                    \
                   "qemu-system-x86-core; Arch: qemu-system-x86)",                                 \
        .install = "sudo apt-get install qemu-system-x86   # "                                     \
                   "Fedora: dnf install qemu-system-x86-core",                                     \
        .machine = MACHINE_PC, .cpu = CPU_PC, .memory = "pc.ram", .is_pc = true                    \
    }

#define ARM(name)                                                                                  \
    {                                                                                              \
        .architecture = (name), .guest = "arm64", .qemu = "qemu-system-aarch64",                   \
        .package = "QEMU for arm64 (Debian, Ubuntu: qemu-system-arm; Fedora: "                     \
                   "qemu-system-aarch64-core; Arch: qemu-system-aarch64)",                         \
        .install = "sudo apt-get install qemu-system-arm   # "                                     \
                   "Fedora: dnf install qemu-system-aarch64-core",                                 \
        .machine = "virt", .cpu = CPU_ARM, .memory = "mach-virt.ram", .words = "console=ttyAMA0",  \
        .emulated_words = EMULATED_ARM                                                             \
    }

/* Starts by a firmware, too, which QEMU finds itself. The kernel has the delay's loops from the
 * device tree; see EMULATED_ARM. Under QEMU 7.2, a machine that resumes hangs. */
#define RISCV(name)                                                                                \
    {                                                                                              \
        .architecture = (name), .guest = "riscv64", .qemu = "qemu-system-riscv64",                 \
        .package = "QEMU for riscv64 (Debian 12: qemu-system-misc; Debian 13, Ubuntu: "            \
                   "qemu-system-riscv; Fedora: qemu-system-riscv-core; Arch: "                     \
                   "qemu-system-riscv)",                                                           \
        .machine = "virt", .cpu = "rv64", .memory = "riscv_virt_board.ram",                        \
        .words = "console=ttyS0", .emulated_words = "lpj=100000", .stays_unsaved = true            \
    }

/* Without SLOF, a firmware that takes longer than the kernel. The delay's loops are ticks of the
 * counter, whose frequency the machine has fixed. A saved one has a section for its page table,
 * which migration_stream.c does not read. */
#define POWER(name)                                                                                \
    {                                                                                              \
        .architecture = (name), .guest = "ppc64le", .qemu = "qemu-system-ppc64",                   \
        .package = "QEMU for ppc64 (Debian, Ubuntu: qemu-system-ppc; Fedora: "                     \
                   "qemu-system-ppc-core; Arch: qemu-system-ppc)",                                 \
        .machine = "pseries,x-vof=on", .cpu = "power9", .memory = "ppc_spapr.ram",                 \
        .memory_step = 256, .words = "console=hvc0", .emulated_words = "lpj=5120000",              \
        .stays_unsaved = true                                                                      \
    }

/* Its devices are on the PCI bus, as those of all machines, in place of its own channels; QEMU does
 * not save that bus here. */
#define S390(name)                                                                                 \
    {                                                                                              \
        .architecture = (name), .guest = "s390x", .qemu = "qemu-system-s390x",                     \
        .package = "QEMU for s390x (Debian 12: qemu-system-misc; Debian 13, Ubuntu: "              \
                   "qemu-system-s390x; Fedora: qemu-system-s390x-core; Arch: "                     \
                   "qemu-system-s390x)",                                                           \
        .machine = "s390-ccw-virtio", .cpu = "qemu", .memory = "s390.ram",                         \
        .words = "console=ttysclp0", .stays_unsaved = true                                         \
    }

static const struct machine_type types[] = {PC("amd64"),  PC("386"),        ARM("arm64"),
                                            ARM("arm"),   RISCV("riscv64"), POWER("ppc64le"),
                                            S390("s390x")};

#define TYPE_COUNT (sizeof types / sizeof *types)

#ifdef __aarch64__
#define HOST_ARCHITECTURE "arm64"
#else
#define HOST_ARCHITECTURE "amd64"
#endif

const struct machine_type *machine_type_find(const char *name)
{
    size_t length = strcspn(name, "/");

    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strlen(types[i].architecture) == length &&
            strncmp(types[i].architecture, name, length) == 0)
            return &types[i];
    return NULL;
}

const struct machine_type *machine_type_native(void)
{
    return machine_type_find(HOST_ARCHITECTURE);
}

bool machine_type_is_native(const struct machine_type *type)
{
    return strcmp(type->guest, HOST_ARCHITECTURE) == 0;
}

#ifdef __aarch64__

#define CURRENT_PERSONALITY 0xffffffff /* changes nothing */

/* Whether the host's processors run programs of 32 bits, as newer ones do not. If none does, the
 * kernel lets no process pass for one. */
static bool runs_32_bits(void)
{
    int before = personality(CURRENT_PERSONALITY);
    int after = personality(PER_LINUX32);

    (void)personality((unsigned long)before);
    return after >= 0;
}

#else

static bool runs_32_bits(void)
{
    return true;
}

#endif

bool machine_type_has_kvm(const struct machine_type *type)
{
    return machine_type_is_native(type) && (machine_type_is_hosts(type) || runs_32_bits());
}

uint64_t machine_type_memory(const struct machine_type *type, uint64_t memory)
{
    uint64_t over = type->memory_step > 0 ? memory % type->memory_step : 0;

    return over > 0 ? memory + type->memory_step - over : memory;
}

bool machine_type_is_hosts(const struct machine_type *type)
{
    return strcmp(type->architecture, HOST_ARCHITECTURE) == 0;
}

const struct machine_type *machine_type_next_guest(const struct machine_type *type)
{
    for (size_t i = type == NULL ? 0 : (size_t)(type - types) + 1; i < TYPE_COUNT; i++)
        if (strcmp(types[i].architecture, types[i].guest) == 0)
            return &types[i];
    return NULL;
}
