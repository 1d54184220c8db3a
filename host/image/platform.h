/*
 * The platform of an image: "ARCHITECTURE[/VARIANT]" of Linux, as containers are named (OCI
 * image-spec, "Image Index", platform; names and variants as containerd normalises them). Which of
 * several images suits a platform is decided here, for indexes and configs alike.
 *
 * Variants of amd64, arm and arm64 are levels, each of which runs what is for a lower one. A
 * request without a variant is for what the guest can run: of amd64 the level of this host's
 * processor, but at most v3, which QEMU emulates, so that the choice does not depend on the
 * accelerator.
 */
#ifndef VMBUILD_PLATFORM_H
#define VMBUILD_PLATFORM_H

#include "host/lib/error.h"

#define PLATFORM_PART_MAX 32

struct platform {
    char architecture[PLATFORM_PART_MAX]; /* as Go names it, if it has a name there */
    char variant[PLATFORM_PART_MAX];      /* or empty */
};

/* How an image suits a platform; the greater the better. */
enum platform_rating {
    PLATFORM_WRONG = 0,   /* not at all */
    PLATFORM_UNKNOWN = 1, /* it names no platform, so it may */
    PLATFORM_SUITS = 2,   /* at least this */
};

/* Reads TEXT, "[linux/]ARCHITECTURE[/VARIANT]" where the architecture may also have the kernel's
 * name ("x86_64"); NULL: this host's. The one variant that arm64 has always had, v8, is the same as
 * none. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *platform_parse(const char *text, struct platform *ret);

/* PLATFORM as text, without "linux/"; the caller's. */
char *platform_format(const struct platform *platform);

/* Rates an image of OS, ARCHITECTURE and VARIANT (each NULL or empty if it is not stated) for
 * WANTED: enum platform_rating or more. Empty OS is Linux if there is an architecture. */
int platform_rate(const struct platform *wanted, const char *os, const char *architecture,
                  const char *variant);

#endif
