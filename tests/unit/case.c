/*
 * Linked to every unit test: CASE=PATTERN in the environment runs the test functions whose names
 * match it ('*' and '?' as in the shell) and no others. Without it, all run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Before main: cmocka reads the filter when main starts the tests. */
__attribute__((constructor)) static void choose_case(void)
{
    const char *pattern = getenv("CASE");

    if (pattern != NULL && *pattern != '\0')
        cmocka_set_test_filter(pattern);
}
