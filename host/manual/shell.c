#include "host/manual/shell.h"

#include <string.h>

#include "host/image/architecture.h"
#include "host/spec/spec_key.h"

void shell_quote(const char *text, const char *quote, struct buffer *out)
{
    buffer_printf(out, "'");
    for (; *text != '\0'; text++)
        if (*text == '\'')
            buffer_printf(out, "%s", quote);
        else
            buffer_append(out, text, 1);
    buffer_printf(out, "'");
}

void shell_words(const struct argument *argument, struct buffer *out)
{
    const char *separator = "";

    if (argument->kind == ARGUMENT_ARCHITECTURE)
        for (size_t i = 0; i < architecture_count; i++, separator = " ")
            buffer_printf(out, "%s%s", separator, architecture_names[i]);
    else if (argument->kind == ARGUMENT_ASSIGNMENT)
        for (size_t i = 0; i < spec_key_count; i++, separator = " ")
            buffer_printf(out, "%s%s=", separator, spec_keys[i].name);
    else if (argument->kind == ARGUMENT_CHOICE)
        for (const struct choice *choice = argument->choices; choice->name != NULL;
             choice++, separator = " ")
            buffer_printf(out, "%s%s", separator, choice->name);
}

void shell_spellings(const struct option_row *row, const char *separator, struct buffer *out)
{
    if (row->letter != 0)
        buffer_printf(out, "-%c%s", row->letter, separator);
    buffer_printf(out, "--%s", row->name);
}

void shell_valued(const char *separator, struct buffer *out)
{
    const char *before = "";

    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        bool repeated = i > 0 && strcmp(row->name, option_table[i - 1].name) == 0;

        if (!option_has_value(row) || row->is_value_optional || repeated)
            continue;
        buffer_printf(out, "%s", before);
        shell_spellings(row, separator, out);
        before = separator;
    }
}
