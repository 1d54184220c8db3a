/* Any bytes as the guest's console and as a script's output: what is shown of them can be shown to
 * a terminal. */
#include "host/lib/printable.h"
#include "host/vm/console.h"
#include "tests/fuzz/fuzz.h"

static void check_plain(const char *text)
{
    for (; *text != '\0'; text++)
        fuzz_expect(*text == '\n' || (*text >= ' ' && *text < 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct console console;
    const char *bytes = (const char *)data;

    console_append(&console, bytes, size);
    console_show(&console, bytes, size);
    (void)console_out_of_memory(&console);
    (void)console_host_lacks_memory(&console);
    char *tail = console_tail(&console);
    char *ascii = printable_copy(bytes, size, PRINTABLE_ASCII, PRINTABLE_MARK);
    char *utf8 = printable_copy(bytes, size, PRINTABLE_UTF8, PRINTABLE_MARK);

    check_plain(tail);
    check_plain(ascii);
    for (const char *next = utf8; *next != '\0'; next++)
        fuzz_expect((unsigned char)*next >= ' ' || *next == '\n' || *next == '\t');
    free(tail);
    free(ascii);
    free(utf8);
    console_clear(&console);
    return 0;
}
