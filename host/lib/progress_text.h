/*
 * The words of progress that people read, in whatever mode: lines without what could control a
 * terminal, whatever names are in them.
 */
#ifndef VMBUILD_PROGRESS_TEXT_H
#define VMBUILD_PROGRESS_TEXT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/progress_renderer.h"

#define PROGRESS_TEXT_MAX 4096 /* bytes of a message; the middle of a longer one is left out */
#define PROGRESS_DETAILS_MAX 16384

/* What a note says of a script's output: the bytes that were left out, and the limit in MiB. */
#define PROGRESS_LEFT_OUT                                                                          \
    "left out %" PRIu64 " bytes of the script's output, of which at most %" PRIu64                 \
    " MiB are shown: --log-limit shows more, and --log keeps all"

/* Appends the lines of TEXT, each with PREFIX before it, and all but the last with a line end. */
void progress_text_append(struct buffer *out, const char *prefix, const char *text);

/* Returns TEXT, whose lines stay lines, cut to MAX bytes; the caller's. */
char *progress_text_lines(const char *text, size_t max);

/* The same for a text that is a single line, whatever names it contains. */
char *progress_text_line(const char *text);

/* Appends a script's line, as it is shown: what could control a terminal, or is not UTF-8, as `cat
 * -v` shows it, unless RAW. Nothing is appended of the CR before its end. */
void progress_text_output(struct buffer *out, const char *text, size_t length, bool raw);

/* Append whole lines: a note, a result (NULL: none), that an image is done, a difference, and an
 * error, whose messages begin with PREFIX; HAS_OUTPUT: with the end of the script's output, if it
 * is one of a script. */
void progress_text_note(struct buffer *out, const char *prefix, const char *text);
void progress_text_result(struct buffer *out, const char *text);
void progress_text_image(struct buffer *out, const struct progress_image *image);
void progress_text_difference(struct buffer *out, const char *prefix,
                              const struct progress_difference *difference);
void progress_text_error(struct buffer *out, const char *prefix, const struct error *err,
                         bool has_output);

/* Appends "4.2 s", "2 min 05 s" or "1 h 02 min". TENTHS: below a minute, tenths are shown. */
void progress_text_seconds(struct buffer *out, double seconds, bool tenths);

/* Appends "0.5 kB" or "12.3 MB", or with TOTAL, unless that is 0, "12.3 of 45.6 MB". */
void progress_text_bytes(struct buffer *out, uint64_t bytes, uint64_t total);

#endif
