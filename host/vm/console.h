/*
 * The guest's console: the last of what firmware, kernel and init wrote there, and what QEMU said
 * on standard error. Kept to be shown where the VM fails.
 */
#ifndef VMBUILD_CONSOLE_H
#define VMBUILD_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_BYTES 8192
#define CONSOLE_LINES 40

/* A zeroed one is empty. */
struct console {
    char bytes[CONSOLE_BYTES]; /* a ring */
    size_t next;               /* where the next byte goes */
    bool wrapped;              /* all of it is in use */
};

/* Appends LENGTH bytes as they came, controls included; the oldest go. */
void console_append(struct console *console, const char *bytes, size_t length);

/* Whether LINE is what libguestfs' search for the host's loops_per_jiffy prints where users may not
 * read the host's log: no message of the guest, though libguestfs gives it out as one. */
bool console_is_noise(const char *line);

/* Returns the last CONSOLE_LINES lines that are neither empty nor noise, without terminal controls,
 * each indented as details are; the caller's. */
char *console_tail(const struct console *console);

/* Whether the guest's kernel gave up for want of memory. */
bool console_out_of_memory(const struct console *console);

#endif
