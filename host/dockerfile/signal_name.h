/*
 * The names of signals, as STOPSIGNAL has them.
 */
#ifndef VMBUILD_SIGNAL_NAME_H
#define VMBUILD_SIGNAL_NAME_H

#include <stdbool.h>

/* Whether TEXT is a signal of Linux: a number, or a name in any case, with or without "SIG". */
bool signal_name_is_known(const char *text);

#endif
