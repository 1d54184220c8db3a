#include "host/lib/progress_text.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define DETAILS_PREFIX "  | "

void progress_text_append(struct buffer *out, const char *prefix, const char *text)
{
    bool is_first = true;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        buffer_printf(out, "%s%s", is_first ? "" : "\n", prefix);
        printable_append(out, text, length, PRINTABLE_UTF8, PRINTABLE_ESCAPE);
        is_first = false;
        text += length;
        text += *text == '\n';
    }
}

char *progress_text_lines(const char *text, size_t max)
{
    CLEANUP(freep) char *cut = printable_cut(text, max);
    struct buffer out = {0};

    progress_text_append(&out, "", cut);
    buffer_append(&out, "", 0);
    return buffer_steal(&out);
}

char *progress_text_line(const char *text)
{
    CLEANUP(freep) char *cut = printable_cut(text, PROGRESS_TEXT_MAX);

    return printable_copy(cut, strlen(cut), PRINTABLE_UTF8, PRINTABLE_ESCAPE);
}

void progress_text_output(struct buffer *out, const char *text, size_t length, bool raw)
{
    if (raw) {
        buffer_append(out, text, length);
        return;
    }
    if (length > 0 && text[length - 1] == '\r')
        length--;
    printable_append(out, text, length, PRINTABLE_UTF8, PRINTABLE_CARET);
}

static void append_lines(struct buffer *out, const char *prefix, const char *text, size_t max)
{
    CLEANUP(freep) char *cut = printable_cut(text, max);

    progress_text_append(out, prefix, cut);
    buffer_append(out, "\n", 1);
}

static void append_line(struct buffer *out, const char *prefix, const char *text)
{
    CLEANUP(freep) char *line = progress_text_line(text);

    buffer_printf(out, "%s%s\n", prefix, line);
}

void progress_text_note(struct buffer *out, const char *prefix, const char *text)
{
    append_lines(out, prefix, text, PROGRESS_TEXT_MAX);
}

void progress_text_result(struct buffer *out, const char *text)
{
    if (text != NULL)
        buffer_printf(out, "%s\n", text);
}

void progress_text_image(struct buffer *out, const struct progress_image *image)
{
    CLEANUP(freep) char *because = image->reason != NULL ? xasprintf(" (%s)", image->reason) : NULL;
    CLEANUP(freep)
    char *text = image->is_cached ? xasprintf("%s: cached", image->name)
                                  : xasprintf("%s: built in %.1f s%s", image->name, image->seconds,
                                              because != NULL ? because : "");

    progress_text_append(out, "", text);
    buffer_append(out, "\n", 1);
}

void progress_text_difference(struct buffer *out, const char *prefix,
                              const struct progress_difference *difference)
{
    CLEANUP(freep)
    char *line =
        xasprintf("%s: '%s': %s: %s in the first build, %s in the second", difference->where,
                  difference->path, difference->field, difference->first, difference->second);

    append_line(out, prefix, line);
    if (difference->diff != NULL)
        append_lines(out, DETAILS_PREFIX, difference->diff, PROGRESS_DETAILS_MAX);
}

void progress_text_error(struct buffer *out, const char *prefix, const struct error *err,
                         bool has_output)
{
    append_line(out, prefix, err->message);
    if (err->advice != NULL)
        append_line(out, prefix, err->advice);
    if (err->next != NULL)
        append_line(out, prefix, err->next);
    if (err->details == NULL)
        return;
    CLEANUP(freep)
    char *details = xstrndup(err->details, has_output ? strlen(err->details) : err->output_at);

    if (*details != '\0')
        append_lines(out, DETAILS_PREFIX, details, PROGRESS_DETAILS_MAX);
}

void progress_text_seconds(struct buffer *out, double seconds, bool tenths)
{
    unsigned long whole = (unsigned long)seconds;

    if (tenths && seconds < 59.95)
        buffer_printf(out, "%.1f s", seconds);
    else if (whole < 60)
        buffer_printf(out, "%lu s", whole);
    else if (whole < 3600)
        buffer_printf(out, "%lu min %02lu s", whole / 60, whole % 60);
    else
        buffer_printf(out, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
}

void progress_text_bytes(struct buffer *out, uint64_t bytes, uint64_t total)
{
    uint64_t larger = total > bytes ? total : bytes;
    double unit = larger >= 1000000000 ? 1e9 : larger >= 100000 ? 1e6 : 1e3;
    const char *name = larger >= 1000000000 ? "GB" : larger >= 100000 ? "MB" : "kB";

    if (total > 0)
        buffer_printf(out, "%.1f of %.1f %s", (double)bytes / unit, (double)larger / unit, name);
    else
        buffer_printf(out, "%.1f %s", (double)bytes / unit, name);
}
