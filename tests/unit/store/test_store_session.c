#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/store/fixture.h"

static void test_session_folder_goes_with_the_store(void **state)
{
    struct store *store = open_store();
    char *path = NULL;
    int fd = -1;

    (void)state;
    assert_null(store_temporary(store, &path, &fd));
    close(fd);
    assert_int_equal(access(path, F_OK), 0);
    store_free(store);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_sessions(), 0);
    free(path);
}

static void test_killed_session_is_removed_and_living_one_kept(void **state)
{
    pid_t dead = start_child(NULL);
    pid_t living = start_child(NULL);

    (void)state;
    kill_child(dead);
    assert_int_equal(count_sessions(), 2);
    struct store *store = open_store();

    assert_int_equal(count_sessions(), 2); /* the living one's and this one's */
    store_free(store);
    kill_child(living);
}

/* As if this process had no descriptor left to open its file with. */
static void test_session_that_cannot_be_looked_at_is_kept(void **state)
{
    char *command = xasprintf("mkdir -p '%s/sessions/.session.odd/uses'", folder);
    char *path = xasprintf("%s/sessions/.session.odd", folder);

    (void)state;
    assert_int_equal(system(command), 0);
    store_free(open_store());
    assert_int_equal(access(path, F_OK), 0);
    temporary_remove(path);
    free(command);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_folder_goes_with_the_store),
        cmocka_unit_test(test_killed_session_is_removed_and_living_one_kept),
        cmocka_unit_test(test_session_that_cannot_be_looked_at_is_kept),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
