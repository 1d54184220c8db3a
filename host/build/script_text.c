#include "host/build/script_text.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define LINE_SHOWN_MAX 200 /* bytes */

/* Whether the LENGTH bytes at WORD are NAME, with directories before it or not. */
static bool is_program(const char *word, size_t length, const char *name)
{
    size_t name_length = strlen(name);

    return length >= name_length && memcmp(word + length - name_length, name, name_length) == 0 &&
           (length == name_length || word[length - name_length - 1] == '/');
}

enum script_shell script_text_shell(const char *text, bool in_image)
{
    const char *word = text + 2;

    if (!in_image || strncmp(text, "#!", 2) != 0)
        return SCRIPT_SHELL_SH;
    for (;;) {
        word += strspn(word, " \t");
        size_t length = strcspn(word, " \t\r\n");

        if (is_program(word, length, "bash"))
            return SCRIPT_SHELL_BASH;
        if (is_program(word, length, "sh") || is_program(word, length, "dash") ||
            is_program(word, length, "ash"))
            return SCRIPT_SHELL_SH;
        if (!is_program(word, length, "env") && !is_program(word, length, "busybox") &&
            strncmp(word, "-S", 2) != 0)
            return SCRIPT_SHELL_NONE;
        word += length;
    }
}

bool script_text_has_returns(const char *text)
{
    return strstr(text, "\r\n") != NULL;
}

const char *script_text_bashism(const char *text)
{
    static const struct {
        const char *pattern, *name;
    } bashisms[] = {
        {"(^|[;&|([:space:]])\\[\\[[[:space:]]", "[[ ... ]]"},
        {"set[[:space:]]+-[a-z]*o[[:space:]]+pipefail", "set -o pipefail"},
        {"<<<", "<<<"},
        {"[<>]\\(", "<(...)"},
        {"&>", "&>"},
        {"(^|[;&|[:space:]])(source|declare|typeset|shopt|pushd|popd|mapfile|readarray|let)"
         "[[:space:]]",
         "source, declare, shopt and their kind"},
        {"(^|[;&|[:space:]])function[[:space:]]+[A-Za-z_]", "function NAME"},
        {"(^|[;&|[:space:]])[A-Za-z_][A-Za-z_0-9]*\\+?=\\(", "arrays"},
        {"\\$\\{[A-Za-z_][A-Za-z_0-9]*(\\[|\\^|,|/|:[0-9 ])",
         "${NAME[...]}, ${NAME/...} and their kind"},
        {"\\$\\{![A-Za-z_]", "${!NAME}"},
        {"(^|[;&|[:space:]])\\(\\(", "((...))"},
        {"\\[[[:space:]][^]]*[[:space:]]==[[:space:]]", "== in [ ]"},
        {"\\{[0-9]+\\.\\.[0-9]+\\}", "{1..3}"},
        {"\\$'", "$'...'"},
        {"read[[:space:]]+-[a-z]*[ptnsda]", "options of read"},
    };

    for (size_t i = 0; i < sizeof bashisms / sizeof *bashisms; i++) {
        regex_t regex;

        if (regcomp(&regex, bashisms[i].pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
            continue;
        bool found = regexec(&regex, text, 0, NULL, 0) == 0;

        regfree(&regex);
        if (found)
            return bashisms[i].name;
    }
    return NULL;
}

/* Returns where line NUMBER of TEXT begins, or NULL. */
static const char *find_line(const char *text, uint64_t number)
{
    for (uint64_t line = 1; line < number && text != NULL; line++) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return text;
}

/* Returns where the command begins whose last line is at LINE: after a line that ends in a
 * backslash it goes on. */
static const char *find_first(const char *text, const char *line)
{
    while (line > text + 1 && line[-1] == '\n' && line[-2] == '\\') {
        line -= 2;
        while (line > text && line[-1] != '\n')
            line--;
    }
    return line;
}

char *script_text_line(const char *text, uint64_t number)
{
    const char *line = number > 0 ? find_line(text, number) : NULL;
    CLEANUP(buffer_free) struct buffer out = {0};

    if (line == NULL)
        return NULL;
    const char *end = line + strcspn(line, "\n");

    for (const char *c = find_first(text, line); c < end; c++) {
        bool is_blank = isspace((unsigned char)*c) || (*c == '\\' && c[1] == '\n');

        if (!is_blank)
            buffer_append(&out, c, 1);
        else if (out.length > 0 && out.data[out.length - 1] != ' ')
            buffer_append(&out, " ", 1);
    }
    while (out.length > 0 && out.data[out.length - 1] == ' ')
        out.length--;
    if (out.length == 0)
        return NULL;
    CLEANUP(freep)
    char *plain = printable_copy(out.data, out.length, PRINTABLE_UTF8, PRINTABLE_ESCAPE);

    size_t length = strlen(plain);

    if (length > LINE_SHOWN_MAX) {
        length = LINE_SHOWN_MAX;
        while (length > 0 && ((unsigned char)plain[length] & 0xc0) == 0x80) /* within a character */
            length--;
        return xasprintf("%.*s...", (int)length, plain);
    }
    return STEAL(plain);
}
