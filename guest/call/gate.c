#include "guest/call/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/device.h"
#include "guest/lib/file.h"

/* What RNDADDENTROPY takes; see random(4). */
struct randomness {
    int bits;
    int size;
    unsigned char bytes[GUEST_GATE_SEED];
};

/* Returns 0, or -1 with errno. */
static int read_all(int fd, unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = read(fd, bytes, length);

        if (got <= 0) {
            errno = got == 0 ? EPIPE : errno;
            return -1;
        }
        bytes += got;
        length -= (size_t)got;
    }
    return 0;
}

/* Makes the kernel's random numbers depend on SEED from now on. Returns 0, or -1 with errno. */
static int seed_kernel(const struct randomness *seed)
{
    int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int status = ioctl(fd, RNDADDENTROPY, seed) || ioctl(fd, RNDRESEEDCRNG) ? -1 : 0;
    int cause = errno;

    close(fd);
    errno = cause;
    return status;
}

int gate_pass(struct fault *fault)
{
    struct randomness seed = {.bits = GUEST_GATE_SEED * 8, .size = GUEST_GATE_SEED};
    unsigned char key[GUEST_GATE_SIZE];
    int gate = device_open_port(GUEST_GATE, fault);

    if (gate < 0)
        return -1;
    int status = file_write_all(gate, GUEST_GATE_HERE, strlen(GUEST_GATE_HERE)) ||
                         read_all(gate, key, sizeof key)
                     ? -1
                     : 0;

    /* The port stays open, so that no script opens it. */
    if (status)
        return fault_set(fault, errno, "pass the gate");
    memcpy(seed.bytes, key, GUEST_GATE_SEED);
    if (seed_kernel(&seed))
        return fault_set(fault, errno, "seed the kernel's random numbers");
    return key[GUEST_GATE_SEED] ? device_scan_pci(fault) : 0;
}
