#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/tree/path_tree.h"

static void test_later_owner_wins(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "etc/passwd", false, 1);
    path_tree_put(tree, "etc/passwd", false, 2);
    assert_int_equal(path_tree_find(tree, "etc/passwd")->owner, 2);
    path_tree_free(tree);
}

static void test_parents_are_implied(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "a/b/c", false, 7);
    assert_true(path_tree_find(tree, "a/b")->is_folder);
    assert_int_equal(path_tree_find(tree, "a")->owner, PATH_TREE_IMPLIED);
    path_tree_free(tree);
}

static void test_file_replaces_folder_with_all_below(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "lib/x/y", false, 1);
    path_tree_put(tree, "lib", false, 2);
    assert_null(path_tree_find(tree, "lib/x/y"));
    assert_false(path_tree_find(tree, "lib")->is_folder);
    path_tree_free(tree);
}

static void test_child_turns_file_into_folder(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "lib", false, 1);
    path_tree_put(tree, "lib/x", false, 2);
    assert_true(path_tree_find(tree, "lib")->is_folder);
    assert_int_equal(path_tree_find(tree, "lib")->owner, PATH_TREE_IMPLIED);
    path_tree_free(tree);
}

static void test_folders_merge(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "d", true, 1);
    path_tree_put(tree, "d/one", false, 2);
    path_tree_put(tree, "d", true, 3);
    assert_int_equal(path_tree_find(tree, "d")->owner, 3);
    assert_int_equal(path_tree_find(tree, "d/one")->owner, 2);
    path_tree_free(tree);
}

static void test_path_of_node(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    char *path = path_tree_path(path_tree_put(tree, "/a//b/c/", false, 1));

    (void)state;
    assert_string_equal(path, "a/b/c");
    free(path);
    path_tree_free(tree);
}

static int freed;

static void count_free(void *data)
{
    (void)data;
    freed++;
}

static void test_data_goes_with_its_entry(void **state)
{
    struct path_tree *tree = path_tree_new(count_free);
    int data;

    (void)state;
    freed = 0;
    path_tree_put(tree, "a", false, 1)->data = &data;
    path_tree_put(tree, "a", false, 2)->data = &data;
    assert_int_equal(freed, 1);
    path_tree_free(tree);
    assert_int_equal(freed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_owner_wins),
        cmocka_unit_test(test_parents_are_implied),
        cmocka_unit_test(test_file_replaces_folder_with_all_below),
        cmocka_unit_test(test_child_turns_file_into_folder),
        cmocka_unit_test(test_folders_merge),
        cmocka_unit_test(test_path_of_node),
        cmocka_unit_test(test_data_goes_with_its_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
