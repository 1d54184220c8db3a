/*
 * What went wrong, as a value: an errno where there is one, and a text that names operation, object
 * and cause. The text travels over the wire to the host, which shows it to the user.
 */
#ifndef VMBUILD_GUEST_FAULT_H
#define VMBUILD_GUEST_FAULT_H

#include <stddef.h>

#define FAULT_TEXT_MAX 8192

struct fault {
    int code; /* errno, or 0 */
    char text[FAULT_TEXT_MAX];
};

/* Fills FAULT with the formatted text, then ": " and the name of errno value CODE unless that is 0,
 * then GUEST_DISK_FULL_SUFFIX where CODE says that a disk is full. Returns -1, for `return`. */
int fault_set(struct fault *fault, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the formatted text before that which FAULT has. Returns -1. */
int fault_prefix(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says one line on the kernel's console: for what no reply can carry. */
void fault_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
