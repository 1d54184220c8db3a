/* Which authorities are trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/lib/ca_bundle.h"
#include "host/registry/certificates.h"

/* The file for a host without a directory of its own, the caller's. */
static char *file_for(const char *default_file)
{
    struct certificates certificates;

    assert_null(certificates_find("registry.test:5", default_file, &certificates));
    char *file = certificates.file;

    certificates.file = NULL;
    certificates_free(&certificates);
    return file;
}

static void test_the_library_default_does(void **state)
{
    (void)state;
    assert_null(file_for("/dev/null"));
}

static void test_the_bundle_in_place_of_a_default_that_is_missing(void **state)
{
    const char *bundle = ca_bundle_find();
    const char *const missing[] = {"/no/such/bundle", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        char *file = file_for(missing[i]);

        if (bundle == NULL)
            assert_null(file);
        else
            assert_string_equal(file, bundle);
        free(file);
    }
}

static void test_the_environment_comes_first(void **state)
{
    (void)state;
    setenv("SSL_CERT_FILE", "/of/mine", 1);
    char *file = file_for("/no/such/bundle");

    unsetenv("SSL_CERT_FILE");
    assert_string_equal(file, "/of/mine");
    free(file);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("SSL_CERT_FILE");
    setenv("HOME", "/no/such/home", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_library_default_does),
        cmocka_unit_test(test_the_bundle_in_place_of_a_default_that_is_missing),
        cmocka_unit_test(test_the_environment_comes_first),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
