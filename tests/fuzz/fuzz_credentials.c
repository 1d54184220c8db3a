/* A file of credentials, then the image that they are for, as HOST/NAME. The first byte chooses
 * between the file's forms. No helper is there to be started. */
#include <fcntl.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/registry/credentials.h"
#include "tests/fuzz/fuzz.h"

static char *home, *path, *legacy_path;

static void clean_up(void)
{
    temporary_remove_all();
    free(home);
    free(path);
    free(legacy_path);
}

static void set_up(void)
{
    fuzz_expect(temporary_setup() == NULL && atexit(clean_up) == 0 &&
                temporary_folder("/dev/shm", "credentials", &home) == NULL);
    path = xasprintf("%s/auth.json", home);
    legacy_path = xasprintf("%s/.dockercfg", home);
    unsetenv("REGISTRY_AUTH_FILE");
    unsetenv("DOCKER_CONFIG");
    unsetenv("XDG_CONFIG_HOME");
    setenv("XDG_RUNTIME_DIR", home, 1);
    setenv("HOME", home, 1);
    setenv("PATH", home, 1);
}

static void write_file(const char *name, struct fuzz_bytes bytes)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    fuzz_expect(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    close(fd);
}

static void check(const struct credential *credential)
{
    if (!credential_given(credential))
        return;
    fuzz_expect(credential->origin != NULL &&
                (credential->user == NULL) == (credential->password == NULL));
    if (credential->user != NULL)
        free(credential_basic(credential));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes input = {data, size};
    struct credential credential = {0};

    if (home == NULL)
        set_up();
    bool is_legacy = (fuzz_byte(&input) & 1) != 0;

    write_file(is_legacy ? legacy_path : path, fuzz_piece(&input));
    char *host = fuzz_text(fuzz_piece(&input));
    char *slash = strchr(host, '/');

    if (slash != NULL)
        *slash = '\0';
    struct error *err = credentials_find(is_legacy ? NULL : path, host,
                                         slash != NULL ? slash + 1 : "name", &credential);

    if (err == NULL)
        check(&credential);
    error_free(err);
    credential_free(&credential);
    free(credentials_key(host));
    free(host);
    unlink(legacy_path);
    return 0;
}
