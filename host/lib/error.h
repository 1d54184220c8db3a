/*
 * Errors as values.
 *
 * A function that can fail returns `struct error *`: NULL for success, else an error that the
 * caller owns and either returns (adding its context once) or frees. Only main prints one and exits
 * with its code. The message is one line, "OPERATION 'OBJECT': CAUSE", where CAUSE keeps the words
 * of the library that failed. The advice is one line on the likely cause or what to do, `next` one
 * with commands to look closer; details are further lines, such as the end of the guest's console.
 *
 * Allocation failure is not an error value: memory.h ends the program.
 */
#ifndef VMBUILD_ERROR_H
#define VMBUILD_ERROR_H

#include <stddef.h>

struct buffer;

/* The program's exit codes. They are its interface. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_OTHER = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,     /* the spec or an input image is not valid */
    EXIT_VM = 4,        /* the VM did not start, or ended, or sent something invalid */
    EXIT_SCRIPT = 5,    /* a script in the guest failed */
    EXIT_DISK_FULL = 6, /* the guest's, the output's or the cache's disk; the message names it */
    EXIT_MEMORY = 7,    /* the guest ran out of memory */
    EXIT_TIMEOUT = 8,
    EXIT_NETWORK = 9,    /* a registry or the network failed */
    EXIT_DIFFERENT = 10, /* of --check: two builds differ */
    EXIT_INTERRUPTED = 130,
    EXIT_TERMINATED = 143,
};

/* No exit code of the program: with it, the worker asks the supervisor to start it once more. */
#define EXIT_AGAIN 75

struct error {
    enum exit_code code;
    char *message;    /* one line, without "vmbuild: " */
    char *advice;     /* one line, or NULL */
    char *next;       /* one line with commands to go on with, or NULL */
    char *details;    /* lines, or NULL */
    size_t output_at; /* where the script's output begins in the details, or their length */
    char *stage;      /* that it ended (progress.h), or NULL */
    enum error_end {
        ERROR_NO_SCRIPT,
        ERROR_EXITED,
        ERROR_KILLED
    } end;      /* of a script that failed */
    int number; /* its exit status, or the signal */
};

/* Makes an error with CODE and a message formatted as printf does. Never returns NULL; the caller
 * owns it. */
[[nodiscard]] struct error *error_new(enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with ": " and the text of errno appended. ENOSPC, EDQUOT and EFBIG turn CODE into
 * EXIT_DISK_FULL. Reads errno before anything else. */
[[nodiscard]] struct error *error_errno(enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts the formatted text and ": " before ERR's message. Returns ERR; NULL stays NULL. */
[[nodiscard]] struct error *error_context(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets ERR's advice unless it has one. Returns ERR; NULL stays NULL. */
[[nodiscard]] struct error *error_advise(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets what ERR's reader can go on with, unless that is set. Returns ERR; NULL stays NULL. */
[[nodiscard]] struct error *error_suggest(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets ERR's details to a copy of TEXT unless it has some or TEXT is empty. Returns ERR. */
[[nodiscard]] struct error *error_detail(struct error *err, const char *text);

/* Sets how the script ended that ERR reports: with the exit status or by the signal NUMBER. Returns
 * ERR. */
[[nodiscard]] struct error *error_of_script(struct error *err, enum error_end end, int number);

/* Sets the stage that ERR ended to a copy of STAGE unless it has one. */
void error_set_stage(struct error *err, const char *stage);

/* Appends ERR to OUT as bytes for another process, and reads it back from the LENGTH bytes at
 * BYTES; the caller's, and never NULL. */
void error_write(const struct error *err, struct buffer *out);
[[nodiscard]] struct error *error_read(const char *bytes, size_t length);

/* Frees ERR; NULL is allowed. Keeps errno. */
void error_free(struct error *err);

static inline void error_freep(struct error **err)
{
    error_free(*err);
}

/* Returns from the calling function with the error of EXPRESSION, if any. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        struct error *try_error_ = (expression);                                                   \
        if (try_error_ != NULL)                                                                    \
            return try_error_;                                                                     \
    } while (0)

#endif
