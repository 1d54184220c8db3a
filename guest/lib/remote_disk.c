#include "guest/lib/remote_disk.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nbd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/lib/line.h"

/* Of the protocol's document, by its names (host/vm/disk_server.h). */
#define NBDMAGIC UINT64_C(0x4e42444d41474943)
#define IHAVEOPT UINT64_C(0x49484156454f5054)
#define NBD_FLAG_C_NO_ZEROES 2
#define NBD_OPT_EXPORT_NAME 1

#define BLOCK 4096 /* bytes; the kernel reads and writes no less */

#define CONNECTED "/sys/block/" REMOTE_DISK "/pid" /* is there while the disk is connected */
#define WAIT_MS 10000

#define QUEUE "/sys/block/" REMOTE_DISK "/queue/"
#define AT_ONCE_KIB "512" /* of the disk; the kernel's own choice is 128 */

struct greeting {
    uint64_t magic, option_magic;
    uint16_t flags;
} __attribute__((packed));

struct choice {
    uint32_t flags;
    uint64_t magic;
    uint32_t option, length; /* of the name: it is empty */
} __attribute__((packed));

struct export
{
    uint64_t size;
    uint16_t flags;
}
__attribute__((packed));

static const char *serial; /* NULL: there is no such disk */

bool remote_disk_is(const char *name)
{
    return serial != NULL && strcmp(serial, name) == 0;
}

/* Returns 0, or -1 with errno. */
static int receive(int fd, void *bytes, size_t length)
{
    ssize_t got = recv(fd, bytes, length, MSG_WAITALL);

    if (got == (ssize_t)length)
        return 0;
    errno = got < 0 ? errno : EPIPE;
    return -1;
}

/* Asks for the host's disk. Returns 0, or -1 with errno. */
static int ask(int fd, struct export *ret)
{
    const struct choice choice = {htobe32(NBD_FLAG_C_NO_ZEROES), htobe64(IHAVEOPT),
                                  htobe32(NBD_OPT_EXPORT_NAME), 0};
    struct greeting greeting;

    if (receive(fd, &greeting, sizeof greeting))
        return -1;
    if (be64toh(greeting.magic) != NBDMAGIC || be64toh(greeting.option_magic) != IHAVEOPT) {
        errno = EPROTO;
        return -1;
    }
    if (file_write_all(fd, &choice, sizeof choice) || receive(fd, ret, sizeof *ret))
        return -1;
    ret->size = be64toh(ret->size);
    ret->flags = be16toh(ret->flags);
    return 0;
}

/* Serves the kernel's device until the connection ends. */
__attribute__((noreturn)) static void serve(int device)
{
    prctl(PR_SET_NAME, "disk");
    setpriority(PRIO_PROCESS, 0, -20);
    _exit(ioctl(device, NBD_DO_IT) ? 1 : 0);
}

/* Waits until the kernel has connected the disk: what is read earlier fails, and with it the
 * connection. Returns 0, or -1 with errno. */
static int await_connection(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < WAIT_MS; i++) {
        if (access(CONNECTED, F_OK) == 0)
            return 0;
        nanosleep(&pause, NULL);
    }
    errno = ETIMEDOUT;
    return -1;
}

/* A large file is read in fewer requests, each of which takes a turn of the line. Only the time
 * depends on it. */
static void read_more_at_once(void)
{
    file_write_setting(QUEUE "max_sectors_kb", AT_ONCE_KIB);
    file_write_setting(QUEUE "read_ahead_kb", AT_ONCE_KIB);
}

/* Returns 0, or -1 with errno. */
static int connect_disk(int fd)
{
    struct export export;

    if (ask(fd, &export))
        return -1;
    /* What is open for writing cannot be mounted from Linux 6.8 on. */
    int device = open("/dev/" REMOTE_DISK, O_RDONLY | O_CLOEXEC);

    if (device < 0 || ioctl(device, NBD_SET_BLKSIZE, (unsigned long)BLOCK) ||
        ioctl(device, NBD_SET_SIZE_BLOCKS, (unsigned long)(export.size / BLOCK)) ||
        ioctl(device, NBD_SET_FLAGS, (unsigned long)export.flags) ||
        ioctl(device, NBD_SET_SOCK, (unsigned long)fd))
        return -1;
    read_more_at_once();
    pid_t pid = fork();

    if (pid == 0)
        serve(device);
    int cause = errno;

    close(device);
    errno = cause;
    return pid < 0 ? -1 : await_connection();
}

int remote_disk_start(struct fault *fault)
{
    const char *name = getenv(GUEST_LINE_BASE);
    int fd = name == NULL ? -1 : line_take_port(GUEST_LINE_BASE_DISK);

    if (fd < 0)
        return 0;
    int status = connect_disk(fd);
    int cause = errno;

    close(fd);
    if (status)
        return fault_set(fault, cause, "connect the base disk");
    serial = name;
    return 0;
}
