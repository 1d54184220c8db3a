#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec.h"
#include "host/spec/spec_secret.h"

static void assert_secret(const struct secrets *secrets, size_t index, const char *id,
                          const char *bytes)
{
    assert_true(secrets->count > index);
    assert_string_equal(secrets->items[index].id, id);
    assert_int_equal(secrets->items[index].length, strlen(bytes));
    assert_memory_equal(secrets->items[index].bytes, bytes, strlen(bytes));
}

/* Two specs are given the secret of a pipe, which can be read only once. */
static void test_a_pipe_is_read_once(void **state)
{
    struct spec specs[2] = {0};
    const struct spec_secrets *const lists[] = {&specs[0].secrets, &specs[1].secrets};
    struct secrets loaded[2] = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "token", 5), 5);
    close(ends[1]);
    CLEANUP(freep) char *pipe_text = xasprintf("id=pipe,src=/proc/self/fd/%d", ends[0]);

    assert_int_equal(setenv("VMBUILD_TEST_SECRET", "variable", 1), 0);
    assert_null(spec_secrets_give(&specs[0].secrets, pipe_text, NULL));
    assert_null(spec_secrets_give(&specs[1].secrets, "id=v,env=VMBUILD_TEST_SECRET", NULL));
    assert_null(spec_secrets_give(&specs[1].secrets, pipe_text, NULL));
    assert_null(spec_secrets_load_all(lists, 2, loaded));
    assert_secret(&loaded[0], 0, "pipe", "token");
    assert_secret(&loaded[1], 0, "v", "variable");
    assert_secret(&loaded[1], 1, "pipe", "token");
    for (size_t i = 0; i < 2; i++) {
        secrets_free(&loaded[i]);
        spec_secret_list.free(&specs[i].secrets);
    }
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pipe_is_read_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
