/* OCI layouts, in a directory and in an archive. */
#include "tests/fuzz/image_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_pieces_run(data, size, TRANSPORT_OCI_ARCHIVE, TRANSPORT_OCI);
    return 0;
}
