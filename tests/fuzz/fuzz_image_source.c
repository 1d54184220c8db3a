/* Any bytes as an input image: archives of every kind, compressed or not. What opens is
 * exported. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/format/image_source.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/store/store.h"
#include "host/tree/export.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;

static void remove_store(void)
{
    store_free(store);
    temporary_remove_all();
}

static void set_up(void)
{
    if (temporary_setup() != NULL || store_open(NULL, true, &store) != NULL)
        abort();
    atexit(remove_store);
}

static struct error *discard(void *context, const void *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    (void)length;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image *image = NULL;
    struct reference reference = {.transport = TRANSPORT_PATH};
    struct image_request request = {.forms = LAYER_TAR | LAYER_BLOB};
    int fd = memfd_create("image", MFD_CLOEXEC);

    if (store == NULL)
        set_up();
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    request.store = store;
    reference.path = xasprintf("/proc/self/fd/%d", fd);
    struct error *err = image_open(&reference, &request, &image);

    if (err == NULL)
        err = export_write(image, (struct sink){.write = discard});
    error_free(err);
    image_free(image);
    reference_free(&reference);
    close(fd);
    return 0;
}
