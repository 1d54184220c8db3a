/* The word of a mount: what is read is within what its kind may have. */
#include "guest/contract.h"
#include "guest/script/mount_word.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text((struct fuzz_bytes){data, size});
    struct mount_word mount;
    struct fault fault = {0};

    if (mount_word_read(text, &mount, &fault) == 0) {
        fuzz_expect(mount.kind <= MOUNT_CACHE && mount.part < GUEST_MOUNTS_MAX);
        fuzz_expect(mount.target == NULL || *mount.target == '/');
        fuzz_expect(mount.kind == MOUNT_SECRET || mount.target != NULL);
        fuzz_expect(mount.kind != MOUNT_CACHE || mount.disk != NULL);
        fuzz_expect(mount.kind != MOUNT_SECRET || mount.file != NULL);
        fuzz_expect(mount.mode <= 07777);
    }
    free(text);
    return 0;
}
