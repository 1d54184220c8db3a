/*
 * The guest's console: what firmware, kernel and init write there, and what QEMU writes on standard
 * error. The last of it is kept, to be shown if the VM fails; with --verbose its lines are also
 * shown as they are completed.
 */
#ifndef VMBUILD_CONSOLE_H
#define VMBUILD_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/buffer.h"

#define CONSOLE_BYTES 8192
#define CONSOLE_LINES 40
#define CONSOLE_SHOWN_MAX                                                                          \
    (16u << 20) /* bytes; who debugs a guest needs less, and it may write for ever */

/* A zeroed one is empty. */
struct console {
    char bytes[CONSOLE_BYTES]; /* a ring */
    size_t next;               /* where the next byte goes */
    bool wrapped;              /* all of the ring is in use */
    struct buffer line;        /* shown when it is complete */
    size_t shown;              /* bytes */
};

/* Appends LENGTH bytes as they came, controls included; the oldest go. */
void console_append(struct console *console, const char *bytes, size_t length);

/* Shows the lines that LENGTH bytes complete as progress details, without what could control a
 * terminal. */
void console_show(struct console *console, const char *bytes, size_t length);

/* Whether LINE is what libguestfs' search for the host's loops_per_jiffy prints if users may not
 * read the host's log. It is not a message of the guest, though libguestfs passes it on as one. */
bool console_is_noise(const char *line);

/* Returns the last CONSOLE_LINES lines that are neither empty nor noise, without terminal controls,
 * each indented as details are; the caller's. */
char *console_tail(const struct console *console);

/* Whether the guest's kernel gave up for lack of memory. */
bool console_out_of_memory(const struct console *console);

/* Whether QEMU reported that it gets no memory, which it does before the guest writes anything. */
bool console_host_lacks_memory(const struct console *console);

/* Empties CONSOLE and frees what it holds. */
void console_clear(struct console *console);

#endif
