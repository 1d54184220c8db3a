/*
 * QEMU's monitor, as the QEMU Machine Protocol has it: JSON objects, one a line. Commands are
 * executed one after the other; events that QEMU sends between the replies are skipped. A monitor
 * belongs to one thread, except that another one may use monitor_send.
 */
#ifndef VMBUILD_MONITOR_H
#define VMBUILD_MONITOR_H

#include "host/lib/error.h"
#include "host/lib/json.h"

#define MONITOR_LINE_MAX (1u << 20) /* bytes of one object */

struct monitor;

/* Takes over the connected socket FD, which is closed even after an error, reads QEMU's greeting
 * and enters command mode. *RET is freed with monitor_free. Errors: EXIT_VM. */
[[nodiscard]] struct error *monitor_open(int fd, struct monitor **ret);

/* Executes COMMAND with ARGUMENTS, which are freed; NULL: none. The descriptor FILE is passed along
 * (for `getfd`) unless it is below 0. *RET_RESULT is QEMU's reply, the caller's; RET_RESULT may be
 * NULL. Errors: EXIT_VM with QEMU's own words, or because QEMU has ended. */
[[nodiscard]] struct error *monitor_execute(struct monitor *monitor, const char *command,
                                            struct json *arguments, int file,
                                            struct json **ret_result);

/* Sends COMMAND, whose reply monitor_receive will return. Errors: EXIT_VM. */
[[nodiscard]] struct error *monitor_send(struct monitor *monitor, const char *command);

/* Waits for the next object, a reply or an event; *RET is the caller's. Errors: EXIT_VM, also when
 * QEMU has ended. */
[[nodiscard]] struct error *monitor_receive(struct monitor *monitor, struct json **ret);

/* Closes the connection; accepts NULL. */
void monitor_free(struct monitor *monitor);
static inline void monitor_freep(struct monitor **monitor)
{
    monitor_free(*monitor);
}

#endif
