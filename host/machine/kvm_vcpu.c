#include "host/machine/kvm_vcpu.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifdef __aarch64__

/* Where it begins unless it is told otherwise. */
#define CODE_ADDRESS 0

/* mov w0, #2000000; again: subs w0, w0, #1; b.ne again; mov x1, #0x10000000; str w0, [x1] */
static const uint32_t code[] = {0x52909000, 0x72a003c0, 0x71000400,
                                0x54ffffe1, 0xd2a20001, 0xb9000020};

/* There is nothing at that address. */
#define LAST_EXIT KVM_EXIT_MMIO

/* KVM's default, which some processors have not. */
#define ADDRESS_BITS 40

static unsigned long machine_kind(int kvm)
{
    int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

    return bits > 0 && bits < ADDRESS_BITS ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)bits) : 0;
}

static bool prepare_machine(int vm)
{
    (void)vm;
    return true;
}

static bool set_start(int vm, int vcpu)
{
    struct kvm_vcpu_init init;

    return ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) == 0 &&
           ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) == 0;
}

#else

#define CODE_ADDRESS 0x1000
/* Three pages below 4 GiB that Intel processors without "unrestricted guest" need for real mode;
 * any that the guest does not use (Documentation/virt/kvm/api.rst). */
#define TSS_ADDRESS 0xfffbd000

/* mov ecx, 2000000; again: dec ecx; jnz again; hlt */
static const unsigned char code[] = {0x66, 0xb9, 0x80, 0x84, 0x1e, 0x00,
                                     0x66, 0x49, 0x75, 0xfc, 0xf4};

#define LAST_EXIT KVM_EXIT_HLT

static unsigned long machine_kind(int kvm)
{
    (void)kvm;
    return 0;
}

static bool prepare_machine(int vm)
{
    return ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDRESS) == 0;
}

/* In real mode. */
static bool set_start(int vm, int vcpu)
{
    struct kvm_sregs special;
    struct kvm_regs registers = {.rip = CODE_ADDRESS, .rflags = 2 /* the bit that is always 1 */};

    (void)vm;
    if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0)
        return false;
    special.cs.base = 0;
    special.cs.selector = 0;
    return ioctl(vcpu, KVM_SET_SREGS, &special) == 0 && ioctl(vcpu, KVM_SET_REGS, &registers) == 0;
}

#endif

/* Maps a page with the code into VM's memory at CODE_ADDRESS. Returns false with errno set. */
static bool load_code(int vm)
{
    size_t size = getauxval(AT_PAGESZ);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    memcpy(memory, code, sizeof code);
    __builtin___clear_cache(memory, (char *)memory + sizeof code);
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = CODE_ADDRESS,
        .memory_size = size,
        .userspace_addr = (uintptr_t)memory,
    };

    return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

int kvm_vcpu_make(int kvm, struct kvm_run **run)
{
    int vm = ioctl(kvm, KVM_CREATE_VM, machine_kind(kvm));

    if (vm < 0 || !prepare_machine(vm) || !load_code(vm))
        return -1;
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

    if (vcpu < 0 || size < (int)sizeof **run)
        return -1;
    *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (*run == MAP_FAILED)
        return -1;
    return set_start(vm, vcpu) ? vcpu : -1;
}

bool kvm_vcpu_has_ended(const struct kvm_run *run)
{
    return run->exit_reason == LAST_EXIT;
}
