/*
 * What is live on the terminal, in memory that the worker shares with its supervisor: the worker
 * may be stopped or killed at any time, and then the supervisor leaves the terminal clean.
 *
 * The terminal's cursor is at the beginning of what is live.
 */
#ifndef VMBUILD_PROGRESS_SCREEN_H
#define VMBUILD_PROGRESS_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the memory, before the worker is started. Without it, everything below does nothing. */
void progress_screen_share(void);

/* In the worker: what is live now; LENGTH 0: nothing. */
void progress_screen_keep(const char *live, size_t length);

/* In the worker: whether the terminal is in the hands of another program, such as the shell after
 * Ctrl-Z and bg. */
bool progress_screen_is_covered(void);

/* In the worker: whether what was live is not on the terminal any more; true once. */
bool progress_screen_is_lost(void);

#endif
