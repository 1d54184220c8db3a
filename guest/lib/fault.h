/*
 * What went wrong, as a value: an errno, if there is one, and a text that names operation, object
 * and cause. It becomes the error of the call, and the host shows it to the user. The function that
 * fails sets it; callers return, or prefix what they know more.
 */
#ifndef VMBUILD_GUEST_FAULT_H
#define VMBUILD_GUEST_FAULT_H

#include <stddef.h>

#define FAULT_TEXT_MAX 8192

struct fault {
    int code; /* errno, or 0 */
    char text[FAULT_TEXT_MAX];
};

/* Fills FAULT with the formatted text, then, unless CODE is 0, ": " and the name of that errno
 * value, then GUEST_DISK_FULL_SUFFIX if it means that a disk is full. Returns -1, for `return`. */
int fault_set(struct fault *fault, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the formatted text before that of FAULT. Returns -1. */
int fault_prefix(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes one line "init: ..." to the kernel's console, for what no reply can carry. */
void fault_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
