/* Directories as skopeo's transport `dir` writes them. */
#include "tests/fuzz/image_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_pieces_run(data, size, TRANSPORT_DIR, TRANSPORT_DIR);
    return 0;
}
