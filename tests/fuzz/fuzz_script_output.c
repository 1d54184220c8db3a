/* Any bytes as what a guest sends of two streams of a script: frames, cut anywhere. The same is
 * kept of them however they are cut. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/progress.h"
#include "host/vm/script_output.h"

/* What `cat -v` shows never has its first letter. */
#define SECRET "\u00e9-secret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes DATA in pieces of PIECE bytes. Returns the last lines, and whether all was valid. */
static char *take(const uint8_t *data, size_t size, size_t piece, bool *ret_valid)
{
    static char word[] = SECRET;
    struct secret secret = {.id = word, .bytes = word, .length = sizeof word - 1};
    const struct secrets secrets = {.items = &secret, .count = 1};
    struct script_output *output =
        script_output_new(&(struct script_output_plan){.secrets = &secrets, .tells_streams = true});
    struct error *err = NULL;

    for (size_t at = 0; err == NULL && at < size; at += piece)
        err = script_output_write(output, data + at, size - at < piece ? size - at : piece);
    *ret_valid = err == NULL;
    if (script_output_is_valid(output) != *ret_valid)
        abort();
    error_free(err);
    script_output_end(output);
    char *tail = script_output_take_tail(output);

    script_output_free(output);
    return tail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool is_valid, is_valid_cut;

    progress_setup(PROGRESS_NONE, 0);
    char *tail = take(data, size, size > 0 ? size : 1, &is_valid);
    char *cut = take(data, size, size > 0 ? data[0] % 7 + 1u : 1, &is_valid_cut);

    if (is_valid != is_valid_cut || strcmp(tail, cut) != 0 || strstr(tail, SECRET) != NULL)
        abort();
    free(tail);
    free(cut);
    return 0;
}
