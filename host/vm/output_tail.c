#include "host/vm/output_tail.h"

#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

void output_tail_append(struct output_tail *tail, const char *bytes, size_t length)
{
    if (length > OUTPUT_TAIL_BYTES) {
        bytes += length - OUTPUT_TAIL_BYTES;
        length = OUTPUT_TAIL_BYTES;
    }
    while (length > 0) {
        size_t room = OUTPUT_TAIL_BYTES - tail->next;
        size_t piece = length < room ? length : room;

        memcpy(tail->bytes + tail->next, bytes, piece);
        tail->next += piece;
        bytes += piece;
        length -= piece;
        if (tail->next == OUTPUT_TAIL_BYTES) {
            tail->next = 0;
            tail->wrapped = true;
        }
    }
}

/* Returns where the last OUTPUT_TAIL_LINES lines of the LENGTH bytes at TEXT begin. */
static size_t find_start(const char *text, size_t length)
{
    size_t lines = 0, start = length;

    while (start > 0) {
        if (text[start - 1] == '\n' && start < length && ++lines == OUTPUT_TAIL_LINES)
            return start;
        start--;
    }
    return start;
}

/* Appends the line of LENGTH bytes at TEXT. */
static void append_line(struct buffer *out, const char *text, size_t length)
{
    while (length > 0 && text[length - 1] == '\r')
        length--;
    for (size_t i = length; i > 0; i--)
        if (text[i - 1] == '\r') {
            text += i;
            length -= i;
            break;
        }
    if (out->length > 0)
        buffer_append(out, "\n", 1);
    printable_append(out, text, length, PRINTABLE_UTF8, PRINTABLE_CARET);
}

char *output_tail_lines(const struct output_tail *tail)
{
    size_t older = tail->wrapped ? OUTPUT_TAIL_BYTES - tail->next : 0;
    size_t length = older + tail->next;
    CLEANUP(freep) char *bytes = xcalloc(length + 1, 1);
    struct buffer out = {0};

    memcpy(bytes, tail->bytes + tail->next, older);
    memcpy(bytes + older, tail->bytes, tail->next);
    for (size_t start = find_start(bytes, length), end; start < length; start = end + 1) {
        const char *newline = memchr(bytes + start, '\n', length - start);

        end = newline != NULL ? (size_t)(newline - bytes) : length;
        append_line(&out, bytes + start, end - start);
    }
    buffer_append(&out, "", 0);
    return buffer_steal(&out);
}

void output_tail_clear(struct output_tail *tail)
{
    *tail = (struct output_tail){0};
}
