#include "guest/lib/device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "guest/lib/file.h"
#include "guest/lib/line.h"

#define NODES "/run/devices" /* of init's own: scripts may do with /dev what they like */
#define UEVENT_GROUP_KERNEL 1
#define VPD_HEADER 4      /* bytes before the serial number in page 0x80 */
#define LOOK_AGAIN_MS 100 /* after which it is looked again without an event */

/* Returns whether the file PATH holds WANTED from byte SKIP on, and nothing but blanks after it. */
static bool file_says(const char *path, size_t skip, const char *wanted)
{
    char text[256];
    long length = file_read(path, text, sizeof text - 1);
    size_t wanted_length = strlen(wanted);

    if (length < 0 || (size_t)length < skip + wanted_length)
        return false;
    text[length] = '\0';
    const char *rest = text + skip + wanted_length;

    return memcmp(text + skip, wanted, wanted_length) == 0 && rest[strspn(rest, " \n")] == '\0';
}

/* A device that is looked for. */
struct lookup {
    const char *name;
    char *path; /* where it was found; DEVICE_PATH_MAX bytes */
};

/* Calls VISIT for each entry of FOLDER until it returns true. Returns whether it did. */
static bool search(const char *folder, bool (*visit)(const char *entry, void *context),
                   void *context)
{
    DIR *stream = opendir(folder);
    bool found = false;
    const struct dirent *entry;

    while (stream != NULL && !found && (entry = readdir(stream)) != NULL)
        found = entry->d_name[0] != '.' && visit(entry->d_name, context);
    if (stream != NULL)
        closedir(stream);
    return found;
}

/* Makes the node PATH of TYPE for the device whose numbers are in the file NUMBER of /sys. Returns
 * whether it did. */
static bool make_node(const char *number, mode_t type, const char *path)
{
    char text[32];
    unsigned major, minor;
    long length = file_read(number, text, sizeof text - 1);

    if (length < 0)
        return false;
    text[length] = '\0';
    if (sscanf(text, "%u:%u", &major, &minor) != 2 || (mkdir(NODES, 0700) && errno != EEXIST) ||
        (unlink(path) && errno != ENOENT))
        return false;
    return mknod(path, type | 0600, makedev(major, minor)) == 0;
}

static bool is_port(const char *entry, void *context)
{
    const struct lookup *lookup = context;
    char path[DEVICE_PATH_MAX + 64];

    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry);
    if (!file_says(path, 0, lookup->name))
        return false;
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/dev", entry);
    snprintf(lookup->path, DEVICE_PATH_MAX, NODES "/%s", entry);
    return make_node(path, S_IFCHR, lookup->path);
}

static bool look_for_port(struct lookup *lookup)
{
    return search("/sys/class/virtio-ports", is_port, lookup);
}

/* Returns whether the kernel lets the disk be opened: its serial number is there some time before
 * that (device_add_disk() of the kernel's block/genhd.c, which sends its event
 * last). */
static bool is_ready(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return errno != ENOENT && errno != ENXIO; /* which its user will report */
    close(fd);
    return true;
}

static bool is_disk(const char *entry, void *context)
{
    const struct lookup *lookup = context;
    char path[DEVICE_PATH_MAX + 64];

    snprintf(lookup->path, DEVICE_PATH_MAX, NODES "/%s", entry);
    snprintf(path, sizeof path, "/sys/block/%s/serial", entry);
    bool found = file_says(path, 0, lookup->name);

    if (!found) {
        snprintf(path, sizeof path, "/sys/block/%s/device/vpd_pg80", entry);
        found = file_says(path, VPD_HEADER, lookup->name);
    }
    snprintf(path, sizeof path, "/sys/block/%s/dev", entry);
    return found && make_node(path, S_IFBLK, lookup->path) && is_ready(lookup->path);
}

static bool look_for_disk(struct lookup *lookup)
{
    return search("/sys/block", is_disk, lookup);
}

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Looks, and looks again after each event of the kernel, or a while without one, for
 * DEVICE_WAIT_MS. Returns 0, or -1 with FAULT. */
static int find(bool (*look_for)(struct lookup *lookup), struct lookup *lookup, struct fault *fault)
{
    if (look_for(lookup))
        return 0;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_KERNEL};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) {
        int cause = errno;

        if (fd >= 0)
            close(fd);
        return fault_set(fault, cause, "listen for the kernel's events");
    }
    long deadline = milliseconds() + DEVICE_WAIT_MS;
    bool found;

    /* First again, since it may have come before the socket was bound. */
    while (!(found = look_for(lookup))) {
        long left = deadline - milliseconds();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        if (left <= 0 || poll(&poll_fd, 1, (int)(left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS)) < 0)
            break;
        char event[8192];

        if (recv(fd, event, sizeof event, MSG_DONTWAIT) < 0 && errno != ENOBUFS && errno != EINTR &&
            errno != EAGAIN)
            break;
    }
    close(fd);
    return found ? 0 : fault_set(fault, ENODEV, "find the device '%s'", lookup->name);
}

int device_open_port(const char *name, struct fault *fault)
{
    char path[DEVICE_PATH_MAX];
    struct lookup lookup = {.name = name, .path = path};
    int taken = line_take_named_port(name);

    if (taken >= 0)
        return taken;
    if (find(look_for_port, &lookup, fault))
        return -1;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd < 0 ? fault_set(fault, errno, "open the port '%s'", name) : fd;
}

bool device_has_disk(const char *serial)
{
    char path[DEVICE_PATH_MAX];
    struct lookup lookup = {.name = serial, .path = path};

    return look_for_disk(&lookup);
}

int device_find_disk(const char *serial, char *ret, struct fault *fault)
{
    struct lookup lookup = {.name = serial};

    lookup.path = ret;
    return find(look_for_disk, &lookup, fault);
}

int device_scan_pci(struct fault *fault)
{
    return file_write_setting("/sys/bus/pci/rescan", "1")
               ? fault_set(fault, errno, "scan for PCI devices")
               : 0;
}

/* Returns true, which ends the search, if it failed. */
static bool scan_host(const char *entry, void *targets)
{
    char path[DEVICE_PATH_MAX];

    snprintf(path, sizeof path, "/sys/class/scsi_host/%s/scan", entry);
    return file_write_setting(path, targets) != 0;
}

int device_scan_scsi(struct fault *fault)
{
    char targets[] = "0 0 -"; /* channel, target, any LUN */

    if (search("/sys/class/scsi_host", scan_host, targets))
        return fault_set(fault, errno, "scan for SCSI disks");
    return 0;
}

static bool forget_disk(const char *entry, void *context)
{
    char path[DEVICE_PATH_MAX];

    (void)context;
    snprintf(path, sizeof path, "/sys/class/scsi_disk/%s/device/delete", entry);
    return file_write_setting(path, "1") != 0;
}

/* The same for a disk of User-Mode Linux's, "ubda", "ubdb", ..., if it is a layer. */
static bool forget_layer(const char *entry, void *context)
{
    char path[DEVICE_PATH_MAX + 64], serial[sizeof GUEST_DISK_LAYER], number[16];

    (void)context;
    snprintf(path, sizeof path, "/sys/block/%s/serial", entry);
    if (strncmp(entry, "ubd", 3) != 0 || file_read(path, serial, strlen(GUEST_DISK_LAYER)) < 0 ||
        strncmp(serial, GUEST_DISK_LAYER, strlen(GUEST_DISK_LAYER)) != 0)
        return false;
    snprintf(number, sizeof number, "%d", entry[3] - 'a');
    return file_write_setting("/sys/module/ubd/parameters/remove", number) != 0;
}

int device_forget_layers(struct fault *fault)
{
    if (search("/sys/class/scsi_disk", forget_disk, NULL) ||
        search("/sys/block", forget_layer, NULL))
        return fault_set(fault, errno, "forget the disks of layers");
    return 0;
}
