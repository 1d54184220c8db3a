/* The ports of EXPOSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/dockerfile/ports.h"

static void test_ports(void **state)
{
    struct json *ports = json_object();

    (void)state;
    assert_null(ports_read("80", ports));
    assert_null(ports_read("53/UDP", ports));
    assert_null(ports_read("8000-8002", ports));
    assert_null(ports_read("127.0.0.1:8080:90/sctp", ports));
    assert_null(ports_read("0", ports));
    assert_int_equal(ports->count, 7);
    assert_non_null(json_get(ports, "80/tcp"));
    assert_non_null(json_get(ports, "53/udp"));
    assert_non_null(json_get(ports, "8001/tcp"));
    assert_non_null(json_get(ports, "90/sctp"));
    json_free(ports);
}

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "65536",
                                        "80/x",
                                        "80-79",
                                        "80-",
                                        "-80",
                                        "80 ",
                                        "8x",
                                        "80/tcp/udp",
                                        "80:",
                                        "/tcp",
                                        "99999999999999999999999"};
    struct json *ports = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error *err = ports_read(texts[i], ports);

        if (err == NULL)
            fail_msg("'%s' is a port", texts[i]);
        error_free(err);
    }
    assert_int_equal(ports->count, 0);
    json_free(ports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
