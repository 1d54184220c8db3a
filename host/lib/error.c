#include "host/lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/memory.h"

static struct error *make(enum exit_code code, char *message)
{
    struct error *err = xcalloc(1, sizeof *err);

    err->code = code;
    err->message = message;
    return err;
}

struct error *error_new(enum exit_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *message = xvasprintf(format, args);

    va_end(args);
    return make(code, message);
}

struct error *error_errno(enum exit_code code, const char *format, ...)
{
    int cause = errno;
    va_list args;

    va_start(args, format);
    char *what = xvasprintf(format, args);

    va_end(args);
    char *message = xasprintf("%s: %s", what, strerror(cause));

    free(what);
    bool is_full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;

    return make(is_full ? EXIT_DISK_FULL : code, message);
}

struct error *error_context(struct error *err, const char *format, ...)
{
    if (err == NULL)
        return NULL;
    va_list args;

    va_start(args, format);
    char *context = xvasprintf(format, args);

    va_end(args);
    char *message = xasprintf("%s: %s", context, err->message);

    free(context);
    free(err->message);
    err->message = message;
    return err;
}

struct error *error_advise(struct error *err, const char *format, ...)
{
    if (err == NULL || err->advice != NULL)
        return err;
    va_list args;

    va_start(args, format);
    err->advice = xvasprintf(format, args);
    va_end(args);
    return err;
}

struct error *error_suggest(struct error *err, const char *format, ...)
{
    if (err == NULL || err->next != NULL)
        return err;
    va_list args;

    va_start(args, format);
    err->next = xvasprintf(format, args);
    va_end(args);
    return err;
}

struct error *error_detail(struct error *err, const char *text)
{
    if (err != NULL && err->details == NULL && text != NULL && *text != '\0') {
        err->details = xstrdup(text);
        err->output_at = strlen(text);
    }
    return err;
}

struct error *error_of_script(struct error *err, enum error_end end, int number)
{
    err->end = end;
    err->number = number;
    return err;
}

void error_set_stage(struct error *err, const char *stage)
{
    if (err->stage == NULL)
        err->stage = xstrdup(stage);
}

/* The parts of ERR that are text, in the order in which they are written. */
#define TEXTS 5
static void find_texts(struct error *err, char ***texts)
{
    texts[0] = &err->message;
    texts[1] = &err->advice;
    texts[2] = &err->next;
    texts[3] = &err->details;
    texts[4] = &err->stage;
}

/* The numbers, and each text with a '+' before it, or a '-' if there is none; each ends with a NUL.
 */
void error_write(const struct error *err, struct buffer *out)
{
    struct error copy = *err;
    char **texts[TEXTS];

    find_texts(&copy, texts);
    buffer_printf(out, "%d %d %d %zu", (int)err->code, (int)err->end, err->number, err->output_at);
    buffer_append(out, "", 1);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *texts[i];

        buffer_append(out, text != NULL ? "+" : "-", 1);
        buffer_append(out, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
    }
}

static void read_numbers(const char *text, struct error *err)
{
    char *next;

    err->code = (enum exit_code)strtol(text, &next, 10);
    err->end = (enum error_end)strtol(next, &next, 10);
    err->number = (int)strtol(next, &next, 10);
    err->output_at = strtoul(next, &next, 10);
}

struct error *error_read(const char *bytes, size_t length)
{
    struct error *err = make(EXIT_OTHER, NULL);
    const char *end = bytes + length, *next = bytes;
    char **texts[TEXTS];

    find_texts(err, texts);
    if (length > 0 && end[-1] == '\0') {
        read_numbers(bytes, err);
        next += strlen(next) + 1;
    }
    for (size_t i = 0; i < TEXTS && next < end && end[-1] == '\0'; i++) {
        if (*next == '+')
            *texts[i] = xstrdup(next + 1);
        next += strlen(next) + 1;
    }
    if (err->message == NULL)
        err->message = xstrdup("the process reported nothing");
    return err;
}

void error_free(struct error *err)
{
    if (err == NULL)
        return;
    int saved = errno;

    free(err->message);
    free(err->advice);
    free(err->next);
    free(err->details);
    free(err->stage);
    free(err);
    errno = saved;
}
