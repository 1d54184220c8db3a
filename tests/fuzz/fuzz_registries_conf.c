/* A registries.conf, then an image, as users write its name. */
#include <fcntl.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/registry/registries_conf.h"
#include "host/registry/short_name.h"
#include "tests/fuzz/fuzz.h"

static char *path;

static void clean_up(void)
{
    temporary_remove_all();
    free(path);
}

static void set_up(void)
{
    fuzz_expect(temporary_setup() == NULL && atexit(clean_up) == 0 &&
                temporary_file("/dev/shm", "registries", &path, NULL) == NULL);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
    setenv("HOME", path, 1); /* not a directory: no files of the user's */
}

static void write_file(struct fuzz_bytes bytes)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    fuzz_expect(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    close(fd);
}

static void find_places(const struct reference *reference)
{
    const struct registry_access access = {0};
    struct registry_endpoints places = {0};
    bool insecure;
    struct error *err = registries_conf_pull(reference, &access, &places);

    if (err == NULL) {
        fuzz_expect(places.count > 0);
        for (size_t i = 0; i < places.count; i++)
            fuzz_expect(places.items[i].reference.host != NULL &&
                        places.items[i].reference.name != NULL);
    }
    error_free(err);
    registry_endpoints_free(&places);
    error_free(registries_conf_push(reference, &access, &insecure));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes input = {data, size};
    struct reference reference = {0};

    if (path == NULL)
        set_up();
    write_file(fuzz_piece(&input));
    char *name = fuzz_text(fuzz_piece(&input));
    struct error *err = short_name_resolve(name, &reference);

    if (err == NULL)
        find_places(&reference);
    error_free(err);
    reference_free(&reference);
    free(name);
    return 0;
}
