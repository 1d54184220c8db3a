#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UEVENT_GROUP_KERNEL 1
#define VPD_HEADER 4 /* bytes before the serial number in page 0x80 */

long device_read_file(const char *path, char *bytes, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t got = read(fd, bytes, room);
    int cause = errno;
    close(fd);
    errno = cause;
    return got;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t written = write(fd, text, strlen(text));
    int cause = errno;
    close(fd);
    errno = cause;
    return written < 0 ? -1 : 0;
}

/* Whether the file PATH holds WANTED, from byte SKIP on, and at most blanks after it. */
static bool file_says(const char *path, size_t skip, const char *wanted)
{
    char text[256];
    long length = device_read_file(path, text, sizeof(text) - 1);
    if (length < (long)skip) {
        return false;
    }
    text[length] = '\0';
    size_t wanted_length = strlen(wanted);
    const char *rest = text + skip + wanted_length;
    return strncmp(text + skip, wanted, wanted_length) == 0 && rest[strspn(rest, " \n")] == '\0';
}

/* Looks for the device called NAME once. Fills RET and returns true when it is there. */
typedef bool look(const char *name, char *ret);

/* Calls VISIT for each entry of FOLDER until it returns true. */
static bool search(const char *folder, const char *name, char *ret,
                   bool (*visit)(const char *entry, const char *name, char *ret))
{
    DIR *stream = opendir(folder);
    bool found = false;
    const struct dirent *entry;
    while (stream && !found && (entry = readdir(stream))) {
        found = entry->d_name[0] != '.' && visit(entry->d_name, name, ret);
    }
    if (stream) {
        closedir(stream);
    }
    return found;
}

static bool is_port(const char *entry, const char *name, char *ret)
{
    char path[DEVICE_PATH_MAX + 64];
    snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry);
    snprintf(ret, DEVICE_PATH_MAX, "/dev/%s", entry);
    return file_says(path, 0, name) && access(ret, F_OK) == 0;
}

static bool look_for_port(const char *name, char *ret)
{
    return search("/sys/class/virtio-ports", name, ret, is_port);
}

static bool is_disk(const char *entry, const char *name, char *ret)
{
    char path[DEVICE_PATH_MAX + 64];
    snprintf(ret, DEVICE_PATH_MAX, "/dev/%s", entry);
    snprintf(path, sizeof(path), "/sys/block/%s/serial", entry);
    bool found = file_says(path, 0, name);
    if (!found) {
        snprintf(path, sizeof(path), "/sys/block/%s/device/vpd_pg80", entry);
        found = file_says(path, VPD_HEADER, name);
    }
    return found && access(ret, F_OK) == 0;
}

static bool look_for_disk(const char *name, char *ret)
{
    return search("/sys/block", name, ret, is_disk);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Looks, and looks again after each of the kernel's events, for DEVICE_WAIT_MS. */
static int find(look *look_for, const char *name, char *ret, struct fault *fault)
{
    if (look_for(name, ret)) {
        return 0;
    }
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP_KERNEL};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
        int cause = errno;
        if (fd >= 0) {
            close(fd);
        }
        return fault_set(fault, cause, "listen for the kernel's events");
    }
    long deadline = milliseconds() + DEVICE_WAIT_MS;
    bool found;
    /* Again first: it may have come before there was somebody to listen. */
    while (!(found = look_for(name, ret))) {
        long left = deadline - milliseconds();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&poll_fd, 1, (int)left) < 0) {
            break;
        }
        char event[8192];
        if (recv(fd, event, sizeof(event), 0) < 0 && errno != ENOBUFS && errno != EINTR) {
            break;
        }
    }
    close(fd);
    return found ? 0 : fault_set(fault, ENODEV, "find the device '%s'", name);
}

int device_open_port(const char *name, struct fault *fault)
{
    char path[DEVICE_PATH_MAX];
    if (find(look_for_port, name, path, fault)) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? fault_set(fault, errno, "open the port '%s'", name) : fd;
}

int device_find_disk(const char *serial, char *ret, struct fault *fault)
{
    return find(look_for_disk, serial, ret, fault);
}

static bool scan_host(const char *entry, const char *name, char *ret)
{
    (void)ret;
    char path[DEVICE_PATH_MAX];
    snprintf(path, sizeof(path), "/sys/class/scsi_host/%s/scan", entry);
    return write_file(path, name) != 0;
}

int device_scan_scsi(struct fault *fault)
{
    /* Channel 0, target 0, any LUN. */
    if (search("/sys/class/scsi_host", "0 0 -", NULL, scan_host)) {
        return fault_set(fault, errno, "scan for SCSI disks");
    }
    return 0;
}
