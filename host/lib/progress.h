/*
 * What the user sees while vmbuild runs: stages, bytes, the scripts' output, notes. All of it goes
 * to standard error (json events included); results go to standard output only. Thread-safe.
 *
 * What is on the screen is state that the whole program shares, so it is a variable of the module:
 * the stage line is rewritten whichever part of the program has something to show.
 *
 *   tty    a stage line that is rewritten in place, script output above it
 *   plain  a line for each stage that starts and for each note; script output between them
 *   json   one object a line: {"event":"stage","stage":S,"state":"start"|"done",...},
 *          {"event":"progress",...}, {"event":"output","line":L}, {"event":"note","text":T},
 *          {"event":"image","image":NAME,"state":"cached"|"built","seconds":S,"reason":R},
 *          {"event":"difference",...}, {"event":"error",...} and at the end
 *          {"event":"done","output":PATH,...}
 *   none   nothing but errors
 */
#ifndef VMBUILD_PROGRESS_H
#define VMBUILD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

/* Chooses the mode (AUTO: tty if standard error is a terminal, else plain). VERBOSITY: -1 quiet
 * (script output and errors only), 0, 1 verbose (details such as QEMU's command line, kept cache
 * entries). */
void progress_setup(enum progress_mode mode, int verbosity);

#define PROGRESS_NO_LIMIT UINT64_MAX

/* Chooses how scripts' output is shown: at most LIMIT bytes of each script (PROGRESS_NO_LIMIT:
 * all), and only with RAW what could control a terminal. */
void progress_setup_output(uint64_t limit, bool raw);

/* Starts a stage; the one before must be done. NAME is a word or two, the same in every mode. */
void progress_start(const char *name);

/* Reports the bytes of the current stage so far; TOTAL is 0 if unknown. Cheap: shown at most ten
 * times a second. */
void progress_bytes(uint64_t done, uint64_t total);

/* Ends the current stage. */
void progress_done(void);

/* Another script starts, of which as much may be shown as of the one before. */
void progress_output_begin(void);

/* Shows LENGTH bytes that a script wrote, in pieces of any size, line by line: in place of what is
 * not valid UTF-8 or could control a terminal, what `cat -v` shows of it. Beyond the limit, bytes
 * are only counted. */
void progress_output(const char *bytes, size_t length);

/* Shows what is left of a last line, and notes how much was left out. */
void progress_output_end(void);

/* One line for the user: the fallback to TCG, a socket left out, ... */
void progress_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, shown only with -v. */
void progress_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An image is done: NAME was "cached", or "built" in SECONDS because of REASON (NULL: it was not
 * known before). As a line "NAME: built in 4.2 s (REASON)", or an event. */
void progress_image(const char *name, bool is_cached, double seconds, const char *reason);

/* Shows that the FIELD of PATH in WHERE ("layer 1", "config") is ONE in the first of two things
 * that were compared and OTHER in the second; DIFF: further lines on that, or NULL. Shown whatever
 * the mode and verbosity: it is what the command was asked for. */
void progress_difference(const char *where, const char *path, const char *field, const char *one,
                         const char *other, const char *diff);

/* Shows ERR: "vmbuild: MESSAGE", its advice, its details. Called by main only. */
void progress_error(const struct error *err);

/* The result of the command: shown as the last event in json mode, as the line TEXT (NULL: none)
 * otherwise. RESULT is borrowed. */
void progress_result(const char *text, const struct json *result);

/* The same for a command that wrote PATH ("-": standard output). DIGEST: of the image's manifest,
 * or NULL. */
void progress_written(const char *path, const char *digest);

#endif
