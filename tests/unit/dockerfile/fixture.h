/* Dockerfiles that become specs, for the tests of host/dockerfile/conversion*.c. */
#ifndef VMBUILD_TESTS_DOCKERFILE_FIXTURE_H
#define VMBUILD_TESTS_DOCKERFILE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/conversion.h"
#include "host/lib/json_text.h"

/* What the images of registries are configured with. */
static const struct {
    const char *reference, *config;
} images[] = {
    {"docker://debian", "{\"Env\": [\"PATH=/bin\"]}"},
    {"docker://node", "{\"Env\": [\"PATH=/bin\", \"V=20\"], \"User\": \"node\", \"WorkingDir\": "
                      "\"/home\", \"Shell\": [\"/bin/bash\", \"-c\"], \"Cmd\": [\"node\"]}"},
    {"docker://onbuild", "{\"Env\": [\"PATH=/bin\"], \"OnBuild\": [\"ENV A=1\", \"COPY $A /b/\"]}"},
    {"docker://odd", "{\"Env\": [null, {}, \"B=2\", 3, \"\"]}"},
    {"base.tar", "{\"Env\": [\"PATH=/base\"]}"},
};

static inline struct error *find_config(void *context, const char *reference,
                                        const char *architecture, struct json **ret,
                                        char **ret_platform)
{
    struct strings *asked = context;

    (void)ret_platform;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        if (strcmp(images[i].reference, reference) == 0) {
            strings_take(asked, strdup(reference));
            strings_take(asked, strdup(architecture));
            return json_parse("config", images[i].config, strlen(images[i].config), ret);
        }
    return error_new(EXIT_NETWORK, "%s is unknown", reference);
}

static inline struct conversion_options defaults(void)
{
    return (struct conversion_options){
        .folder = ".", .architecture = "amd64", .build_machine = "amd64"};
}

static inline struct error *convert(const char *text, const struct conversion_options *options,
                                    struct conversion_result *ret)
{
    struct strings asked = {0};
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("Dockerfile", text, strlen(text), &file);

    if (err == NULL)
        err = conversion_make(file, options, find_config, &asked, ret);
    dockerfile_free(file);
    strings_free(&asked);
    return err;
}

/* Removes the texts of the history, which have tests of their own. */
static inline void remove_history(struct json *nodes)
{
    for (size_t i = 0; i < nodes->count; i++)
        json_remove(nodes->items[i], "createdBy");
}

/* TEXT becomes the images EXPECTED, with single quotes for double ones. */
static inline void becomes_by(const struct conversion_options *options, const char *text,
                              const char *expected)
{
    struct conversion_result result = {0};
    struct buffer out = {0};
    struct error *err = convert(text, options, &result);

    if (err != NULL)
        fail_msg("%s", err->message);
    remove_history(json_get(result.spec, "images"));
    json_write(json_get(result.spec, "images"), false, &out);
    for (size_t i = 0; i < out.length; i++)
        if (out.data[i] == '"')
            out.data[i] = '\'';
    assert_string_equal(out.data, expected);
    buffer_free(&out);
    conversion_result_free(&result);
}

static inline void becomes(const char *text, const char *expected)
{
    struct conversion_options options = defaults();

    becomes_by(&options, text, expected);
}

static inline void refuses(const char *text, const char *message)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};
    struct error *err = convert(text, &options, &result);

    assert_string_equal(err != NULL ? err->message : "no error", message);
    error_free(err);
}

#endif
