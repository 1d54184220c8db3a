#include "host/lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
