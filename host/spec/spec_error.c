#include "host/spec/spec_error.h"

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

struct error *spec_error(const char *name, const struct json *value, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    CLEANUP(freep) char *cause = xvasprintf(format, args);

    va_end(args);
    if (value->line == 0)
        return error_new(EXIT_INPUT, "key '%s': %s", name, cause);
    return error_new(EXIT_INPUT, "line %u, column %u: key '%s': %s", value->line, value->column,
                     name, cause);
}

struct error *spec_error_type(const char *name, const struct json *value, const char *expected)
{
    return spec_error(name, value, "expected %s, found %s", expected, json_type_name(value->type));
}

struct error *spec_error_because(const char *name, const struct json *value,
                                 const struct error *cause)
{
    struct error *err = spec_error(name, value, "%s", cause->message);

    return cause->advice != NULL ? error_advise(err, "%s", cause->advice) : err;
}
