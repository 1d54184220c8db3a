/* A spec file, alone and with an override of each kind of value. What it names is looked for in a
 * directory that does not exist, so that nothing of the host is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/build/plan.h"
#include "host/spec/spec_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan(const struct spec *spec)
{
    struct plan steps;
    struct buffer environment = {0};

    plan_make(spec, &steps);
    json_free(plan_describe(&steps, spec));
    plan_environment(spec, NULL, &environment);
    plan_builder_environment(spec, &environment);
    buffer_free(&environment);
}

static void read_spec(const char *path, const struct spec_override *overrides, size_t count)
{
    struct spec_graph *graph = NULL;
    const struct spec_graph_request request = {.overrides = overrides, .override_count = count};
    struct error *err = spec_graph_read(path, &request, &graph);

    for (size_t i = 0; err == NULL && i < graph->count; i++)
        plan(graph->nodes[i]->spec);
    error_free(err);
    spec_graph_free(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spec_override overrides[] = {
        {"memory", "memory", "1024"},
        {"set", "tag", "1"},
        {"set", "env", "{\"A\": \"b\"}"},
    };
    char path[32];
    int fd = memfd_create("spec", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    read_spec(path, NULL, 0);
    read_spec(path, overrides, sizeof overrides / sizeof *overrides);
    close(fd);
    return 0;
}
