#include "host/dockerfile/directives.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/character.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Returns where DIRECTIVES keep the value of the one called NAME, of LENGTH bytes; NULL: it is
 * unknown. */
static char **find(struct directives *directives, const char *name, size_t length)
{
    const struct {
        const char *name;
        char **value;
    } known[] = {
        {"syntax", &directives->syntax},
        {"escape", &directives->escape},
        {"check", &directives->check},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && strncasecmp(known[i].name, name, length) == 0)
            return known[i].value;
    return NULL;
}

/* Sets the directive called NAME, of LENGTH bytes, to VALUE. */
static struct error *set(struct directives *directives, const char *name, size_t length,
                         char **place, const char *value)
{
    if (*place != NULL)
        return error_new(EXIT_INPUT, "the directive '%.*s' is repeated", (int)length, name);
    if (place == &directives->escape && strcmp(value, "\\") != 0 && strcmp(value, "`") != 0)
        return error_new(EXIT_INPUT, "the directive 'escape' must be \\ or `, not '%.40s'", value);
    *place = xstrdup(value);
    return NULL;
}

struct error *directives_read(struct directives *directives, const char *line)
{
    if (directives->is_over)
        return NULL;
    const char *name = *line == '#' ? character_skip_space(line + 1) : "";
    size_t length = strspn(name, LETTERS);
    const char *equals = name + length + strspn(name + length, " \t\f\r");
    char **place = find(directives, name, length);

    directives->is_over = true;
    if (*equals != '=' || place == NULL)
        return NULL;
    CLEANUP(freep) char *value = character_trim(equals + 1);

    if (*value == '\0')
        return NULL;
    directives->is_over = false;
    return set(directives, name, length, place, value);
}

char directives_escape(const struct directives *directives)
{
    return directives->escape != NULL ? *directives->escape : '\\';
}

void directives_free(struct directives *directives)
{
    free(directives->syntax);
    free(directives->escape);
    free(directives->check);
    *directives = (struct directives){0};
}
