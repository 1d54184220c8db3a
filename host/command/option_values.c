#include "host/command/option_values.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/help.h"
#include "host/command/option_table.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"

#define ACCELERATOR_VARIABLE "VMBUILD_ACCEL"

struct error *option_values_read_mib(const char *option, const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    unsigned long long mib = strtoull(text, &end, 10);

    if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || mib > UINT64_MAX >> 20)
        return error_new(EXIT_USAGE, "read option '--%s': '%s' must be a number of MiB", option,
                         text);
    *ret = (uint64_t)mib << 20;
    return NULL;
}

/* Returns the row of the option with the member at OFFSET. */
static const struct option_row *find_row(size_t offset)
{
    const struct option_row *row = option_table;

    while (row->offset != offset)
        row++;
    return row;
}

struct error *option_values_default(struct options *options)
{
    const struct option_row *row = find_row(offsetof(struct options, accelerator));
    const char *value = getenv(ACCELERATOR_VARIABLE);
    CLEANUP(buffer_free) struct buffer known = {0};

    if (value == NULL || *value == '\0' || !option_is_of(row, options->command))
        return NULL;
    for (const struct choice *choice = row->argument.choices; choice->name != NULL; choice++)
        if (strcmp(choice->name, value) == 0) {
            options->accelerator = (enum accelerator)choice->value;
            return NULL;
        }
    help_choices(&row->argument, ", ", &known);
    return error_new(EXIT_USAGE,
                     "read the environment: " ACCELERATOR_VARIABLE " '%s' must be one of %s", value,
                     known.data);
}

/* --max-age: a number with a unit, seconds by default. */
static struct error *read_max_age(struct options *options)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    const char *text = options->max_age;

    if (text == NULL)
        return NULL;
    size_t digits = strspn(text, "0123456789");

    for (size_t i = 0; digits > 0 && digits < 10 && i < sizeof units / sizeof *units; i++)
        if (strcmp(text + digits, units[i].name) == 0) {
            options->max_age_seconds = strtoll(text, NULL, 10) * units[i].seconds;
            return NULL;
        }
    return error_new(
        EXIT_USAGE,
        "read option '--max-age': '%s' must be a number with a unit, such as 90s, 30m, "
        "12h, 7d or 2w",
        text);
}

static struct error *read_jobs(struct options *options)
{
    const char *text = options->jobs;

    if (text == NULL)
        return NULL;
    size_t digits = strspn(text, "0123456789");

    options->job_count = strtoul(text, NULL, 10);
    if (digits == 0 || digits > 4 || text[digits] != '\0' || options->job_count == 0)
        return error_new(EXIT_USAGE,
                         "read option '--jobs': '%s' must be a whole number between 1 and 9999",
                         text);
    return NULL;
}

static struct error *read_log_limit(struct options *options)
{
    if (options->log_limit == NULL)
        return NULL;
    return option_values_read_mib("log-limit", options->log_limit, &options->shown_most);
}

static struct error *read_on_failure(struct options *options)
{
    static const char keep[] = "keep=";
    const char *action = options->on_failure;

    if (action == NULL)
        return NULL;
    options->shell_on_failure = strcmp(action, "shell") == 0;
    if (strncmp(action, keep, strlen(keep)) == 0 && action[strlen(keep)] != '\0')
        options->keep = action + strlen(keep);
    if (!options->shell_on_failure && options->keep == NULL && strcmp(action, "stop") != 0)
        return error_new(EXIT_USAGE,
                         "read option '--on-failure': '%s' must be one of stop, shell, keep=FILE",
                         action);
    return NULL;
}

struct error *option_values_read(struct options *options)
{
    TRY(read_log_limit(options));
    TRY(read_max_age(options));
    TRY(read_jobs(options));
    return read_on_failure(options);
}
