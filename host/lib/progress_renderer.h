/*
 * How progress is shown: what the sink of progress.h passes on, and to whom.
 *
 * A renderer turns events into text. It neither writes anything nor reads a clock or the terminal's
 * size: these are in the event, and what it returns is written at once, so that a test can be any
 * clock and any terminal. Each renderer is one file, progress_NAME.c. All calls are made under the
 * sink's lock.
 */
#ifndef VMBUILD_PROGRESS_RENDERER_H
#define VMBUILD_PROGRESS_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/lib/progress.h"

enum progress_kind {
    PROGRESS_BEGIN, /* of the program; TEXT is the command, or NULL */
    PROGRESS_STAGE_START,
    PROGRESS_STAGE_DONE,
    PROGRESS_STAGE_FAILED,
    PROGRESS_BYTES,        /* only if the renderer wants them */
    PROGRESS_OUTPUT_BEGIN, /* before the first line of a stage */
    PROGRESS_OUTPUT,       /* TEXT is a line of a script, as it wrote it; LINE tells which part */
    PROGRESS_TICK, /* only while there is a stage; TEXT is the unfinished line of the script */
    PROGRESS_NOTE, /* TEXT: lines from anywhere */
    PROGRESS_DETAIL,
    PROGRESS_IMAGE,
    PROGRESS_DIFFERENCE,
    PROGRESS_ERROR,
    PROGRESS_RESULT, /* TEXT: a line, or NULL */
};

/* A whole line, a part of one that is longer, or what a script has written last. */
enum progress_line { PROGRESS_WHOLE_LINE, PROGRESS_PART_OF_LINE, PROGRESS_LAST_LINE };

struct progress_image {
    const char *name;
    bool is_cached;
    double seconds;
    const char *reason; /* or NULL */
};

/* See progress_difference. */
struct progress_difference {
    const char *where, *path, *field, *first, *second;
    const char *diff; /* or NULL */
};

/* All is borrowed. */
struct progress_event {
    enum progress_kind kind;
    double now;             /* in seconds, of a clock that only goes forward */
    struct timespec time;   /* since 1970 */
    unsigned rows, columns; /* of the terminal; 0: unknown */
    bool is_covered;        /* TICK: nothing may be drawn now */
    bool is_lost;           /* TICK: what was drawn is not there any more */

    const char *image_name; /* of the image that all of this is about, or NULL */
    const char *stage;      /* in progress, or NULL */
    double seconds;         /* since it started */
    uint64_t bytes;         /* of it, so far */
    uint64_t total;         /* 0: unknown */

    const char *text;
    size_t length;
    enum progress_line line;
    enum progress_stream stream; /* of OUTPUT; both, unless the renderer tells them apart */
    struct progress_image image;
    struct progress_difference difference;
    const struct error *error;
    const struct json *result;
};

struct progress_renderer {
    /* Appends to OUT what is to be written to standard error because of EVENT. */
    void (*show)(struct progress_renderer *renderer, const struct progress_event *event,
                 struct buffer *out);
    void (*free)(struct progress_renderer *renderer);
    double interval; /* between ticks, in seconds; 0: it needs none */
    bool wants_bytes;
    bool tells_streams;   /* it shows which stream a line is of */
    bool names_images;    /* it shows IMAGE_NAME, which is else put before each line */
    bool has_screen;      /* it uses the terminal's size */
    bool prints_results;  /* results go to standard output, and to nothing else */
    struct buffer live;   /* what is drawn at and below the cursor, or empty; it has no line end */
    bool raw;             /* scripts may control the terminal */
    uint64_t output_most; /* bytes of a script's output to show */
    void (*write)(struct buffer *out); /* writes and empties OUT, if it gets large */
};

/* Return a renderer, which is freed with its member. */
struct progress_renderer *progress_plain_new(void);
struct progress_renderer *progress_json_new(void);

/* Shows errors and what the command was asked for, and nothing else. */
struct progress_renderer *progress_quiet_new(bool prints_results);

/* HAS_COLOUR: the terminal shows colours, and the user wants them. */
struct progress_renderer *progress_terminal_new(bool has_colour);

#endif
