/* What becomes of a stand-in that a script changed, or of a copy of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/script/stand_in_text.h"

#define HOSTS "127.0.0.1\tlocalhost\t# vmbuild\n127.0.1.1\tvmbuild\t# vmbuild\n"
#define RESOLV "nameserver 10.0.2.3\nsearch example.org\n"

static struct text text_of(const char *bytes)
{
    return (struct text){.bytes = (char *)bytes, .length = bytes != NULL ? strlen(bytes) : 0};
}

static void test_show(void **state)
{
    struct stand_in_text hosts = {.own = text_of(HOSTS), .image = text_of("10.1.1.1 a\n")};
    struct stand_in_text resolv = {
        .own = text_of(RESOLV), .image = text_of("nameserver 8.8.8.8\n"), .replaces = true};
    struct text shown;

    (void)state;
    assert_int_equal(stand_in_text_show(&hosts, &shown), 0);
    assert_int_equal(shown.length, strlen(HOSTS "10.1.1.1 a\n"));
    assert_memory_equal(shown.bytes, HOSTS "10.1.1.1 a\n", shown.length);
    free(shown.bytes);
    assert_int_equal(stand_in_text_show(&resolv, &shown), 0);
    assert_int_equal(shown.length, strlen(RESOLV));
    assert_memory_equal(shown.bytes, RESOLV, shown.length);
    free(shown.bytes);
}

static void test_restore(void **state)
{
    static const struct {
        const char *own, *image;
        bool replaces;
        const char *file;
        const char *restored; /* NULL: it has nothing of the stand-in */
    } cases[] = {
        /* Lines that are added. */
        {HOSTS, NULL, false, HOSTS, ""},
        {HOSTS, NULL, false, HOSTS "10.1.1.1 a\n", "10.1.1.1 a\n"},
        {HOSTS, "10.1.1.1 a\n", false, HOSTS "10.1.1.1 a\nb", "10.1.1.1 a\nb"},
        {HOSTS, NULL, false, "x\n127.0.1.1\tvmbuild\t# vmbuild", "x\n"},
        /* A script's own, which mean the same. */
        {HOSTS, NULL, false, "127.0.0.1\tlocalhost\n127.0.1.1\tvmbuild\n", NULL},
        {HOSTS, NULL, false, "", NULL},
        {HOSTS, NULL, false, "\n\n", NULL},
        /* Lines that replace the image's. */
        {RESOLV, NULL, true, RESOLV, ""},
        {RESOLV, "nameserver 8.8.8.8", true, RESOLV, "nameserver 8.8.8.8\n"},
        {RESOLV, "nameserver 8.8.8.8\n", true, RESOLV "options edns0\n",
         "nameserver 8.8.8.8\noptions edns0\n"},
        {RESOLV, "nameserver 8.8.8.8\n", true, "# made\nsearch example.org\nnameserver 10.0.2.3\n",
         "# made\nnameserver 8.8.8.8\n"},
        {RESOLV, NULL, true, "nameserver 10.0.2.3\nnameserver 1.1.1.1\nnameserver 10.0.2.3\n",
         "nameserver 1.1.1.1\n"},
        /* Not made from the stand-in, though it has lines in common. */
        {RESOLV, NULL, true, "nameserver 1.1.1.1\nsearch example.org\n", NULL},
        {RESOLV, NULL, true, "nameserver 10.0.2.30\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stand_in_text stand_in = {.own = text_of(cases[i].own),
                                         .image = text_of(cases[i].image),
                                         .replaces = cases[i].replaces};
        struct text restored = {0};
        bool found = stand_in_text_restore(&stand_in, text_of(cases[i].file), &restored);

        assert_int_equal(found, cases[i].restored != NULL);
        if (!found)
            continue;
        assert_int_equal(restored.length, strlen(cases[i].restored));
        assert_memory_equal(restored.bytes, cases[i].restored, restored.length);
        free(restored.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show),
        cmocka_unit_test(test_restore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
