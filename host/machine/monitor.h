/*
 * QEMU's monitor, by the QEMU Machine Protocol: JSON objects, a line each. Commands are carried out
 * one after the other; QEMU's events between their replies are passed over.
 */
#ifndef VMBUILD_MONITOR_H
#define VMBUILD_MONITOR_H

#include "host/lib/error.h"
#include "host/lib/json.h"

#define MONITOR_LINE_MAX (1u << 20) /* bytes of one object */

struct monitor;

/* Takes the connection FD over, reads QEMU's greeting and leaves the negotiation of capabilities.
 * Errors: EXIT_VM. */
[[nodiscard]] struct error *monitor_open(int fd, struct monitor **ret);

/* Carries out COMMAND with ARGUMENTS, which are freed; NULL: none. FILE, a descriptor, goes along
 * with it where it is not below 0 (for `getfd`). *RET_RESULT (may be NULL) is the caller's. Errors:
 * EXIT_VM with QEMU's words, or since QEMU has ended. */
[[nodiscard]] struct error *monitor_execute(struct monitor *monitor, const char *command,
                                            struct json *arguments, int file,
                                            struct json **ret_result);

/* Closes the connection; NULL is allowed. */
void monitor_free(struct monitor *monitor);
static inline void monitor_freep(struct monitor **monitor)
{
    monitor_free(*monitor);
}

#endif
