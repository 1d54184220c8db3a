/* Docker's archives, those of 2016 with their chain of layers among them. */
#include "tests/fuzz/image_pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_pieces_run(data, size, TRANSPORT_DOCKER_ARCHIVE, TRANSPORT_PATH);
    return 0;
}
