#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_record.h"
#include "tests/unit/store/fixture.h"

static void test_rotten_and_exchanged_records_are_ignored(void **state)
{
    struct store *store = open_store();
    CLEANUP(freep) char *path = xasprintf("%s/records/inputs/aa", folder);
    static const char *const keys[] = {"aa", "bb", "cc"};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        put_record(store, keys[i], 100000000 + (int64_t)i);
    for (size_t i = 0; i < 3; i++) {
        struct json *record = store_record_get(store, "inputs", keys[i]);

        assert_non_null(record);
        json_free(record);
    }
    rot(path);
    swap("records/inputs/bb", "records/inputs/cc");
    for (size_t i = 0; i < 3; i++)
        assert_null(store_record_get(store, "inputs", keys[i]));
    assert_int_equal(access(path, F_OK), -1);
    store_free(store);
}

static void test_record_is_kept_and_a_bad_one_ignored(void **state)
{
    struct store *store = open_store();
    struct json *record = json_object();

    (void)state;
    json_set(record, "size", json_integer(7));
    store_record_put(store, "inputs", "00aa", record);
    json_free(record);
    record = store_record_get(store, "inputs", "00aa");
    assert_non_null(json_get(record, "size"));
    json_free(record);
    char *path = xasprintf("%s/records/inputs/00aa", folder);

    overwrite(path, "garbage", 0);
    assert_null(store_record_get(store, "inputs", "00aa"));
    assert_null(store_record_get(store, "inputs", "00ab"));
    free(path);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotten_and_exchanged_records_are_ignored),
        cmocka_unit_test(test_record_is_kept_and_a_bad_one_ignored),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
