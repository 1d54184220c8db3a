/* Any bytes as a tar, in two pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "host/tar/tarsum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tarsum *sum = tarsum_new(TARSUM_V1, 1u << 20);
    char *text = NULL;
    struct error *err = tarsum_update(sum, data, size / 3);

    if (err == NULL)
        err = tarsum_update(sum, data + size / 3, size - size / 3);
    if (err == NULL) {
        err = tarsum_finish(sum, &text);
        sum = NULL;
    }
    tarsum_free(sum);
    error_free(err);
    free(text);
    return 0;
}
