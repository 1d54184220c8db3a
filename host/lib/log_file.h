/*
 * The file of --log: all that scripts write, as it comes, so that it can be followed and is there
 * whatever ends the program. Unlike an output it is therefore not renamed when it is whole, but
 * when it is new and still empty: what was at its path, a symlink included, is replaced and never
 * written through. Devices, pipes and sockets are written to.
 *
 * One thread writes at a time. The first failure of the file is kept until it is asked for.
 */
#ifndef VMBUILD_LOG_FILE_H
#define VMBUILD_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

struct log_file;

/* Makes the empty file PATH. RAW: its bytes are those that are written to it; otherwise bytes that
 * could control a terminal, or are not UTF-8, are as `cat -v` shows them. *RET is freed with
 * log_file_free. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *log_file_open(const char *path, bool raw, struct log_file **ret);

/* Appends LENGTH bytes, cut anywhere. Returns false if the file cannot be written, or could not be
 * before. */
bool log_file_write(struct log_file *log, const void *bytes, size_t length);

/* Returns why the file could not be written, the caller's; NULL if it could, or if this was asked
 * before. May be called from another thread. */
[[nodiscard]] struct error *log_file_take_error(struct log_file *log);

/* Completes the file. Errors: EXIT_OTHER, EXIT_DISK_FULL, of any write. LOG is still to be freed.
 */
[[nodiscard]] struct error *log_file_finish(struct log_file *log);

/* Closes the file, which stays; accepts NULL. */
void log_file_free(struct log_file *log);
static inline void log_file_freep(struct log_file **log)
{
    log_file_free(*log);
}

#endif
