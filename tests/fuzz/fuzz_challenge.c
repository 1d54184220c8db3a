/* The WWW-Authenticate headers of an answer, a line each: what is read of them can be written as a
 * header, and reads back as the same. */
#include "host/lib/memory.h"
#include "host/registry/challenge.h"
#include "tests/fuzz/fuzz.h"

/* Appends NAME="VALUE" with what has to be escaped. */
static void add_parameter(struct buffer *header, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buffer_printf(header, ",%s=\"", name);
    for (; *value != '\0'; value++)
        buffer_printf(header, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
    buffer_append(header, "\"", 1);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void write_and_read_back(const struct challenge *challenge)
{
    struct http_answer answer = {.status = 401};
    struct challenge again;
    struct buffer header = {0};

    buffer_printf(&header, "www-authenticate: %s", challenge->basic ? "Basic, " : "");
    if (challenge->bearer) {
        buffer_printf(&header, "Bearer ");
        add_parameter(&header, "realm", challenge->realm);
        add_parameter(&header, "service", challenge->service);
    }
    strings_take(&answer.headers, buffer_steal(&header));
    challenge_parse(&answer, &again);
    fuzz_expect(again.basic == challenge->basic && again.bearer == challenge->bearer &&
                same(again.realm, challenge->realm) && same(again.service, challenge->service));
    challenge_free(&again);
    http_answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_answer answer = {.status = 401};
    struct challenge challenge;
    char *text = fuzz_text((struct fuzz_bytes){data, size}), *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL)
        strings_take(&answer.headers, xasprintf("www-authenticate: %s", line));
    challenge_parse(&answer, &challenge);
    write_and_read_back(&challenge);
    challenge_free(&challenge);
    http_answer_free(&answer);
    free(text);
    return 0;
}
