/*
 * What the user sees while vmbuild runs: stages, bytes, the scripts' output, notes. All of it goes
 * to standard error (json events included); with --quiet, results go to standard output.
 * Thread-safe.
 *
 * This is the sink of all that happens. It keeps what all modes share: the current stage, the
 * scripts' lines, how much of them is shown. How it looks is up to the renderer of the mode
 * (progress_renderer.h):
 *
 *   tty    lines that stay, and below them the current stage with its clock, a bar or the script's
 *          last lines
 *   plain  a line for each stage that is done and for each note; script output between them
 *   json   an object a line (manual/events.schema.json)
 *   none   nothing but errors; with --quiet, and results
 *
 * What is on the screen is state that the whole program shares, so it is a variable of the module.
 * A thread moves the clock. What is live on a terminal also lies in memory shared with the
 * supervisor, which tidies up when the worker is stopped or killed.
 */
#ifndef VMBUILD_PROGRESS_H
#define VMBUILD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };

/* Chooses the mode (AUTO: tty if standard error is a terminal that is not dumb, else plain).
 * VERBOSITY: -1 quiet (results and errors only), 0, 1 verbose (details such as QEMU's command line,
 * kept cache entries). */
void progress_setup(enum progress_mode mode, int verbosity);

/* From now on this process builds the image NAME while others build other images: each line begins
 * with the name, each event has it as "image", and no line is rewritten. */
void progress_setup_image(const char *name);

#define PROGRESS_NO_LIMIT UINT64_MAX

/* Chooses how scripts' output is shown: at most LIMIT bytes of each script (PROGRESS_NO_LIMIT:
 * all), and only with RAW what could control a terminal. */
void progress_setup_output(uint64_t limit, bool raw);

/* Begins the work of COMMAND (NULL: it could not be read), before the program forks. */
void progress_begin(const char *command);

/* Starts a stage; the one before must be done. NAME is a word or two, the same in every mode. */
void progress_start(const char *name);

/* Reports the bytes of the current stage so far; TOTAL is 0 if unknown. Cheap: shown at most ten
 * times a second. */
void progress_bytes(uint64_t done, uint64_t total);

/* Adds BYTES to those of the current stage. */
void progress_add(uint64_t bytes);

/* The stage will have TOTAL bytes, which progress_bytes need not repeat. */
void progress_expect(uint64_t total);

/* Ends the current stage, if there is one. */
void progress_done(void);

/* The same because of ERR, which remembers the stage. */
void progress_failed(struct error *err);

/* Another script starts, of which as much may be shown as of the one before. */
void progress_output_begin(void);

/* A script's standard output and error, told apart or not. */
enum progress_stream { PROGRESS_BOTH, PROGRESS_STDOUT, PROGRESS_STDERR };

/* Whether the mode shows which stream a line is of. */
bool progress_tells_streams(void);

/* Shows LENGTH bytes that a script wrote to STREAM, in pieces of any size, line by line: in place
 * of what is not valid UTF-8 or could control a terminal, what `cat -v` shows of it. Beyond the
 * limit, bytes are only counted. */
void progress_output(enum progress_stream stream, const char *bytes, size_t length);

/* Shows what is left of last lines, and notes how much was left out. */
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

/* Shows ERR: "vmbuild: MESSAGE", its advice, its details. The current stage, if there is one, has
 * failed. Called by main only. */
void progress_error(struct error *err);

/* The result of the command: shown as the last event in json mode, as the line TEXT (NULL: none)
 * otherwise, with --quiet on standard output. RESULT is borrowed. */
void progress_result(const char *text, const struct json *result);

/* The same with another line for --quiet, QUIET (NULL: none). */
void progress_result_as(const char *text, const char *quiet, const struct json *result);

/* As progress_result, for a command that wrote PATH ("-": standard output). DIGESTS: further
 * members of the result (image/image_digests.h), or NULL. */
void progress_written(const char *path, const struct json *digests);

/* Ends the thread that moves the clock, for a caller that must be alone; the next stage starts it
 * again. */
void progress_rest(void);

/* In the supervisor: the worker is stopped, and the terminal is another program's: erases what is
 * live. The worker draws it again when it goes on. */
void progress_cover(void);

/* In the supervisor: the worker has ended. What it may have left live, since it was killed, stays,
 * above what comes next. */
void progress_settle(void);

#endif
