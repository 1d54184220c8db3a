/*
 * Reading a spec file. Errors carry line, column and key; an unknown key names the nearest known
 * one. No I/O but reading the spec, what its keys of the kinds in spec_path.h name, and whether
 * that exists.
 */
#ifndef VMBUILD_SPEC_READER_H
#define VMBUILD_SPEC_READER_H

#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/spec/spec_override.h"

/* Reads the spec PATH ("-": standard input) with COUNT OVERRIDES over it. NOW, in seconds since
 * 1970, is the time that `created: now` means; SOURCE_DATE_EPOCH is that variable's text or NULL.
 * Errors: EXIT_INPUT; EXIT_USAGE for an override that is wrong whatever the file holds, before the
 * file is opened. *RET is the caller's. */
[[nodiscard]] struct error *spec_read(const char *path, const struct spec_override *overrides,
                                      size_t count, int64_t now, const char *source_date_epoch,
                                      struct spec **ret);

/* The same for the spec TEXT, in which all paths are absolute; NAME is what errors call it. BASE:
 * the image to use in place of its own; or NULL. */
[[nodiscard]] struct error *spec_read_text(const char *text, const char *name, const char *base,
                                           const struct spec_override *overrides, size_t count,
                                           struct spec **ret);

/* The same for a spec that has nothing but a name and IMAGE as its base; a plain path is taken from
 * the current directory. */
[[nodiscard]] struct error *spec_of_image(const char *image, const struct spec_override *overrides,
                                          size_t count, int64_t now, const char *source_date_epoch,
                                          struct spec **ret);

#endif
