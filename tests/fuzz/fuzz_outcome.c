/* Any bytes as the guest's replies: a reply that is accepted has one form only. */
#include <inttypes.h>
#include <stdio.h>

#include "guest/contract.h"
#include "host/vm/outcome.h"
#include "tests/fuzz/fuzz.h"

/* Returns whether the line LINE, with or without a newline, is TEXT. */
static bool is_line(const char *line, const char *text)
{
    size_t length = strlen(text);

    return strncmp(line, text, length) == 0 &&
           (line[length] == '\0' || strcmp(line + length, "\n") == 0);
}

static void check_outcome(const char *line)
{
    struct outcome outcome = {0};
    struct error *err = outcome_parse(line, &outcome);

    if (err == NULL) {
        char end[32], again[GUEST_REPLY_MAX];

        if (outcome.end == OUTCOME_TIMEOUT)
            snprintf(end, sizeof end, "timeout");
        else
            snprintf(end, sizeof end, "%s %d", outcome.end == OUTCOME_EXITED ? "exited" : "killed",
                     outcome.number);
        snprintf(again, sizeof again,
                 "%s oom=%" PRIu64 " full=%d unreachable=%" PRIu64 " line=%" PRIu64
                 " output=%" PRIu64,
                 end, outcome.oom, outcome.full, outcome.unreachable, outcome.line, outcome.output);
        fuzz_expect(is_line(line, again));
    }
    error_free(err);
}

static void check_layer(const char *line)
{
    uint64_t size = 0;
    struct error *err = outcome_parse_layer(line, &size);

    if (err == NULL) {
        char again[GUEST_REPLY_MAX];

        snprintf(again, sizeof again, "layer=%" PRIu64, size);
        fuzz_expect(is_line(line, again));
    }
    error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = fuzz_text((struct fuzz_bytes){data, size});

    check_outcome(line);
    check_layer(line);
    free(line);
    return 0;
}
