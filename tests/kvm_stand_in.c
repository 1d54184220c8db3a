/*
 * Preloaded in tests: /dev/kvm opens, creates a VM and a virtual CPU, and never gets anywhere, as
 * nested KVM does on some machines. With KVM_STAND_IN_MS in the environment, the virtual CPU halts
 * after so many milliseconds, as that of a working KVM does on a loaded host; whatever else QEMU
 * needs of KVM is missing. A memory file is opened in its place.
 */
#include <dlfcn.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);

static int stand_in(void)
{
    int fd = memfd_create("kvm-stand-in", 0);

    if (fd >= 0 && ftruncate(fd, 4096) != 0)
        return -1;
    return fd;
}

static int open_mode(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

    return strcmp(path, "/dev/kvm") == 0 ? stand_in() : real(path, flags, mode);
}

/* Runs the virtual CPU, whose page is the file FD. */
static int run(int fd)
{
    const char *milliseconds = getenv("KVM_STAND_IN_MS");
    const __u32 reason = KVM_EXIT_HLT;

    while (milliseconds == NULL)
        pause();
    usleep((useconds_t)atoi(milliseconds) * 1000);
    return pwrite(fd, &reason, sizeof reason, offsetof(struct kvm_run, exit_reason)) ==
                   (ssize_t)sizeof reason
               ? 0
               : -1;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    return open_mode("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    return open_mode("open64", path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*real)(int, unsigned long, ...) =
        (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list args;
    void *argument;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    switch (request) {
    case KVM_GET_API_VERSION:
        return KVM_API_VERSION;
    case KVM_GET_VCPU_MMAP_SIZE:
        return 4096;
    case KVM_CREATE_VM:
    case KVM_CREATE_VCPU:
        return stand_in();
    case KVM_SET_USER_MEMORY_REGION:
    case KVM_SET_REGS:
    case KVM_SET_TSS_ADDR:
    case KVM_SET_SREGS:
        return 0;
    case KVM_GET_SREGS:
        memset(argument, 0, sizeof(struct kvm_sregs));
        return 0;
    case KVM_RUN:
        return run(fd);
    default:
        return real(fd, request, argument);
    }
}
