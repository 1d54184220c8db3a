#include "host/machine/monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define READ_SIZE 4096

struct monitor {
    int fd;
    struct buffer received; /* not consumed yet */
};

/* Moves the first complete line of what was received to LINE. Returns false if there is none. */
static bool take_line(struct monitor *monitor, struct buffer *line)
{
    struct buffer *received = &monitor->received;
    const char *end = received->length > 0 ? memchr(received->data, '\n', received->length) : NULL;

    if (end == NULL)
        return false;
    size_t length = (size_t)(end - received->data) + 1;

    buffer_append(line, received->data, length);
    memmove(received->data, received->data + length, received->length - length);
    received->length -= length;
    return true;
}

struct error *monitor_receive(struct monitor *monitor, struct json **ret)
{
    CLEANUP(buffer_free) struct buffer line = {0};
    char bytes[READ_SIZE];

    while (!take_line(monitor, &line)) {
        ssize_t length = recv(monitor->fd, bytes, sizeof bytes, 0);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_errno(EXIT_VM, "read from QEMU's monitor");
        if (length == 0)
            return error_new(EXIT_VM, "read from QEMU's monitor: QEMU has ended");
        if (monitor->received.length + (size_t)length > MONITOR_LINE_MAX)
            return error_new(EXIT_VM, "read from QEMU's monitor: more than %u bytes in a line",
                             MONITOR_LINE_MAX);
        buffer_append(&monitor->received, bytes, (size_t)length);
    }
    return json_parse("QEMU's reply", line.data, line.length, ret);
}

/* Sends BYTES, and FILE with the first of them. */
static struct error *transmit(const struct monitor *monitor, const char *bytes, size_t length,
                              int file)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof file)];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof file),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};

    memcpy(CMSG_DATA(&control.header), &file, sizeof file);
    while (length > 0) {
        struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

        if (file >= 0) {
            message.msg_control = &control;
            message.msg_controllen = sizeof control.room;
        }
        ssize_t sent = sendmsg(monitor->fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return error_errno(EXIT_VM, "write to QEMU's monitor");
        bytes += sent;
        length -= (size_t)sent;
        file = -1;
    }
    return NULL;
}

/* Sends COMMAND with ARGUMENTS, which are freed, and FILE. */
static struct error *call(const struct monitor *monitor, const char *command,
                          struct json *arguments, int file)
{
    CLEANUP(json_freep) struct json *object = json_object();
    CLEANUP(buffer_free) struct buffer text = {0};

    json_set(object, "execute", json_string(command));
    if (arguments != NULL)
        json_set(object, "arguments", arguments);
    json_write(object, false, &text);
    buffer_append(&text, "\n", 1);
    return transmit(monitor, text.data, text.length, file);
}

struct error *monitor_send(struct monitor *monitor, const char *command)
{
    return call(monitor, command, NULL, -1);
}

struct error *monitor_execute(struct monitor *monitor, const char *command, struct json *arguments,
                              int file, struct json **ret_result)
{
    TRY(call(monitor, command, arguments, file));
    for (;;) {
        CLEANUP(json_freep) struct json *reply = NULL;

        TRY(monitor_receive(monitor, &reply));
        if (json_get(reply, "error") != NULL) {
            const char *words = json_get_string(json_get(reply, "error"), "desc");

            return error_new(EXIT_VM, "execute '%s' in QEMU: %s", command,
                             words == NULL ? "no reason given" : words);
        }
        if (json_get(reply, "return") == NULL)
            continue; /* an event */
        if (ret_result != NULL)
            *ret_result = json_copy(json_get(reply, "return"));
        return NULL;
    }
}

struct error *monitor_open(int fd, struct monitor **ret)
{
    CLEANUP(monitor_freep) struct monitor *monitor = xcalloc(1, sizeof *monitor);
    CLEANUP(json_freep) struct json *greeting = NULL;

    monitor->fd = fd;
    TRY(monitor_receive(monitor, &greeting));
    if (json_get(greeting, "QMP") == NULL)
        return error_new(EXIT_VM, "open QEMU's monitor: no greeting");
    TRY(monitor_execute(monitor, "qmp_capabilities", NULL, -1, NULL));
    *ret = STEAL(monitor);
    return NULL;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor == NULL)
        return;
    close(monitor->fd);
    buffer_free(&monitor->received);
    free(monitor);
}
