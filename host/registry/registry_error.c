#include "host/registry/registry_error.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/printable.h"

/* Appends TEXT's printable characters, up to the limit. */
static void append_words(struct buffer *out, const char *text)
{
    printable_append(out, text, strlen(text), PRINTABLE_ASCII, PRINTABLE_DROP);
    if (out->length > REGISTRY_ERROR_WORDS_MAX) {
        out->length = REGISTRY_ERROR_WORDS_MAX;
        out->data[out->length] = '\0';
    }
}

/* Appends the code and the message of each of ERRORS. */
static void append_errors(struct buffer *out, const struct json *errors)
{
    for (size_t i = 0; i < errors->count && errors->type == JSON_ARRAY; i++) {
        const char *code = json_get_string(errors->items[i], "code");
        const char *message = json_get_string(errors->items[i], "message");

        if (out->length > 0)
            append_words(out, "; ");
        if (code != NULL)
            append_words(out, code);
        if (code != NULL && message != NULL)
            append_words(out, ": ");
        if (message != NULL)
            append_words(out, message);
    }
}

static void read_words(const struct http_answer *answer, struct buffer *out)
{
    CLEANUP(json_freep) struct json *body = NULL;
    struct error *err = json_parse("answer", answer->body.data, answer->body.length, &body);

    if (err != NULL) {
        error_free(err);
        return;
    }
    const struct json *errors = json_get(body, "errors");
    const char *words = json_get_string(body, "error_description");

    if (words == NULL)
        words = json_get_string(body, "error");
    if (words == NULL)
        words = json_get_string(body, "details");
    if (errors != NULL)
        append_errors(out, errors);
    else if (words != NULL)
        append_words(out, words);
}

struct error *registry_error(const struct http_answer *answer, const char *what)
{
    CLEANUP(buffer_free) struct buffer words = {0};

    if (answer->body.length > 0)
        read_words(answer, &words);
    if (words.length == 0)
        return error_new(EXIT_NETWORK, "%s (status %d)", what, answer->status);
    return error_new(EXIT_NETWORK, "%s (status %d): %s", what, answer->status, words.data);
}
