/* Any bytes as QEMU's migration stream: what is kept of it is no longer than it was. */
#include "host/machine/migration_stream.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int from = fuzz_file(data, size), to = fuzz_file("", 0);
    struct error *err = migration_stream_copy(from, "pc.ram", to);

    /* A record may get back the name of its block, which a record left out had. */
    if (err == NULL)
        fuzz_expect(lseek(to, 0, SEEK_END) <= (off_t)(size + 256));
    error_free(err);
    close(from);
    close(to);
    return 0;
}
