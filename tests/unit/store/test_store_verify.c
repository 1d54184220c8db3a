#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_verify.h"
#include "tests/unit/store/fixture.h"

static void test_verification_finds_everything(void **state)
{
    static const char *const places[] = {"disks/aa", "snapshots/aa", "records/inputs/aa"};
    struct store *store = open_store();
    struct store_verification found = {0};
    struct digest blob;

    (void)state;
    assert_null(store_verify(store, &found)); /* what other tests have left */
    size_t before = found.checked - found.damaged.count;

    strings_free(&found.damaged);
    blob = publish_blob(store, "a blob to be verified");
    publish(store, STORE_DISK, "aa", "a disk to be verified");
    publish(store, STORE_DISK, "bb", "a disk that stays");
    publish(store, STORE_SNAPSHOT, "aa", "a state to be verified");
    put_record(store, "aa", 123456789);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.damaged.count, 0);
    assert_true(found.checked >= 5);
    size_t all = found.checked;

    assert_true(all >= before);
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", folder, places[i]);

        rot(path);
    }
    CLEANUP(freep) char *path = xasprintf("%s/blobs/sha256/%s", folder, blob.hex);

    rot(path);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.checked, all);
    assert_int_equal(found.damaged.count, 4);
    assert_non_null(strstr(found.damaged.items[0], blob.hex));
    for (size_t i = 0; i < 3; i++)
        assert_true(strings_contain(&found.damaged, places[i]));
    strings_free(&found.damaged);
    found = (struct store_verification){0};
    assert_null(store_verify(store, &found));
    assert_int_equal(found.checked, all - 4);
    assert_int_equal(found.damaged.count, 0);
    store_free(store);
}

/* A blob whose checksums are right, but not its digest: only the verification hashes it. */
static void test_verification_hashes_blobs(void **state)
{
    struct store *store = open_store();
    struct store_verification found = {0};
    struct digest digest;

    (void)state;
    digest_of("one", 3, &digest);
    publish(store, STORE_BLOB, digest.hex, "another");
    store_free(store);
    store = open_store();
    assert_true(finds(store, STORE_BLOB, digest.hex));
    assert_null(store_verify(store, &found));
    assert_int_equal(found.damaged.count, 1);
    assert_non_null(strstr(found.damaged.items[0], digest.hex));
    strings_free(&found.damaged);
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verification_finds_everything),
        cmocka_unit_test(test_verification_hashes_blobs),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
