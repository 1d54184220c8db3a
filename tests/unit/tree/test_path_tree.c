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

/* merged_tree.c has a limit for this. */
static void test_deep_tree_is_freed(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    struct path_node *node = path_tree_root(tree);

    (void)state;
    for (int i = 0; i < 8192; i++)
        node = path_tree_add(node, "a", 1, 1);
    path_tree_free(tree);
}

static void test_children_are_sorted(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    struct path_nodes children = {0};

    (void)state;
    path_tree_put(tree, "b", false, 1);
    path_tree_put(tree, "c/d", false, 1);
    path_tree_put(tree, "a", true, 1);
    path_tree_children(path_tree_root(tree), &children);
    assert_int_equal(children.count, 3);
    assert_string_equal(children.items[0]->name, "a");
    assert_string_equal(children.items[1]->name, "b");
    assert_string_equal(children.items[2]->name, "c");
    path_nodes_free(&children);
    path_tree_free(tree);
}

static void test_remove(void **state)
{
    struct path_tree *tree = path_tree_new(count_free);
    int data;

    (void)state;
    freed = 0;
    path_tree_put(tree, "a/b", false, 1)->data = &data;
    path_tree_put(tree, "a/c", false, 1)->data = &data;
    path_tree_remove(tree, path_tree_find(tree, "a"));
    assert_int_equal(freed, 2);
    assert_null(path_tree_find(tree, "a"));
    path_tree_free(tree);
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
        cmocka_unit_test(test_deep_tree_is_freed),
        cmocka_unit_test(test_children_are_sorted),
        cmocka_unit_test(test_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
