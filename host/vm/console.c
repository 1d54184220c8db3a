#include "host/vm/console.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/lib/progress.h"

void console_append(struct console *console, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        console->bytes[console->next++] = bytes[i];
        if (console->next == CONSOLE_BYTES) {
            console->next = 0;
            console->wrapped = true;
        }
    }
}

/* Returns what follows the escape sequence (ECMA-48) at TEXT. */
static const char *skip_escape(const char *text)
{
    text++;
    if (*text != '[')
        return *text == '\0' ? text : text + 1;
    for (text++; *text != '\0'; text++)
        if (*text >= '@' && *text <= '~')
            return text + 1;
    return text;
}

/* Returns the ring in order, without control characters other than line ends; the caller's. */
static char *plain_text(const struct console *console)
{
    CLEANUP(freep) char *raw = xcalloc(CONSOLE_BYTES + 1, 1);
    char *plain = xcalloc(CONSOLE_BYTES + 1, 1), *out = plain;
    size_t older = console->wrapped ? CONSOLE_BYTES - console->next : 0, length = 0;

    memcpy(raw, console->bytes + console->next, older);
    memcpy(raw + older, console->bytes, console->next);
    length = older + console->next;
    for (size_t i = 0; i < length; i++)
        if (raw[i] == '\0')
            raw[i] = ' ';
    for (const char *in = raw; *in != '\0';) {
        unsigned char c = (unsigned char)*in;

        if (c == '\033') {
            in = skip_escape(in);
            continue;
        }
        if (c == '\n' || (c >= ' ' && c < 0x7f))
            *out++ = *in;
        in++;
    }
    return plain;
}

bool console_is_noise(const char *line)
{
    static const char start[] = "dmesg: read kernel buffer failed";

    return strncmp(line, start, strlen(start)) == 0;
}

static void show_line(struct console *console, const char *line)
{
    if (console->shown > CONSOLE_SHOWN_MAX)
        return;
    console->shown += strlen(line) + 1;
    progress_detail("%s: %s", console_is_noise(line) ? "libguestfs" : "guest", line);
    if (console->shown > CONSOLE_SHOWN_MAX)
        progress_detail("the guest's console: more than %u MiB are not shown",
                        CONSOLE_SHOWN_MAX >> 20);
}

void console_show(struct console *console, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n' && console->line.length < CONSOLE_BYTES) {
            buffer_append(&console->line, &bytes[i], 1);
            continue;
        }
        CLEANUP(freep)
        char *line = printable_copy(console->line.data, console->line.length, PRINTABLE_ASCII,
                                    PRINTABLE_DROP);

        show_line(console, line);
        buffer_free(&console->line);
    }
}

char *console_tail(const struct console *console)
{
    CLEANUP(freep) char *plain = plain_text(console);
    const char *lines[CONSOLE_LINES];
    size_t count = 0;
    struct buffer tail = {0};
    char *rest = NULL;

    for (char *line = strtok_r(plain, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        if (line[strspn(line, " ")] != '\0' && !console_is_noise(line))
            lines[count++ % CONSOLE_LINES] = line;
    for (size_t i = count > CONSOLE_LINES ? count - CONSOLE_LINES : 0; i < count; i++)
        buffer_printf(&tail, "%s  %s", tail.length > 0 ? "\n" : "", lines[i % CONSOLE_LINES]);
    return buffer_steal(&tail);
}

bool console_out_of_memory(const struct console *console)
{
    CLEANUP(freep) char *plain = plain_text(console);

    /* The kernel's mm/oom_kill.c, when nothing is left to kill. */
    return strstr(plain, "System is deadlocked on memory") != NULL ||
           strstr(plain, "not syncing: Out of memory") != NULL;
}

bool console_host_lacks_memory(const struct console *console)
{
    CLEANUP(freep) char *plain = plain_text(console);
    char *rest = NULL;

    for (char *line = strtok_r(plain, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        if ((strstr(line, "Cannot allocate memory") != NULL && /* strerror(ENOMEM) */
             strstr(line, "KVM_") == NULL) ||                  /* of which KVM wanted a little */
            strstr(line, "setup_physmem - mapping") != NULL)   /* User-Mode Linux */
            return true;
    return false;
}

void console_clear(struct console *console)
{
    buffer_free(&console->line);
    *console = (struct console){0};
}
