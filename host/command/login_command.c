#include <string.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/progress.h"
#include "host/registry/login.h"

/* WHAT has been done for REGISTRY in the file PATH. */
static void show_result(const char *what, const char *registry, const char *path)
{
    CLEANUP(json_freep) struct json *result = json_object();

    json_set(result, "registry", json_string(registry));
    json_set(result, "authfile", json_string(path));
    progress_note("%s '%s': '%s'", what, registry, path);
    progress_result(NULL, result);
}

struct error *login_command(const struct options *options)
{
    const char *registry = options->arguments.items[0];
    struct registry_access access = options_registry(options);
    CLEANUP(freep) char *path = NULL;

    TRY(login_put(registry, &access, &path));
    show_result("logged in to", registry, path);
    return NULL;
}

struct error *logout_command(const struct options *options)
{
    const char *registry = options->arguments.items[0];
    CLEANUP(freep) char *path = NULL;

    TRY(login_remove(registry, options->auth_file, &path));
    show_result("logged out of", registry, path);
    return NULL;
}
