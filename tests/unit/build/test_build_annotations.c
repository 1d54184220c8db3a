/* The annotations of a new image's manifest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/build_annotations.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define PREFIX "\"org.opencontainers.image."
#define CREATED PREFIX "created\":\"1970-01-01T00:00:05Z\""
#define DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" /* of {} */

/* Expects those of a spec with GIVEN (JSON, or NULL), on BASE (or NULL), to be EXPECTED. */
static void expect(const char *given, const struct image *base, const char *expected)
{
    struct spec spec = {.created = 5};
    CLEANUP(buffer_free) struct buffer text = {0};

    if (given != NULL)
        assert_null(json_parse("test", given, strlen(given), &spec.annotations));
    CLEANUP(json_freep) struct json *annotations = build_annotations(&spec, base);

    json_write(annotations, false, &text);
    assert_string_equal(text.data, expected);
    json_free(spec.annotations);
}

static void test_without_base(void **state)
{
    (void)state;
    expect(NULL, NULL, "{" CREATED "}");
    expect("{}", NULL, "{" CREATED "}");
}

static void test_base(void **state)
{
    char name[] = "debian", tag[] = "12", manifest[] = "{}", invalid[] = "app.fromImage";
    struct image base = {.name = name, .tag = tag};

    (void)state;
    expect(NULL, &base, "{" PREFIX "base.name\":\"docker.io/library/debian:12\"," CREATED "}");
    base.manifest = (struct buffer){.data = manifest, .length = 2};
    expect(NULL, &base,
           "{" PREFIX "base.digest\":\"" DIGEST "\"," PREFIX
           "base.name\":\"docker.io/library/debian:12\"," CREATED "}");
    base.tag = NULL;
    expect(NULL, &base,
           "{" PREFIX "base.digest\":\"" DIGEST "\"," PREFIX
           "base.name\":\"docker.io/library/debian@" DIGEST "\"," CREATED "}");
    base.name = invalid;
    expect(NULL, &base, "{" PREFIX "base.digest\":\"" DIGEST "\"," CREATED "}");
    base = (struct image){0};
    expect(NULL, &base, "{" CREATED "}");
}

/* They are in the order of their names, whatever it is in the spec. */
static void test_those_of_the_spec_win(void **state)
{
    (void)state;
    expect("{\"z\":\"1\",\"a\":\"\",\"org.opencontainers.image.created\":\"now\"}", NULL,
           "{\"a\":\"\",\"org.opencontainers.image.created\":\"now\",\"z\":\"1\"}");
    expect("{\"b\":null,\"org.opencontainers.image.created\":null}", NULL, "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_base),
        cmocka_unit_test(test_base),
        cmocka_unit_test(test_those_of_the_spec_win),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
